"""What happens while an answer is on its way, or while somebody else writes the same rule."""

import pytest
from playwright.sync_api import Browser, Dialog, Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from cdp_site.web import Role
from segments.models import Segment
from tests import build
from tests.browser.segments.steps import SignIn, count_of, settled

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("guard"),
]


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


def test_a_late_count__says_nothing_about_rows_that_changed_meanwhile(
    page: Page, shop: str, sign_in: SignIn
) -> None:
    """What is wrong in a rule comes with its count; a count of the rule as it was is not shown."""
    sign_in(Role.MARKETER)
    page.goto(shop)
    page.get_by_role("button", name="Event").click()
    page.get_by_label("Event", exact=True).fill("Product Viewed")
    with page.expect_response("**/segments/+new/**"):
        page.keyboard.press("Tab")
    settled(page)
    held: list[Route] = []
    page.route("**/segments/+count/", lambda route: route.continue_() if held else held.append(route))
    page.get_by_role("button", name="Trait").click()
    expect(page.locator(".rule-row")).to_have_count(2)
    expect(page.locator("#count.htmx-request")).to_have_count(1)  # asked of both rows
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".rule-row")).to_have_count(1)
    assert len(held) == 1
    held[0].continue_()
    expect(page.locator("#count.htmx-request")).to_have_count(0)
    expect(count_of(page)).to_have_text("3")  # of the rule as it is now: the next answer, which waited


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
