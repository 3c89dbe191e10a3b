"""Links, pictures and unsubscribing, as a reader's programs ask for them."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.db import Error, connection
from django.test import Client
from pytest_django.fixtures import Settings

from connectors import suppression, vault
from connectors.domain.links import Click, Unsubscribe, click_token, open_token, unsubscribe_token
from connectors.models import Delivery, Suppression
from connectors.queries import suppressed_scopes
from profiles.domain.envelope import open_envelope
from profiles.models import Inbox
from tests import build

URL = "https://shop.example/lamp?a=1&b=2"
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36"}
ADDRESS = "ada@example.com"

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    return Client(headers=BROWSER, enforce_csrf_checks=True)


@pytest.fixture
def delivery() -> Delivery:
    person = build.person(identities={"email": ADDRESS})
    return build.delivery(
        person=person,
        run_id=7,
        step="s1",
        context={"journey": {"slug": "welcome"}},
        message_class="marketing",
    )


def key() -> bytes:
    return vault.keys_for(vault.MAIL_LINKS)[0]


def click_path(delivery: Delivery, *, url: str = URL) -> str:
    return f"/c/{click_token(Click(delivery=delivery.uuid, url=url), key=key())}"


def unsubscribe_path(delivery: Delivery) -> str:
    asked = Unsubscribe(delivery=delivery.uuid, address_hash=suppression.hash_of(ADDRESS, channel="email"))
    return f"/u/{unsubscribe_token(asked, key=key())}"


def told() -> list[dict[str, Any]]:
    return [
        json.loads(bytes(raw))
        for row in Inbox.objects.order_by("id")
        for raw in open_envelope(bytes(row.body)).messages
    ]


def test_click__leads_on_and_is_told(browser: Client, delivery: Delivery) -> None:
    response = browser.get(click_path(delivery))
    assert (response.status_code, response["Location"]) == (302, URL)
    assert "no-store" in response["Cache-Control"]
    assert response["Referrer-Policy"] == "no-referrer"
    assert not response.cookies
    (message,) = told()
    assert message["event"] == "Email Link Clicked"
    assert message["_person"] == str(delivery.person.uuid)
    properties = message["properties"]
    assert properties["url"] == URL
    assert properties["by"] == "human"
    assert properties["delivery"] == str(delivery.uuid)
    assert (properties["journey"], properties["run"], properties["step"]) == ("welcome", 7, "s1")


def test_click__a_program_is_told_apart(delivery: Delivery) -> None:
    Client(headers={"User-Agent": "Barracuda Sentinel"}).get(click_path(delivery))
    assert told()[0]["properties"]["by"] == "scanner"


def test_click__looking_is_not_following(browser: Client, delivery: Delivery) -> None:
    assert browser.head(click_path(delivery))["Location"] == URL
    assert told() == []


def test_click__works_when_the_delivery_is_gone(browser: Client, delivery: Delivery) -> None:
    path = click_path(delivery)
    delivery.delete()
    assert browser.get(path)["Location"] == URL
    assert told() == []


def test_click__works_while_the_database_is_away(
    browser: Client, delivery: Delivery, caplog: pytest.LogCaptureFixture
) -> None:
    path = click_path(delivery)

    def away(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        raise Error("gone")

    with connection.execute_wrapper(away):
        assert browser.get(path)["Location"] == URL
    assert "could not be noted" in caplog.text


def test_click__nothing_that_we_did_not_sign(browser: Client, delivery: Delivery) -> None:
    forged = click_token(Click(delivery=delivery.uuid, url="https://evil.example"), key=b"x" * 32)
    for token in (forged, "https:%2F%2Fevil.example", "abc", click_path(delivery)[3:-2]):
        response = browser.get(f"/c/{token}")
        assert response.status_code == 404
        assert "Location" not in response


def test_click__old_links_survive_a_new_secret_key(
    browser: Client, delivery: Delivery, settings: Settings
) -> None:
    path = click_path(delivery)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key that is long enough to be one"
    assert browser.get(path).status_code == 302


def test_pixel__is_a_picture_and_is_told_once_a_minute(browser: Client, delivery: Delivery) -> None:
    path = f"/o/{open_token(delivery.uuid, key=key())}"
    response = browser.get(path)
    assert (response.status_code, response["Content-Type"]) == (200, "image/gif")
    assert response.content.startswith(b"GIF89a")
    browser.get(path)
    messages = told()
    assert {message["event"] for message in messages} == {"Email Opened"}
    assert len({message["messageId"] for message in messages}) <= 2  # a minute may end in between
    assert messages[0]["messageId"].startswith(f"{delivery.uuid}:open:human:")


def test_pixel__unknown(browser: Client) -> None:
    assert browser.get("/o/abc").status_code == 404


def test_unsubscribe__a_get_only_shows_a_page(browser: Client, delivery: Delivery) -> None:
    response = browser.get(unsubscribe_path(delivery))
    assert response.status_code == 200
    assert "Unsubscribe from news and offers?" in response.content.decode()
    assert ADDRESS not in response.content.decode()
    assert not response.cookies
    assert told() == []
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_unsubscribe__one_click(browser: Client, delivery: Delivery, content_type: str) -> None:
    """RFC 8058: no cookie, no token of ours, no redirect."""
    path = unsubscribe_path(delivery)
    if content_type.startswith("multipart"):
        response = browser.post(path, {"List-Unsubscribe": "One-Click"})
    else:
        response = browser.post(path, "List-Unsubscribe=One-Click", content_type=content_type)
    assert response.status_code == 200
    assert "You are unsubscribed" in response.content.decode()
    (message,) = told()
    assert message["event"] == "Email Unsubscribed"
    assert message["context"]["consent"]["categoryPreferences"] == {"email_marketing": False}
    assert message["_person"] == str(delivery.person.uuid)
    assert suppressed_scopes({ADDRESS}, channel="email") == {ADDRESS: frozenset({"marketing"})}


def test_unsubscribe__twice_is_once(browser: Client, delivery: Delivery) -> None:
    for _ in range(2):
        assert browser.post(unsubscribe_path(delivery)).status_code == 200
    assert Suppression.objects.filter(channel="email").count() == 1


def test_unsubscribe__works_after_the_person_was_erased(browser: Client, delivery: Delivery) -> None:
    path = unsubscribe_path(delivery)
    person = delivery.person
    delivery.delete()
    person.delete()
    assert browser.post(path).status_code == 200
    assert told() == []
    assert suppressed_scopes({ADDRESS}, channel="email") == {ADDRESS: frozenset({"marketing"})}


def test_unsubscribe__needs_its_own_token(browser: Client, delivery: Delivery) -> None:
    assert browser.post(f"/u/{click_path(delivery)[3:]}").status_code == 404
    assert browser.post(f"/u/{uuid4()}").status_code == 404
    assert not Suppression.objects.exists()
