"""Sending what is due: whom we may write to, asked before each attempt."""

import pytest
from pytest_django.fixtures import Settings

from connectors import suppression
from connectors.models import Suppression
from connectors.services import send_due
from connectors.services.suppressing import suppress
from profiles.models import Person
from tests import build, sinks
from tests.connectors.outbox import NOW, SECOND, after, queue, told

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("consent", "message_class", "state", "reason"),
    [
        ({"email_marketing": True}, "marketing", "sent", ""),
        ({}, "marketing", "blocked", "consent_unset"),
        ({"email_marketing": False}, "marketing", "blocked", "consent_denied"),
        ({"email_marketing": False}, "service", "sent", ""),
        ({}, "transactional", "sent", ""),
    ],
)
def test_send_due__asks_for_consent_again(
    ada: Person,
    mail_server: sinks.MailServer,
    consent: dict[str, bool],
    message_class: str,
    state: str,
    reason: str,
) -> None:
    delivery = queue(ada, message_class=message_class)
    ada.consent = consent
    ada.save()
    send_due(NOW)
    assert (after(delivery).state, delivery.last_error) == (state, reason)
    assert len(mail_server.mails) == (1 if state == "sent" else 0)


def test_send_due__asks_for_consent_before_each_attempt(ada: Person, mail_server: sinks.MailServer) -> None:
    mail_server.answers["ada"] = "451 later"
    delivery = queue(ada, message_class="marketing")
    send_due(NOW)
    assert after(delivery).state == "queued"
    ada.consent = {"email_marketing": False}
    ada.save()
    send_due(NOW + 10 * SECOND)
    assert (after(delivery).state, delivery.attempt_count) == ("blocked", 1)


@pytest.mark.parametrize(
    ("scope", "message_class", "state"),
    [
        ("all", "service", "blocked"),
        ("all", "marketing", "blocked"),
        ("marketing", "marketing", "blocked"),
        ("marketing", "service", "sent"),
    ],
)
def test_send_due__suppressed_addresses(
    ada: Person, mail_server: sinks.MailServer, scope: str, message_class: str, state: str
) -> None:
    suppress("Ada@Example.com ", channel="email", reason="by_hand", scope=scope)
    delivery = queue(ada, message_class=message_class)
    send_due(NOW)
    assert after(delivery).state == state


def test_send_due__a_lost_suppression_key_stops_marketing(
    ada: Person, mail_server: sinks.MailServer, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    suppress("somebody@example.com", channel="email", reason="by_hand")
    settings.WAYFARE_DATA = settings.WAYFARE_DATA / "restored-elsewhere"
    marketing = queue(ada, message_class="marketing")
    service = queue(ada, key="7:s2:1", message_class="service")
    send_due(NOW)
    assert (after(marketing).state, after(service).state) == ("blocked", "sent")
    assert "key of the suppression list" in caplog.text


def test_send_due__nobody_knows_the_address(mail_server: sinks.MailServer) -> None:
    anonymous = build.person(identities={"anonymous_id": "a1"})
    delivery = queue(anonymous, fields={"subject": "s", "body": "b"})
    send_due(NOW)
    assert (after(delivery).state, delivery.last_error) == ("blocked", "no_address")


def test_send_due__somebody_elses_address_is_not_written_to(
    mail_server: sinks.MailServer, ada: Person
) -> None:
    eve = build.person(traits={"email": "ada@example.com"}, identities={"anonymous_id": "e1"})
    delivery = queue(eve, fields={"subject": "s", "body": "b"})
    send_due(NOW)
    assert (after(delivery).state, mail_server.mails) == ("blocked", [])


def test_send_due__a_merged_person_is_the_survivor(mail_server: sinks.MailServer, ada: Person) -> None:
    old = build.person(identities={"anonymous_id": "a1"})
    middle = build.person()
    delivery = queue(old)
    old.merged_into, middle.merged_into = middle, ada
    old.save()
    middle.save()
    send_due(NOW)
    assert mail_server.mails[0].recipients == ("ada@example.com",)
    assert after(delivery).state == "sent"
    assert told()[0]["_person"] == str(ada.uuid)


def test_send_due__a_bounce_suppresses_the_address(mail_server: sinks.MailServer) -> None:
    gone = build.person(identities={"email": "bounce@example.com"})
    delivery = queue(gone, fields={"subject": "s", "body": "b"})
    assert send_due(NOW) == {"begun": 1, "dead": 1}
    (message,) = told()
    assert (message["event"], message["messageId"]) == ("Email Bounced", f"{delivery.uuid}:bounced")
    row = Suppression.objects.get(address_hash=suppression.hash_of("bounce@example.com", channel="email"))
    assert (row.channel, row.reason, row.scope) == ("email", "bounced", "all")
    again = queue(gone, key="8:s1:1", fields={"subject": "s", "body": "b"})
    send_due(NOW)
    assert after(again).last_error == "suppressed"
