"""Somebody connects a CRM, has it fed, and sends again what failed: in a real browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from cdp_site.web import Role
from connectors.models import Delivery
from connectors.services import send_due
from tests import build, sinks
from tests.connectors.crms import TOKEN, HubSpotCrm
from tests.site.pipeline.drive import drain, identify, put, track

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("guard"),
]


def test_story__connect_a_crm_feed_it_and_replay(
    page: Page,
    live_server: LiveServer,
    sign_in: Callable[..., str],
    accessible: Callable[[], None],
    settings: Settings,
) -> None:
    settings.WAYFARE_ALLOW_PRIVATE_DESTINATIONS = True
    build.known_property("plan", types={"text": 9})
    order = track("u1", "Order Completed", properties={"revenue": 49.5, "order_id": "A-7"})
    put(
        identify("u1", firstName="Ada", plan="gold", email="ada@example.com"),
        track("u1", "Link Clicked"),
        order,
    )
    drain()
    sign_in(Role.ADMIN)
    crm = HubSpotCrm()
    with sinks.http_server(crm):
        _connect(page, live_server.url, crm=crm.url)
        accessible()
        page.get_by_role("button", name="Save the connection").click()
        page.get_by_role("button", name="Test the connection").click()
        expect(page.get_by_text("HubSpot EU answers and lets us in.")).to_be_visible()
        _feed(page)
        accessible()
        page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        accessible()
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("it holds from the next message on")).to_be_visible()

        put(track("u1", "Order Completed", properties={"revenue": 12, "order_id": "A-8"}))
        drain()
        crm.script.append(crm.refusal)
        send_due()
        page.goto(f"{live_server.url}/connections/")
        accessible()
        page.get_by_role("link", name="1", exact=True).click()  # failed in 24 hours
        page.get_by_role("link", name="Create a deal").click()
        expect(page.get_by_text("HubSpot refused the record: VALIDATION_ERROR.").first).to_be_visible()
        page.get_by_role("button", name="Send again").click()
        expect(page.get_by_text("Queued").first).to_be_visible()
        send_due()
    (deal,) = crm.made("deals")
    assert (deal["dealname"], deal["amount"]) == ("Order Completed A-8", "12")
    assert crm.contacts[deal["contact"]]["subscription"] == "gold"
    assert Delivery.objects.get().state == "sent"


def test_phone__the_pages_fit(page: Page, live_server: LiveServer, sign_in: Callable[..., str]) -> None:
    build.connection(
        slug="crm", name="CRM", kind="hubspot", settings={"mapping": {"firstname": "traits.firstName"}}
    )
    put(track("u1", "Order Completed"))
    drain()
    sign_in(Role.ADMIN)
    page.set_viewport_size({"width": 390, "height": 844})
    for path in ("", "+new/", "+new/salesforce/", "crm/", "crm/feed/"):
        page.goto(f"{live_server.url}/connections/{path}", wait_until="networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") == 390, path


def _connect(page: Page, url: str, *, crm: str) -> None:
    page.goto(f"{url}/connections/")
    page.get_by_role("link", name="New connection").first.click()
    page.get_by_role("link", name="HubSpot").click()
    page.get_by_label("Name").fill("HubSpot EU")
    page.get_by_label("Access token").fill(TOKEN)
    page.get_by_label("Address of the API").fill(crm)
    preview = page.locator("#preview")
    expect(preview).to_contain_text("found by email = ada@example.com")
    page.locator("#map-field-5").fill("subscription")
    page.locator("#map-source-5").fill("traits.plan")
    expect(preview).to_contain_text("gold")
    expect(preview).to_contain_text("left out")  # nobody told her last name
    page.get_by_label("Shown for").fill("nobody at all")
    expect(preview).to_contain_text("Nobody is known by that.")
    page.get_by_label("Shown for").fill("u1")
    expect(preview).to_contain_text("gold")


def _feed(page: Page) -> None:
    page.get_by_role("link", name="What reaches it without a journey").click()
    trial = page.locator("#count")
    expect(trial).to_contain_text("1 of 3 would pass")
    page.get_by_role("region", name="Which messages concern it").get_by_role(
        "button", name="Event", exact=True
    ).click()
    expect(trial).to_contain_text("Fill in what is missing")
    page.get_by_label("Event", exact=True).last.fill("Link *")
    expect(trial).to_contain_text("2 of 3 would pass")
    page.locator("#rule-undo").click()
    page.locator("#rule-undo").click()
    expect(trial).to_contain_text("1 of 3 would pass")
    trial.get_by_text("example").first.click()
    expect(trial.get_by_text("passes", exact=True).first).to_be_visible()
