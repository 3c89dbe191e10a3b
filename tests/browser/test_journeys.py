"""A marketer changes a journey in the browser; the next visitors are treated by the new version."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from cdp_site.web import Role
from journeys.models import Journey, Run
from tests import build
from tests.journeys.documents import Document, branch, case, is_vip, leave, send, wait, wait_until
from tests.site.pipeline import drive

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("guard"),
]

SignIn = Callable[..., str]

DOCUMENT: Document = {
    "language": 1,
    "entry": {
        "on": {"event": "Page Viewed"},
        "if": {
            "event": "Page Viewed",
            "where": [{"property": "path", "op": "is", "value": "/tents"}],
            "count": {"op": "exactly", "value": 3},
            "during": {"last": "P7D"},
        },
    },
    "goal": {"event": "Order Completed", "during": {"since": "entry"}},
    "steps": [
        {**wait("pause", length="PT4H"), "name": "Let them think"},
        send("mail"),
        wait_until(
            "ordered",
            timeout="P2D",
            then=[leave("bye")],
            otherwise=[branch("who", cases=[case("VIP", condition=is_vip(), steps=[wait("nap")])])],
        ),
    ],
}


@pytest.fixture
def story(live_server: LiveServer) -> Journey:
    build.template(slug="welcome")
    return build.journey(slug="third-visit", name="Third visit", document=DOCUMENT)


@pytest.fixture
def address(live_server: LiveServer, story: Journey) -> str:
    return f"{live_server.url}/journeys/{story.slug}/"


def visits(device: str, *, number: int) -> None:
    """Somebody looks at the tents so many times, a minute apart, up to now."""
    drive.browser()
    for past in reversed(range(number)):
        drive.put(
            drive.page(device, path="/tents"),
            source=drive.browser(),
            received_at=timezone.now() - timedelta(minutes=past),
        )
    drive.drain()


def runs_of(device: str) -> list[tuple[int, timedelta | None]]:
    """The version of each run of somebody, and how long its first wait is."""
    person = drive.person_of(device, kind="anonymous_id")
    rows = Run.objects.filter(person=person).select_related("version").order_by("pk")
    return [(row.version.number, row.due_at - row.entered_at if row.due_at else None) for row in rows]


def test_marketer__changes_count_and_wait_and_publishes(page: Page, address: str, sign_in: SignIn) -> None:
    visits("before", number=3)
    assert runs_of("before") == [(1, timedelta(hours=4))]

    sign_in(Role.MARKETER)
    page.goto(address)
    page.get_by_role("link", name=re.compile("^Entry")).click()
    panel = page.get_by_role("complementary", name="Entry")
    how_often = panel.get_by_role("spinbutton", name="Times")
    expect(how_often).to_have_value("3")
    how_often.fill("2")
    panel.get_by_role("button", name="Save in the draft").click()
    expect(page.get_by_role("status")).to_contain_text("Saved in the draft.")
    expect(page.get_by_role("link", name=re.compile("^Entry"))).to_contain_text("exactly 2 times")

    page.get_by_role("link", name=re.compile("Let them think")).click()
    panel = page.get_by_role("complementary", name="Wait")
    panel.get_by_label("Go on after").fill("1")
    panel.get_by_label("Unit").select_option(label="days")
    panel.get_by_role("button", name="Save in the draft").click()
    expect(page.get_by_role("link", name=re.compile("Let them think"))).to_contain_text("after 1 day")
    expect(page.get_by_text("Draft, not published")).to_be_visible()
    visits("meanwhile", number=2)
    assert runs_of("meanwhile") == []  # a draft is nothing yet

    page.get_by_role("link", name="Publish…").click()
    expect(page.get_by_role("listitem").filter(has_text="Let them think")).to_contain_text("4 hours")
    page.get_by_role("button", name="Publish version 2").click()
    expect(page.get_by_text("Live v2")).to_be_visible()
    expect(page.get_by_text("Draft, not published")).to_have_count(0)

    visits("after", number=2)
    assert runs_of("after") == [(2, timedelta(days=1))]
    visits("late", number=3)
    assert [version for version, _due in runs_of("late")] == [2]


def test_marketer__errors_stand_under_their_field(page: Page, address: str, sign_in: SignIn) -> None:
    sign_in(Role.MARKETER)
    page.goto(f"{address}?step=@entry")
    panel = page.get_by_role("complementary", name="Entry")
    panel.get_by_role("spinbutton", name="Times").fill("-1")
    panel.get_by_role("button", name="Save in the draft").click()
    expect(panel.get_by_text("Ensure this value is greater than or equal to 0.")).to_be_visible()
    expect(panel.get_by_role("spinbutton", name="Times")).to_have_value("-1")
    expect(panel.get_by_role("spinbutton", name="Times")).to_have_attribute("aria-invalid", "true")


def test_two_marketers__the_second_is_told(
    page: Page, browser: Browser, address: str, sign_in: SignIn
) -> None:
    sign_in(Role.MARKETER)
    page.goto(f"{address}?step=pause")
    with browser.new_context() as other:
        tom = sign_in(Role.MARKETER, into=other)
        his = other.new_page()
        his.goto(f"{address}?step=pause")
        his.get_by_label("Go on after").fill("6")
        his.get_by_role("button", name="Save in the draft").click()
        expect(his.get_by_role("status")).to_contain_text("Saved")
    page.get_by_label("Go on after").fill("9")
    page.get_by_role("button", name="Save in the draft").click()
    expect(page.get_by_role("alert")).to_contain_text(f"{tom} changed this step while you did")
    expect(page.get_by_label("Go on after")).to_have_value("9")
    expect(page.get_by_text("In the draft now: 6 hours")).to_be_visible()
    page.get_by_role("button", name="Save in the draft").click()
    expect(page.get_by_role("link", name=re.compile("Let them think"))).to_contain_text("after 9 hours")


def test_without_scripts(browser: Browser, address: str, sign_in: SignIn) -> None:
    with browser.new_context(java_script_enabled=False) as plain:
        sign_in(Role.MARKETER, into=plain)
        page = plain.new_page()
        page.goto(address)
        page.get_by_role("link", name=re.compile("Let them think")).click()
        page.get_by_label("Go on after").fill("5")
        page.get_by_role("button", name="Save in the draft").click()
        expect(page.get_by_text("Saved in the draft.")).to_be_visible()
        page.get_by_role("link", name="Publish…").click()
        page.get_by_role("button", name="Publish version 2").click()
        expect(page.get_by_text("Live v2")).to_be_visible()


def test_keys(page: Page, address: str, sign_in: SignIn) -> None:
    sign_in(Role.MARKETER)
    page.goto(address)
    page.get_by_role("link", name=re.compile("^Entry")).focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name=re.compile("Let them think"))).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Wait")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("complementary", name="Wait")).to_have_count(0)
    expect(page.get_by_role("link", name=re.compile("Let them think"))).to_be_focused()


def test_zoom__far_away_cards_keep_their_names(page: Page, address: str, sign_in: SignIn) -> None:
    sign_in(Role.MARKETER)
    page.goto(address)
    card = page.get_by_role("link", name=re.compile("Let them think"))
    expect(card.get_by_text("Go on after 4 hours")).to_be_visible()
    page.get_by_role("button", name="Show all of it").click()
    expect(card.get_by_text("Go on after 4 hours")).to_be_hidden()
    expect(card.get_by_text("Let them think")).to_be_visible()
    end = page.get_by_text("End of the journey")
    expect(end).to_be_in_viewport()
    for _step in range(5):
        page.get_by_role("button", name="Zoom in").click()
    expect(card.get_by_text("Go on after 4 hours")).to_be_visible()


def test_accessible(
    page: Page, address: str, sign_in: SignIn, scheme: str, accessible: Callable[[], None]
) -> None:
    sign_in(Role.MARKETER)
    for path in ("", "?step=@entry", "?step=ordered", "publish/", ".."):
        page.goto(address + path)
        accessible()


def test_no_sideways_scroll(page: Page, address: str, sign_in: SignIn) -> None:
    sign_in(Role.MARKETER)
    for path in ("", "?step=@entry", "publish/", ".."):
        for width in (360, 390, 768, 1024):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(address + path)
            overhang = page.evaluate("document.body.scrollWidth - document.documentElement.clientWidth")
            assert overhang <= 0, f"{path} at {width}"
