"""Somebody who never saw it builds and publishes a journey from blank; by mouse, and by keyboard alone."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from cdp_site.web import Role
from journeys.domain.definition import parse_journey
from journeys.models import Journey
from profiles.models import EventName
from tests import build
from tests.journeys.documents import branch, case, is_vip, journey, leave, send, wait, wait_until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("guard"),
]

SignIn = Callable[..., str]
DOCUMENT = journey(
    steps=[
        {**wait("pause"), "name": "Let them think"},
        {**send("mail"), "name": "Reminder"},
        wait_until("ordered", timeout="P2D", then=[leave("bye")], otherwise=[]),
        branch("who", cases=[case("VIP", condition=is_vip(), steps=[wait("nap")])]),
    ]
)


@pytest.fixture
def shop(live_server: LiveServer) -> str:
    """A shop whose carts and orders are known, with a mail to send."""
    for name in ("Product Added", "Order Completed"):
        EventName.objects.get_or_create(name=name)
        build.known_property("cart_id", event=name, types={"text": 9})
    build.template(slug="cart-reminder", name="Cart reminder")
    build.template(slug="welcome", name="Welcome")
    return f"{live_server.url}/journeys/"


@pytest.fixture
def story(shop: str) -> str:
    build.journey(slug="story", name="Third visit", state="draft", document=DOCUMENT)
    return f"{shop}story/"


def card(page: Page, name: str) -> Locator:
    return page.locator(".j-open").and_(page.get_by_role("link", name=re.compile(name)))


def panel(page: Page) -> Locator:
    return page.locator("#panel")


def draft(slug: str = "story") -> dict[str, Any]:
    document: dict[str, Any] = Journey.objects.get(slug=slug).draft
    return document


def saved(page: Page) -> None:
    """Wait until everything that was done is answered."""
    page.wait_for_timeout(400)
    page.wait_for_load_state("networkidle")
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)


def rule(page: Page, name: str, event: str, *, same_cart: bool) -> None:
    """Say in the panel that an event of the cart has happened since entry."""
    it = panel(page).get_by_role("group", name=name).first
    it.get_by_label("Event", exact=True).fill(event)
    if same_cart:
        it.get_by_role("button", name="Where…").click()
        it.get_by_label("Property", exact=True).fill("cart_id")
        it.get_by_label("Compare with").select_option(label="what the message of entry had as")
        it.get_by_label("Property to compare with").fill("properties.cart_id")
    saved(page)


def test_abandoned_cart__from_blank_by_mouse(page: Page, shop: str, sign_in: SignIn) -> None:
    sign_in(Role.MARKETER)
    page.goto(shop)
    page.get_by_role("link", name="New journey").first.click()
    page.get_by_label("Name", exact=True).fill("Abandoned cart")
    page.get_by_role("radio", name="Something happens").check()
    page.get_by_role("button", name="Create the journey").click()

    # Who enters: one run for each cart.
    expect(panel(page).get_by_role("heading", name="Entry", exact=True)).to_be_visible()
    panel(page).get_by_role("group", name="Event").get_by_label("Event", exact=True).fill("Product Added")
    panel(page).get_by_label("One run for each").fill("properties.cart_id")
    expect(card(page, "^Entry Product Added")).to_be_visible()

    # What it is for, and when it is over.
    card(page, "^Goal").click()
    panel(page).get_by_role("button", name="Add a goal").click()
    rule(page, "Reached when", "Order Completed", same_cart=True)
    card(page, "^Exit rule").click()
    panel(page).get_by_role("button", name="Add an exit rule").click()
    rule(page, "They leave when", "Order Completed", same_cart=False)

    # Wait for the order; a mail if it does not come.
    page.get_by_role("link", name="Add a step: the first one").click()
    page.get_by_role("button", name="Wait until something happens").last.click()
    expect(panel(page).get_by_label("Name", exact=True)).to_be_focused()
    panel(page).get_by_label("Name", exact=True).fill("Ordered?")
    rule(page, "Until this holds", "Order Completed", same_cart=False)
    panel(page).get_by_label("Wait at most").fill("4")
    panel(page).get_by_label("Unit").last.select_option(label="hours")
    expect(page.get_by_text("Not within 4 hours")).to_be_visible()
    page.locator("#palette").get_by_role("button", name="Send a message").drag_to(
        page.get_by_role("link", name="Add a step: Not within 4 hours of Ordered?")
    )
    expect(card(page, "Send a message")).to_contain_text("Choose a template.")
    expect(page.get_by_role("link", name="1 step to fix")).to_be_visible()
    panel(page).get_by_label("Template").select_option(label="Cart reminder")
    expect(card(page, "Send a message")).to_contain_text("Cart reminder")
    expect(page.get_by_role("link", name="1 step to fix")).to_have_count(0)

    saved(page)
    page.get_by_role("link", name="Publish…").click()
    page.get_by_role("button", name=re.compile("^Publish version 1")).click()
    expect(page.get_by_text("Live v1")).to_be_visible()

    row = Journey.objects.select_related("live_version").get(slug="abandoned-cart")
    assert row.live_version is not None
    document = row.live_version.document
    parse_journey(document)
    order = {"event": "Order Completed", "during": {"since": "entry"}}
    same = {"property": "cart_id", "op": "is", "same_as": {"entry": "properties.cart_id"}}
    assert document["entry"] == {"on": {"event": "Product Added"}, "key": "properties.cart_id"}
    assert document["goal"] == {"if": {**order, "where": [same]}, "steps": []}
    assert document["exit_when"] == order
    (waiting,) = document["steps"]
    assert (waiting["if"], waiting["timeout"], waiting["then"]) == (order, "PT4H", [])
    assert [step["template"] for step in waiting["else"]] == ["cart-reminder"]


def test_keyboard_alone__add_move_delete_undo(page: Page, story: str, sign_in: SignIn) -> None:
    sign_in(Role.MARKETER)
    page.goto(story)
    keys = page.keyboard
    card(page, "^Entry").focus()
    keys.press("ArrowDown")
    expect(card(page, "Let them think")).to_be_focused()
    keys.press("+")
    expect(page.get_by_role("searchbox", name="Find a step")).to_be_focused()
    keys.type("trait", delay=20)
    keys.press("ArrowDown")
    keys.press("Enter")
    expect(panel(page).get_by_label("Name", exact=True)).to_be_focused()
    keys.type("Mark them", delay=20)
    expect(card(page, "Mark them")).to_contain_text("Name a trait and its new value.")
    keys.press("Escape")
    expect(panel(page)).to_be_hidden()
    expect(card(page, "Mark them")).to_be_focused()
    keys.press("Alt+ArrowUp")
    expect(page.get_by_role("status")).to_contain_text("Moved.")
    saved(page)
    expect(card(page, "Mark them")).to_be_focused()
    assert [step.get("name") for step in draft()["steps"][:2]] == ["Mark them", "Let them think"]
    keys.press("Delete")
    expect(card(page, "Mark them")).to_have_count(0)
    keys.press("Control+z")
    expect(card(page, "Mark them")).to_be_visible()
    keys.press("Control+Shift+Z")
    expect(card(page, "Mark them")).to_have_count(0)
    card(page, "Reminder").focus()
    keys.press("Control+c")
    keys.press("Control+v")
    expect(card(page, "Reminder")).to_have_count(2)
    card(page, "^Branch").focus()
    keys.press("Delete")
    question = page.get_by_role("dialog", name="Delete “Branch”?")
    question.get_by_role("radio", name="Keep 1 step of “VIP”").check()
    question.get_by_role("button", name="Delete").press("Enter")
    expect(card(page, "^Branch")).to_have_count(0)
    saved(page)
    assert draft()["steps"][-1]["id"] == "nap"


def test_mouse__cards_are_dragged_to_another_place(page: Page, story: str, sign_in: SignIn) -> None:
    sign_in(Role.MARKETER)
    page.set_viewport_size({"width": 1360, "height": 1600})  # a press that scrolls begins no drag
    page.goto(story)
    card(page, "Reminder").locator("xpath=..").drag_to(page.locator("[id='add-ordered/else:0']"))
    expect(page.get_by_role("status")).to_contain_text("Moved.")
    saved(page)
    assert [step["id"] for step in draft()["steps"]] == ["pause", "ordered", "who"]
    assert [step["id"] for step in draft()["steps"][1]["else"]] == ["mail"]


def test_typing__nothing_is_lost_while_answers_come(page: Page, story: str, sign_in: SignIn) -> None:
    sign_in(Role.MARKETER)
    page.goto(f"{story}?step=pause")
    name = panel(page).get_by_label("Name", exact=True)
    name.fill("")
    name.press_sequentially("A name that takes a while to type", delay=60)
    expect(card(page, "A name that takes a while to type")).to_be_visible()
    expect(name).to_be_focused()
    expect(name).to_have_value("A name that takes a while to type")
    panel(page).get_by_label("Wait for").select_option(label="a time of day")
    panel(page).get_by_label("Go on at").fill("16:30")
    panel(page).get_by_role("checkbox", name="Fri").check()
    expect(card(page, "A name that takes")).to_contain_text("at 16:30 on Friday")


@pytest.fixture
def tom(browser: Browser, sign_in: SignIn) -> Iterator[Page]:
    """Somebody else, who looks at the same journey; he is Tom."""
    with browser.new_context() as other:
        sign_in(Role.MARKETER, into=other)
        yield other.new_page()


def conflict(page: Page) -> Locator:
    return page.get_by_role("alert").filter(has_text="changed this draft")


def test_two_marketers__both_changed_the_same_part(
    page: Page, tom: Page, story: str, sign_in: SignIn
) -> None:
    sign_in(Role.MARKETER)
    page.goto(f"{story}?step=pause")
    tom.goto(f"{story}?step=pause")
    tom.get_by_label("Name", exact=True).fill("Tom's wait")
    expect(card(tom, "Tom's wait")).to_be_visible()
    page.get_by_label("Go on after").fill("9")
    expect(conflict(page)).to_be_visible()
    conflict(page).get_by_text("See the difference").click()
    expect(conflict(page).get_by_text("Tom's wait: changed")).to_be_visible()
    page.get_by_label("Go on after").fill("8")  # what is typed on goes with it
    expect(page.get_by_label("Name", exact=True)).to_have_value("Let them think")
    assert draft()["steps"][0]["for"] == "PT4H"
    conflict(page).get_by_role("button", name="Make my change on their draft").click()
    expect(card(page, "Tom's wait")).to_contain_text("8 hours")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Tom's wait")
    expect(conflict(page)).to_have_count(0)
    page.get_by_label("Go on after").fill("7")
    expect(card(page, "Tom's wait")).to_contain_text("7 hours")
    assert draft()["steps"][0] == {**wait("pause", length="PT7H"), "name": "Tom's wait"}


def test_two_marketers__all_that_was_refused_is_done_in_order(
    page: Page, tom: Page, story: str, sign_in: SignIn
) -> None:
    sign_in(Role.MARKETER)
    page.goto(f"{story}?step=pause")
    tom.goto(f"{story}?step=mail")
    tom.get_by_label("Name", exact=True).fill("Tom's mail")
    expect(card(tom, "Tom's mail")).to_be_visible()
    page.get_by_label("Go on after").fill("9")
    page.get_by_role("button", name="Duplicate").click()  # before the typing was answered
    expect(conflict(page)).to_be_visible()
    saved(page)
    page.get_by_role("button", name="Move down").click()  # nothing is done to a picture of the past
    expect(conflict(page).get_by_role("button")).to_be_focused()
    page.keyboard.press("Enter")
    expect(card(page, "Let them think")).to_have_count(2)
    saved(page)
    first, second, third = draft()["steps"][:3]
    assert (first["for"], second["for"], third["name"]) == ("PT9H", "PT9H", "Tom's mail")


def test_two_marketers__nothing_of_theirs_is_undone(
    page: Page, tom: Page, story: str, sign_in: SignIn
) -> None:
    sign_in(Role.MARKETER)
    page.goto(f"{story}?step=pause")
    page.get_by_role("button", name="Move down").click()
    expect(page.get_by_role("status")).to_contain_text("Moved.")
    tom.goto(f"{story}?step=mail")
    tom.get_by_label("Name", exact=True).fill("Tom's mail")
    expect(card(tom, "Tom's mail")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(conflict(page)).to_contain_text("Nothing was taken back")
    expect(conflict(page).get_by_role("button")).to_have_count(0)
    conflict(page).get_by_role("link", name="Reload").click()
    expect(card(page, "Tom's mail")).to_be_visible()


def test_numbers__are_counted_when_asked_and_stay_meanwhile(page: Page, shop: str, sign_in: SignIn) -> None:
    counted = build.journey(slug="counted", document=DOCUMENT)
    build.run(journey=counted, person=build.person(), step="pause")
    sign_in(Role.MARKETER)
    page.goto(f"{shop}counted/?step=pause")
    waiting = page.locator("[data-numbers=pause]").get_by_role("link", name="Waiting")
    expect(waiting).to_have_text(re.compile("1"))
    build.run(journey=counted, person=build.person(), step="pause")
    panel(page).get_by_label("Name", exact=True).fill("Rest")
    expect(card(page, "Rest")).to_be_visible()
    expect(waiting).to_have_text(re.compile("1"))
    page.get_by_role("button", name="Count again").click()
    expect(waiting).to_have_text(re.compile("2"))
    expect(card(page, "Rest")).to_have_attribute("aria-current", "true")


def test_cases__are_asked_in_another_order_by_keys(page: Page, story: str, sign_in: SignIn) -> None:
    sign_in(Role.MARKETER)
    page.goto(f"{story}?step=who")
    panel(page).get_by_role("button", name="Add a way").click()
    names = panel(page).get_by_label("Name of the case")
    names.nth(1).fill("New")
    names.nth(1).press("Alt+ArrowUp")
    expect(names.nth(0)).to_have_value("New")
    expect(panel(page).get_by_role("button", name="Ask Case 1 later")).to_be_focused()
    page.keyboard.press("Enter")
    expect(names.nth(1)).to_have_value("New")
    expect(panel(page).get_by_role("button", name="Ask Case 2 sooner")).to_be_focused()
    page.keyboard.press("Control+z")
    expect(names.nth(0)).to_have_value("New")


def test_phone__outline_sheet_and_menu(page: Page, story: str, sign_in: SignIn) -> None:
    sign_in(Role.MARKETER)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(story)
    page.get_by_role("link", name="Add a step before Reminder").click()
    page.get_by_role("searchbox", name="Find a step").fill("webh")
    page.locator("#add-menu").get_by_role("button", name="Webhook").click()
    expect(panel(page).get_by_role("heading", name="Webhook")).to_be_visible()
    panel(page).get_by_role("link", name="Close the panel").click()
    expect(card(page, "^Webhook")).to_contain_text("Choose a connection.")
    page.goto(f"{story}?step=who")
    sizes = [it.bounding_box() for it in panel(page).get_by_role("radio").all()]
    assert len(sizes) == 3
    assert all(box and box["height"] >= 40 and box["width"] >= 40 for box in sizes), sizes


def test_without_scripts(browser: Browser, story: str, sign_in: SignIn) -> None:
    with browser.new_context(java_script_enabled=False) as plain:
        sign_in(Role.MARKETER, into=plain)
        page = plain.new_page()
        page.goto(story)
        card(page, "Let them think").click()
        page.get_by_label("Go on after").fill("5")
        page.get_by_role("button", name="Save in the draft").click()
        expect(card(page, "Let them think")).to_contain_text("after 5 hours")
        page.get_by_role("link", name="Add a step before Reminder").click()
        page.locator("#panel").get_by_role("button", name="Exit").click()
        expect(card(page, "^Exit People leave here")).to_have_count(2)
        page.get_by_role("button", name="Undo").click()
        expect(card(page, "^Exit People leave here")).to_have_count(1)


def test_accessible(
    page: Page, story: str, shop: str, sign_in: SignIn, scheme: str, accessible: Callable[[], None]
) -> None:
    sign_in(Role.MARKETER)
    wide = [story, f"{story}?step=ordered", f"{story}?step=@settings", f"{story}?add=:0", f"{shop}+new/"]
    for width, paths in ((1360, wide), (390, [story, f"{story}?step=ordered"])):
        page.set_viewport_size({"width": width, "height": 860})
        for path in paths:
            page.goto(path)
            accessible()
            overhang = page.evaluate("document.body.scrollWidth - document.documentElement.clientWidth")
            assert overhang <= 0, f"{path} at {width}"
