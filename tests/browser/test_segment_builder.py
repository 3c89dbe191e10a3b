"""A marketer writes a rule from nothing, by mouse and by keyboard alone; the numbers follow."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Dialog, Locator, Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from cdp_site.web import Role
from profiles.models import EventName, KnownProperty
from segments.models import Segment
from tests import build

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("guard"),
]

SignIn = Callable[..., str]
WANTED: dict[str, Any] = {
    "all": [
        {
            "event": "Product Viewed",
            "where": [{"property": "category", "op": "is", "value": "Tents"}],
            "count": {"op": "at_least", "value": 2},
            "during": {"last": "P30D"},
        },
        {
            "any": [
                {
                    "sequence": [
                        {"event": "Product Added"},
                        {"event": "Order Completed", "within": "PT24H"},
                    ]
                },
                {
                    "total": "sum",
                    "event": "Order Completed",
                    "property": "revenue",
                    "during": {"last": "P90D"},
                    "op": "at_least",
                    "value": 200,
                },
            ]
        },
    ]
}


@pytest.fixture
def shop(live_server: LiveServer) -> str:
    """Three people: one fits by the sequence, one by the total, one not at all; the builder's address."""
    now = timezone.now()
    names = ("Ada Berg", "Ben Cole", "Cleo Dorn")
    people = [
        build.person(
            traits={"name": name, "plan": "plus"},
            identities={"email": f"{name[:3].lower()}@example.com"},
            consent={"email_marketing": name != "Ben Cole"},
        )
        for name in names
    ]
    for person in people:
        for day in (1, 2):
            at = now - timedelta(days=day)
            build.event(person=person, name="Product Viewed", at=at, properties={"category": "Tents"})
    build.event(person=people[0], name="Product Added", at=now - timedelta(hours=5))
    build.event(person=people[0], name="Order Completed", at=now - timedelta(hours=4))
    build.event(
        person=people[1],
        name="Order Completed",
        at=now - timedelta(days=9),
        properties={"revenue": 250},
        revenue=Decimal(250),
    )
    _known("Product Viewed", "category", types={"text": 9}, values=("Tents", "Boots"))
    _known("Product Viewed", "price", types={"number": 9})
    _known("Order Completed", "revenue", types={"number": 9})
    _known(None, "plan", types={"text": 9}, values=("plus",))
    _known(None, "age", types={"number": 9})
    return f"{live_server.url}/segments/+new/?from="


def _known(event: str | None, path: str, *, types: dict[str, int], values: tuple[str, ...] = ()) -> None:
    KnownProperty.objects.create(
        event_name=EventName.objects.get(name=event) if event else None,
        path=path,
        types=types,
        values={f'"{value}"': 5 for value in values},
        seen=9,
        last_seen_at=timezone.now(),
    )


def count_of(page: Page) -> Locator:
    return page.locator("#count-number")


def settled(page: Page) -> None:
    """Wait for the answers that are on their way."""
    page.wait_for_load_state("networkidle")
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)


def build_by_mouse(page: Page) -> None:
    rule = page.get_by_role("region", name="Conditions")
    rule.get_by_role("button", name="Event").click()
    rule.get_by_label("Event", exact=True).fill("Product Viewed")
    rule.get_by_label("Times").fill("2")
    rule.get_by_role("button", name="Where…").click()
    rule.get_by_label("Property", exact=True).fill("category")
    rule.get_by_label("Value", exact=True).fill("Tents")
    rule.get_by_role("button", name="Group", exact=True).click()
    inner = rule.get_by_role("group", name="Group of conditions")
    inner.get_by_label("Kind of condition").select_option(label="Sequence")
    expect(inner.get_by_label("Event", exact=True)).to_have_count(2)
    inner.get_by_label("Event", exact=True).nth(0).fill("Product Added")
    inner.get_by_label("Event", exact=True).nth(1).fill("Order Completed")
    inner.get_by_label("Within; empty for any time").fill("24")
    inner.get_by_text("Other…").click()
    inner.get_by_role("button", name="Total").click()
    total = inner.locator(".rule-row").nth(1)
    total.get_by_label("Event", exact=True).fill("Order Completed")
    total.get_by_label("Property", exact=True).fill("revenue")
    total.get_by_label("Value", exact=True).fill("200")
    page.get_by_label("Name of the segment").fill("High intent")


def saved() -> Segment:
    return Segment.objects.get(slug="high-intent")


