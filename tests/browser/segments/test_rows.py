"""Rows of a rule: what they offer, what is wrong with them, where they stand; all of it can be taken back."""

import pytest
from playwright.sync_api import Browser, Page, expect

from cdp_site.web import Role
from segments.models import Segment
from tests.browser.segments.steps import SignIn, count_of, settled

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("guard"),
]


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


def test_a_menu__lies_above_the_rows_below(page: Page, shop: str, sign_in: SignIn) -> None:
    sign_in(Role.MARKETER)
    page.goto(shop)
    for row in range(3):
        page.get_by_role("button", name="Trait").click()
        expect(page.locator(".rule-row")).to_have_count(row + 1)
    first = page.locator(".rule-row").first
    first.get_by_label("More about this condition").click()
    for name in ("Move up", "Move down", "Duplicate", "Put in a group"):
        line = first.get_by_role("button", name=name)
        assert line.evaluate(
            """line => {
              const box = line.getBoundingClientRect();
              const at = x => document.elementFromPoint(box.left + x * box.width, box.top + box.height / 2);
              return [0.1, 0.5, 0.8, 0.95].every(x => line.contains(at(x)));
            }"""
        ), name


def test_undo__takes_back_what_was_typed_field_by_field(page: Page, shop: str, sign_in: SignIn) -> None:
    sign_in(Role.MARKETER)
    page.goto(shop)
    page.get_by_role("button", name="Event").click()
    page.get_by_label("Event", exact=True).fill("Product Viewed")
    page.get_by_label("Times", exact=True).fill("7")
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_enabled()
    page.get_by_label("Times", exact=True).press("Tab")
    settled(page)
    page.get_by_label("Times", exact=True).fill("9")
    undo.click()
    expect(page.get_by_label("Times", exact=True)).to_have_value("7")
    page.locator(".rule-keys").click()
    page.keyboard.press("Control+z")
    expect(page.get_by_label("Times", exact=True)).not_to_have_value("7")
    expect(page.get_by_label("Event", exact=True)).to_have_value("Product Viewed")
    page.get_by_role("button", name="Redo").click()
    expect(page.get_by_label("Times", exact=True)).to_have_value("7")
