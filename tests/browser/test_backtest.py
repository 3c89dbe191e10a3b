"""Trying a journey out, and watching a back-test, in a real browser."""

from collections.abc import Callable

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from cdp_site.backtest.services import play_waiting
from cdp_site.web import Role
from tests import build

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("guard"),
]

DOCUMENT = {
    "language": 1,
    "entry": {"on": {"event": "Cart"}},
    "steps": [
        {"id": "w", "kind": "wait", "for": "PT4H"},
        {"id": "x", "kind": "exit", "reason": "enough"},
    ],
}


def test_try_a_person__then_the_past(
    page: Page, live_server: LiveServer, sign_in: Callable[..., str], accessible: Callable[[], None]
) -> None:
    anna = build.person(identities={"user_id": "anna"}, first_seen_at=timezone.now())
    build.event(person=anna, name="Cart", at=timezone.now())
    build.journey(slug="cart", name="Cart", document=DOCUMENT)
    sign_in(Role.MARKETER)
    page.goto(f"{live_server.url}/journeys/cart/try/")
    page.get_by_label("Person", exact=True).fill("anna")
    page.get_by_role("button", name="Try it out").click()
    expect(page.get_by_text("Left the journey Cart: enough")).to_be_visible()
    expect(page.locator(".j-card:has(.j-mark)")).to_have_count(2)
    accessible()
    page.goto(f"{live_server.url}/journeys/cart/backtest/")
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_text("Waiting for its turn")).to_be_visible()
    accessible()
    play_waiting(now=timezone.now())
    expect(page.get_by_role("heading", name="People at each step")).to_be_visible()  # by itself
    accessible()