def test_by_mouse(page: Page, shop: str, sign_in: SignIn) -> None:
    sign_in(Role.MARKETER)
    page.goto(shop)
    expect(count_of(page)).to_have_text("3")  # nothing asked is everybody
    build_by_mouse(page)
    expect(count_of(page)).to_have_text("2")
    expect(page.get_by_text("1 of them may get marketing email")).to_be_visible()
    card = page.get_by_role("complementary", name="Who would be in it")
    expect(card).to_contain_text("the sum of revenue over “Order Completed” in the last 90 days")
    card.get_by_text("Ada Berg").click()
    expect(card.get_by_text("2 times").first).to_be_visible()
    page.get_by_role("button", name="Save draft").click()
    page.wait_for_url("**/segments/high-intent/edit/")
    assert saved().condition == {"language": 1, "if": WANTED}
    page.get_by_role("button", name="Publish…").click()
    expect(page.get_by_text("After publishing")).to_be_visible()
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="Version 1 is in force")).to_be_visible()
    assert saved().state == "live"


def test_by_keyboard_alone(page: Page, shop: str, sign_in: SignIn) -> None:
    sign_in(Role.MARKETER)
    page.goto(shop)
    keys = page.keyboard

    def to(name: str, role: str = "button", *, backwards: bool = False) -> None:
        """Tab on until a control of that name has the focus."""
        for _step in range(80):
            keys.press("Shift+Tab" if backwards else "Tab")
            here = page.evaluate(
                "(() => { const e = document.activeElement; return [e.tagName, "
                "e.getAttribute('aria-label') || e.textContent.trim()] })()"
            )
            if here[1] == name and (role == "button") == (here[0] in ("BUTTON", "SUMMARY")):
                return
        raise AssertionError(f"no {name} by Tab")

    def write(text: str) -> None:
        keys.press("Control+a")
        keys.type(text, delay=20)

    page.locator("#rule-name").focus()
    write("High intent")
    to("Event")
    keys.press("Enter")
    expect(page.get_by_label("Event", exact=True)).to_be_focused()
    write("Product Viewed")
    to("Times", "field")
    write("2")
    to("Where…")
    keys.press("Enter")
    expect(page.get_by_label("Property", exact=True)).to_be_focused()
    write("category")
    to("Value", "field")
    write("Tents")
    to("Group")
    keys.press("Enter")
    inner = page.get_by_role("group", name="Group of conditions")
    expect(inner.get_by_label("Event", exact=True)).to_be_focused()
    to("Kind of condition", "field", backwards=True)
    keys.type("Seq")
    expect(inner.get_by_label("Event", exact=True)).to_have_count(2)
    settled(page)
    to("Event", "field")
    write("Product Added")
    to("Event", "field")
    settled(page)
    write("Order Completed")
    to("Within; empty for any time", "field")
    write("24")
    to("Other…")
    keys.press("Enter")
    keys.press("ArrowDown")
    expect(inner.get_by_role("button", name="Total")).to_be_focused()
    keys.press("Enter")
    total = inner.locator(".rule-row").nth(1)
    expect(total.get_by_label("Event", exact=True)).to_be_focused()
    write("Order Completed")
    to("Property", "field", backwards=True)
    settled(page)
    write("revenue")
    to("Value", "field")
    write("200")
    card = page.get_by_role("complementary", name="Who would be in it")
    expect(card).to_contain_text(
        "Did “Product Viewed” (where category is “Tents”) at least 2 times in the last 30 days and"
        " (did “Product Added”, then within 24 hours “Order Completed” or the sum of revenue over"
        " “Order Completed” in the last 90 days is at least 200)"
    )
    expect(count_of(page)).to_have_text("2")
    to("Save draft", backwards=True)
    keys.press("Enter")
    page.wait_for_url("**/segments/high-intent/edit/")
    assert saved().condition == {"language": 1, "if": WANTED}


def test_operators_follow_the_type(page: Page, shop: str, sign_in: SignIn) -> None:
    sign_in(Role.MARKETER)
    page.goto(shop)
    page.get_by_role("button", name="Trait").click()
    page.get_by_label("Choose a trait").fill("age")
    page.get_by_label("Choose a trait").press("Tab")
    comparison = page.get_by_label("Comparison", exact=True)
    expect(comparison.locator("option[value='text:contains']")).to_have_count(0)
    expect(comparison).to_have_value("number:is")
    page.get_by_label("Choose a trait").fill("plan")
    page.get_by_label("Choose a trait").press("Tab")
    expect(comparison).to_have_value("text:is")
    expect(comparison.locator("option[value='number:greater']")).to_have_count(0)
    expect(page.locator("datalist option[value='plus']")).to_have_count(1)


