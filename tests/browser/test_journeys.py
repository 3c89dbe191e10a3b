"""A marketer changes a journey in the browser; the next visitors are treated by the new version."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect
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


def card(page: Page, name: str) -> Locator:
    return page.locator(".j-open").and_(page.get_by_role("link", name=re.compile(name)))


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
    card(page, "^Entry").click()
    how_often = page.locator("#panel").get_by_label("Times")
    expect(how_often).to_have_value("3")
    how_often.fill("2")
    expect(card(page, "^Entry")).to_contain_text("exactly 2 times")

    card(page, "Let them think").click()
    panel = page.get_by_role("complementary", name="Wait")
    panel.get_by_label("Go on after").fill("1")
    panel.get_by_label("Unit").select_option(label="days")
    expect(card(page, "Let them think")).to_contain_text("after 1 day")
    expect(page.get_by_text("Draft, not published")).to_be_visible()
    visits("meanwhile", number=2)
    assert runs_of("meanwhile") == []  # a draft is nothing yet

    page.get_by_role("link", name="Publish…").click()
    expect(page.get_by_role("listitem").filter(has_text="Let them think").first).to_contain_text("4 hours")
    page.get_by_role("button", name="Publish version 2").click()
    expect(page.get_by_text("Live v2")).to_be_visible()
    expect(page.get_by_text("Draft, not published")).to_have_count(0)

    visits("after", number=2)
    assert runs_of("after") == [(2, timedelta(days=1))]
    visits("late", number=3)
    assert [version for version, _due in runs_of("late")] == [2]


def test_zoom__far_away_cards_keep_their_names(page: Page, address: str, sign_in: SignIn) -> None:
    sign_in(Role.MARKETER)
    page.goto(address)
    it = card(page, "Let them think")
    expect(it.get_by_text("Go on after 4 hours")).to_be_visible()
    page.get_by_role("button", name="Show all of it").click()
    expect(it.get_by_text("Go on after 4 hours")).to_be_hidden()
    expect(it.get_by_text("Let them think")).to_be_visible()
    expect(page.get_by_text("End of the journey")).to_be_in_viewport()
    for _step in range(5):
        page.get_by_role("button", name="Zoom in").click()
    expect(it.get_by_text("Go on after 4 hours")).to_be_visible()


def test_numbers__lead_to_the_people(page: Page, address: str, sign_in: SignIn) -> None:
    visits("before", number=3)
    sign_in(Role.MARKETER)
    page.goto(address)
    page.locator("#card-pause").get_by_role("link", name="Waiting 1").click()
    expect(page.get_by_role("heading", name="Let them think")).to_be_visible()
    expect(page.get_by_role("table", name="Waiting here").get_by_role("row")).to_have_count(2)


def test_publish__accessible(
    page: Page, address: str, sign_in: SignIn, scheme: str, accessible: Callable[[], None]
) -> None:
    sign_in(Role.MARKETER)
    for path in ("publish/", "people/?step=pause", ".."):
        page.goto(address + path)
        accessible()
        for width in (360, 768, 1024):
            page.set_viewport_size({"width": width, "height": 800})
            overhang = page.evaluate("document.body.scrollWidth - document.documentElement.clientWidth")
            assert overhang <= 0, f"{path} at {width}"
