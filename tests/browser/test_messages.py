"""Somebody writes a message: as a person would, in a real browser."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from cdp_site.web import Role
from connectors.models import Template
from tests import build, sinks

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("guard"),
]


def test_story__write_a_message_preview_as_two_people_and_test_it(
    page: Page,
    live_server: LiveServer,
    sign_in: Callable[..., str],
    accessible: Callable[[], None],
    settings: Settings,
) -> None:
    build.known_property("firstName", types={"text": 9})
    for name in ("Ada Berg", "Ben Cole"):
        first = name.partition(" ")[0]
        build.person(
            traits={"name": name, "firstName": first}, identities={"email": f"{first.lower()}@example.com"}
        )
    sign_in(Role.MARKETER)
    page.goto(f"{live_server.url}/messages/")
    page.get_by_role("link", name="New message").first.click()
    page.get_by_label("Name").fill("Spring sale")
    page.get_by_role("button", name="Write it").click()

    mail = page.frame_locator(".mail-frame:not(.is-coming)")
    expect(mail.get_by_text("Hello Ben")).to_be_visible()  # who came last
    page.get_by_label("Subject").fill("Spring for ")
    page.get_by_role("button", name="firstName Ben").click()
    expect(page.get_by_label("Subject")).to_have_value("Spring for {{ person.firstName }}")
    expect(page.locator("#check")).to_contain_text("Spring for Ben")

    page.get_by_label("As", exact=True).fill("ada")
    page.get_by_role("button", name=re.compile("Ada Berg")).click()
    expect(page.locator("#check")).to_contain_text("Spring for Ada")
    expect(mail.get_by_text("Hello Ada")).to_be_visible()
    expect(page.get_by_role("button", name="firstName Ada")).to_be_visible()

    body = page.get_by_label("Body")
    sound = body.input_value()
    body.fill(sound.replace("|default('')", "") + "{{ person.nickname }}")
    expect(page.locator("#check")).to_contain_text("nickname")
    expect(mail.get_by_text("Hello Ada")).to_be_visible()  # the last good one stays
    body.fill(sound)
    expect(page.locator("#check")).to_contain_text("1 link")

    page.get_by_role("radio", name="Phone").check()
    expect(page.locator(".mail-frame").last).to_have_css("width", "375px")
    page.get_by_role("radio", name="Text").check()
    expect(page.get_by_label("Text part")).to_contain_text("Hello Ada")
    page.get_by_role("radio", name="Dark").check()
    expect(mail.locator("html")).to_have_css("filter", "invert(1) hue-rotate(180deg)")
    accessible()
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    accessible()

    with sinks.mail_server() as server:
        settings.EMAIL_URL = f"smtp://127.0.0.1:{server.port}"
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        page.get_by_label("Send it to").fill("mia@example.com")
        page.get_by_role("button", name="Send a test").click()
        expect(page.locator("#tested")).to_contain_text("Sent to mia@example.com, marked as a test.")
        assert [one.parsed["Subject"] for one in server.mails] == ["[Test] Spring for Ada"]

    page.get_by_role("button", name="Publish…").click()
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_role("heading", name="Spring sale")).to_be_visible()
    expect(page.locator(".pagehead")).to_contain_text("Version 1")
    assert Template.objects.get().content["subject"] == "Spring for {{ person.firstName }}"


def test_phone__the_editor_fits(page: Page, live_server: LiveServer, sign_in: Callable[..., str]) -> None:
    build.template(slug="hi", name="Hi", body="<p>Hello</p>" + "x" * 300)
    sign_in(Role.MARKETER)
    page.set_viewport_size({"width": 390, "height": 800})
    for path in ("", "+new/", "+topics/", "hi/", "hi/edit/", "hi/publish/"):
        page.goto(f"{live_server.url}/messages/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") == 390, path