def test_mistakes__stand_under_their_row(page: Page, shop: str, sign_in: SignIn) -> None:
    sign_in(Role.MARKETER)
    page.goto(shop)
    page.get_by_role("button", name="Trait").click()
    expect(page.get_by_text("1 part has to be filled in")).to_be_visible()
    page.get_by_label("Choose a trait").fill("code")
    page.get_by_label("Comparison", exact=True).select_option("text:matches")
    page.get_by_label("Value", exact=True).fill("(a|")
    expect(page.locator(".rule-row .err")).to_be_visible()
    expect(count_of(page)).to_have_count(0)
    page.get_by_label("Name of the segment").fill("Odd")
    page.get_by_role("button", name="Publish…").click()
    expect(page.get_by_role("status")).to_contain_text("Fill in what is missing first")
    page.get_by_role("button", name="Save draft").click()
    page.wait_for_url("**/segments/odd/edit/")
    expect(page.get_by_label("Value", exact=True)).to_have_value("(a|")  # unfinished, but kept
    assert Segment.objects.get(slug="odd").condition["if"] == {"any": []}


def test_undo_and_redo__move_and_duplicate(page: Page, shop: str, sign_in: SignIn) -> None:
    sign_in(Role.MARKETER)
    page.goto(shop)
    page.get_by_role("button", name="Trait").click()
    page.get_by_label("Choose a trait").fill("plan")
    page.get_by_role("button", name="Event").click()
    rows = page.locator(".rule-row")
    expect(rows).to_have_count(2)
    page.get_by_label("Choose a trait").press("Alt+ArrowDown")
    expect(page.get_by_role("status")).to_contain_text("Now 2 of 2.")
    expect(rows.nth(1).get_by_label("Choose a trait")).to_have_value("plan")
    rows.nth(1).get_by_label("More about this condition").click()
    rows.nth(1).get_by_role("button", name="Duplicate").click()
    expect(page.get_by_label("Choose a trait")).to_have_count(2)
    rows.nth(2).get_by_role("button", name="Remove this condition").click()
    expect(rows).to_have_count(2)
    page.keyboard.press("Control+z")
    expect(rows).to_have_count(3)
    page.keyboard.press("Control+Shift+z")
    expect(rows).to_have_count(2)
    for _step in range(4):
        with page.expect_response("**/segments/+new/**"):
            page.get_by_role("button", name="Undo").click()
        settled(page)
    expect(rows).to_have_count(1)


def test_typing_on__is_not_lost(page: Page, shop: str, sign_in: SignIn) -> None:
    """What is typed while the answer to an earlier change is on its way stays."""
    sign_in(Role.MARKETER)
    page.goto(shop)
    page.get_by_role("button", name="Event").click()
    expect(page.get_by_label("Event", exact=True)).to_be_focused()

    def slowly(route: Route) -> None:
        page.wait_for_timeout(250)
        route.continue_()

    page.route("**/segments/+new/**", slowly)
    page.keyboard.type("Product Viewed", delay=20)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("17", delay=60)
    settled(page)
    expect(page.get_by_label("Times")).to_have_value("17")
    expect(page.get_by_label("Event", exact=True)).to_have_value("Product Viewed")


def test_pressing_meanwhile__is_not_lost(page: Page, shop: str, sign_in: SignIn) -> None:
    """Buttons pressed while an answer is on its way do what they say, each in its turn."""
    sign_in(Role.MARKETER)
    page.goto(shop)
    page.get_by_role("button", name="Event").click()
    expect(page.get_by_label("Event", exact=True)).to_be_focused()
    settled(page)
    held: list[Route] = []
    page.route("**/segments/+new/**", lambda route: route.continue_() if held else held.append(route))
    page.get_by_label("Event", exact=True).fill("Product Viewed")
    with page.expect_request("**/segments/+new/**"):
        page.keyboard.press("Tab")
    page.get_by_role("button", name="Where…").click()
    page.get_by_role("button", name="Group", exact=True).click()
    menu = page.locator("#more-r1")
    menu.hover()
    page.mouse.down()
    held[0].continue_()  # the others follow by themselves
    expect(page.get_by_role("group", name="Group of conditions")).to_be_visible()
    expect(page.locator(".rule-test")).to_have_count(1)
    page.mouse.up()  # on the button that has taken the place of the one that was pressed
    expect(page.get_by_role("button", name="Sequence")).to_be_visible()
    expect(page.get_by_label("Event", exact=True).first).to_have_value("Product Viewed")


