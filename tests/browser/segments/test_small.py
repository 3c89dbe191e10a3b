"""The builder on a phone."""

import pytest
from playwright.sync_api import Page, expect

from cdp_site.web import Role
from tests.browser.segments.steps import SignIn, settled

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("guard"),
]


def test_people_with_reasons__unfold_from_the_bar(page: Page, shop: str, sign_in: SignIn) -> None:
    sign_in(Role.MARKETER)
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(shop)
    page.get_by_role("button", name="Event").click()
    page.get_by_label("Event", exact=True).fill("Product Viewed")
    page.get_by_label("Event", exact=True).press("Tab")
    settled(page)
    ada = page.locator(".count-people summary", has_text="Ada Berg")
    expect(ada).to_be_hidden()
    page.get_by_role("button", name="People", exact=True).click()
    expect(page.locator(".count-words")).to_be_visible()
    ada.click()
    expect(page.locator(".count-people [open] .reasons")).to_be_visible()
    page.get_by_label("Times", exact=True).fill("2")
    settled(page)
    expect(ada).to_be_visible()  # it stays unfolded while the count changes
    page.get_by_role("button", name="People", exact=True).click()
    expect(ada).to_be_hidden()
