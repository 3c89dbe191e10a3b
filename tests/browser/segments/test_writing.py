"""A marketer writes a rule from nothing, by mouse and by keyboard alone; the numbers follow."""

import pytest
from playwright.sync_api import Page, expect

from cdp_site.web import Role
from segments.models import Segment
from tests.browser.segments.steps import WANTED, Hand, SignIn, count_of, settled

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("guard"),
]


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
    expect(page.get_by_text("2 people will be in it.")).to_be_visible()
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="Version 1 is in force")).to_be_visible()
    assert saved().state == "live"


def build_by_keys(page: Page) -> None:
    hand = Hand(page)
    page.locator("#rule-name").focus()
    hand.write("High intent")
    hand.press("Event")
    expect(page.get_by_label("Event", exact=True)).to_be_focused()
    hand.write("Product Viewed")
    hand.fill("Times", "2")
    hand.press("Where…")
    expect(page.get_by_label("Property", exact=True)).to_be_focused()
    hand.write("category")
    hand.fill("Value", "Tents")
    hand.press("Group")


def fill_the_group_by_keys(page: Page) -> None:
    hand = Hand(page)
    inner = page.get_by_role("group", name="Group of conditions")
    events = inner.get_by_label("Event", exact=True)
    expect(events).to_be_focused()
    hand.to("Kind of condition", "field", backwards=True)
    page.keyboard.type("Seq")
    expect(events).to_have_count(2)
    settled(page)
    hand.fill("Event", "Product Added")
    hand.to("Event", "field")
    settled(page)
    hand.write("Order Completed")
    hand.fill("Within; empty for any time", "24")
    hand.press("Other…")
    page.keyboard.press("ArrowDown")
    expect(inner.get_by_role("button", name="Total")).to_be_focused()
    page.keyboard.press("Enter")
    expect(inner.locator(".rule-row").nth(1).get_by_label("Event", exact=True)).to_be_focused()
    hand.write("Order Completed")
    hand.to("Property", "field", backwards=True)
    settled(page)
    hand.write("revenue")
    hand.fill("Value", "200")


def test_by_keyboard_alone(page: Page, shop: str, sign_in: SignIn) -> None:
    sign_in(Role.MARKETER)
    page.goto(shop)
    build_by_keys(page)
    fill_the_group_by_keys(page)
    expect(page.get_by_role("complementary", name="Who would be in it")).to_contain_text(
        "Did “Product Viewed” (where category is “Tents”) at least 2 times in the last 30 days and"
        " (did “Product Added”, then within 24 hours “Order Completed” or the sum of revenue over"
        " “Order Completed” in the last 90 days is at least 200)"
    )
    expect(count_of(page)).to_have_text("2")
    Hand(page).press("Save draft", backwards=True)
    page.wait_for_url("**/segments/high-intent/edit/")
    assert saved().condition == {"language": 1, "if": WANTED}