def test_leaving__asks_first(page: Page, shop: str, sign_in: SignIn) -> None:
    sign_in(Role.MARKETER)
    page.goto(shop)
    page.get_by_role("button", name="Event").click()
    page.get_by_label("Event", exact=True).fill("x")
    expect(page.get_by_text("Unsaved changes")).to_be_visible()
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", answer)
    page.get_by_role("link", name="People").click()
    page.wait_for_url("**/people/")
    assert asked == ["beforeunload"]


def test_two_marketers__the_second_is_told(
    page: Page, browser: Browser, live_server: LiveServer, sign_in: SignIn
) -> None:
    build.segment(slug="a", state="draft", condition={"language": 1, "if": {"all": [{"known": "email"}]}})
    address = f"{live_server.url}/segments/a/edit/"
    sign_in(Role.MARKETER)
    page.goto(address)
    with browser.new_context() as other:
        tom = sign_in(Role.MARKETER, into=other)
        his = other.new_page()
        his.goto(address)
        his.get_by_label("Kind of identity").fill("phone")
        his.get_by_role("button", name="Save draft").click()
        expect(his.get_by_role("status")).to_contain_text("Saved")
    page.get_by_label("Kind of identity").fill("user_id")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_role("alert")).to_contain_text(f"{tom} saved this rule")
    assert Segment.objects.get(slug="a").condition["if"] == {"all": [{"known": "phone"}]}
    page.get_by_label("Save mine over it").check()
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_role("status")).to_contain_text("Saved")
    assert Segment.objects.get(slug="a").condition["if"] == {"all": [{"known": "user_id"}]}


def test_without_scripts(browser: Browser, shop: str, sign_in: SignIn) -> None:
    with browser.new_context(java_script_enabled=False) as plain:
        sign_in(Role.MARKETER, into=plain)
        page = plain.new_page()
        page.goto(shop)
        page.get_by_label("Name of the segment").fill("Plain")
        page.get_by_role("button", name="Event").click()
        page.get_by_label("Event", exact=True).fill("Product Viewed")
        page.get_by_role("button", name="Save draft").click()
        expect(page.get_by_text("Saved as a draft.")).to_be_visible()
    assert Segment.objects.get(slug="plain").condition["if"]["all"][0]["event"] == "Product Viewed"


@pytest.fixture
def segments(shop: str, live_server: LiveServer) -> str:
    """Segments with something in each view."""
    rich = {
        **WANTED,
        "all": [*WANTED["all"], {"none": [{"segment": "vip", "is": "left"}, {"known": "phone"}]}],
    }
    vip = build.segment(slug="vip", name="VIP")
    segment = build.segment(slug="rich", name="Rich", condition={"language": 1, "if": rich}, member_count=2)
    segment.versions.create(
        number=1, condition=segment.condition, published_at=build.NOON, published_by="mia"
    )
    for number in range(3):
        build.membership(segment=segment, person=build.person(traits={"name": f"P {number}"}))
    build.segment(slug="user", condition={"language": 1, "if": {"segment": "rich", "is": "member"}})
    assert vip.pk
    return f"{live_server.url}/segments/"


PAGES = (
    "",
    "?q=nothing",
    "+new/",
    "+new/?from=",
    "+new/?from=viewed-and-left",
    "rich/",
    "rich/growth/?with=vip",
    "rich/history/",
    "rich/edit/",
    "rich/publish/",
)


def test_accessible(
    page: Page, segments: str, sign_in: SignIn, scheme: str, accessible: Callable[[], None]
) -> None:
    sign_in(Role.MARKETER)
    for path in PAGES:
        page.goto(segments + path)
        page.wait_for_load_state("networkidle")
        accessible()


def test_no_sideways_scroll(page: Page, segments: str, sign_in: SignIn) -> None:
    sign_in(Role.MARKETER)
    for path in PAGES:
        for width in (360, 390, 768, 1024):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(segments + path)
            overhang = page.evaluate("document.body.scrollWidth - document.documentElement.clientWidth")
            assert overhang <= 0, f"{path} at {width}"
