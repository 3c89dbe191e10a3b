"""Sending what is due: outcomes, retries, dead letters."""

from datetime import timedelta
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from connectors.models import Connection, Delivery, Destination, Source
from connectors.services import replay_deliveries, send_due
from profiles.models import Person
from tests import build, sinks
from tests.connectors.fakes import FakeChannel, kind_of
from tests.connectors.outbox import NOW, SECOND, after, queue, told

pytestmark = pytest.mark.django_db


def test_send_due__an_email_arrives(ada: Person, mail_server: sinks.MailServer) -> None:
    delivery = queue(ada, message_class="marketing")
    assert send_due(NOW) == {"begun": 1, "sent": 1}
    (mail,) = mail_server.mails
    assert (mail.parsed["Subject"], mail.recipients) == ("Hi Ada", ("ada@example.com",))
    assert "/lamp" in mail.part("text/html")
    after(delivery)
    assert (delivery.state, delivery.due_at, delivery.sent_at) == ("sent", None, NOW)
    assert delivery.rendered is not None
    assert delivery.rendered["to"] == "ada@example.com"
    attempt = delivery.attempts.get()
    assert (attempt.number, attempt.is_success, attempt.finished_at) == (1, True, NOW)
    (message,) = told()
    assert message["event"] == "Email Sent"
    assert message["_person"] == str(ada.uuid)
    assert message["messageId"] == f"{delivery.uuid}:sent"
    assert message["properties"] == {
        "delivery": str(delivery.uuid),
        "channel": "email",
        "class": "marketing",
        "journey": "welcome",
        "run": 7,
        "step": "s1",
        "subject": "Hi Ada",
    }
    source = Source.objects.get(slug="wayfare")
    assert (source.kind, source.trust) == ("internal", "server")


def test_send_due__nothing_to_do() -> None:
    assert send_due(NOW) == {}


def test_send_due__not_before_it_is_due(ada: Person, mail_server: sinks.MailServer) -> None:
    queue(ada)
    assert send_due(NOW - SECOND) == {}
    assert mail_server.mails == []


def test_send_due__without_a_mail_server(ada: Person, settings: Settings) -> None:
    settings.EMAIL_URL = ""
    delivery = queue(ada)
    send_due(NOW)
    assert (after(delivery).state, delivery.last_error) == ("sent", "outbox page")
    assert told()[0]["properties"]["via"] == "outbox page"


def test_send_due__a_crm_action_and_its_id(ada: Person, crm: sinks.Crm, crm_connection: Connection) -> None:
    fields = {"title": "{{ person.firstName }}", "subject": "a field of the CRM"}
    delivery = queue(ada, channel="crm", fields=fields)
    send_due(NOW)
    assert crm.requests[0].json["fields"] == {"title": "Ada", "subject": "a field of the CRM"}
    assert crm.requests[0].json["contact"]["user_id"] == "42"
    assert (after(delivery).state, delivery.external_id) == ("sent", "deals-1")
    (message,) = told()
    assert message["event"] == "CRM Action Sent"
    assert message["properties"]["external_id"] == "deals-1"
    assert message["properties"]["action"] == "create_deal"
    assert "context" not in message


def test_send_due__a_contact_of_the_crm_becomes_an_identity(
    ada: Person, crm: sinks.Crm, crm_connection: Connection
) -> None:
    queue(ada, channel="crm", action="upsert_contact")
    send_due(NOW)
    (message,) = told()
    assert message["context"]["externalIds"] == [
        {"type": "crm", "id": "contacts-1", "collection": "users", "encoding": "none"}
    ]


def test_send_due__a_contact_of_somebody_else_is_no_identity(
    ada: Person, crm: sinks.Crm, crm_connection: Connection
) -> None:
    build.person(identities={"crm": "contacts-1"})
    queue(ada, channel="crm", action="upsert_contact")
    send_due(NOW)
    assert "context" not in told()[0]


def test_send_due__passing_trouble_is_tried_again_with_the_same_bytes(
    ada: Person, crm: sinks.Crm, crm_connection: Connection
) -> None:
    crm.script.append(sinks.Answer(status=503, body=b"busy"))
    delivery = queue(ada, channel="crm")
    assert send_due(NOW) == {"begun": 1, "retried": 1}
    after(delivery)
    assert (delivery.state, delivery.failure_count) == ("queued", 1)
    assert delivery.due_at is not None
    assert 1.5 * SECOND <= delivery.due_at - NOW <= 2.5 * SECOND
    assert "503" in delivery.last_error
    assert send_due(NOW + SECOND) == {}
    ada.traits["firstName"] = "Somebody else"
    ada.save()
    assert send_due(NOW + 3 * SECOND) == {"begun": 1, "sent": 1}
    first, second = crm.requests
    assert first.body == second.body
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"] == str(delivery.uuid)
    assert [
        (attempt.number, attempt.is_success, attempt.response.get("status"))
        for attempt in delivery.attempts.order_by("number")
    ] == [(1, False, 503), (2, True, 201)]
    assert (after(delivery).state, delivery.last_error) == ("sent", "")


def test_send_due__waits_as_long_as_the_destination_asks(
    ada: Person, crm: sinks.Crm, crm_connection: Connection
) -> None:
    crm.script.append(sinks.Answer(status=429, headers={"Retry-After": "120"}))
    delivery = queue(ada, channel="crm")
    send_due(NOW)
    assert after(delivery).due_at == NOW + 120 * SECOND
    queue(ada, channel="crm", key="7:s2:1")  # the destination asked: others wait as well
    assert send_due(NOW + 119 * SECOND) == {}
    assert send_due(NOW + 120 * SECOND) == {"begun": 2, "sent": 2}


def test_send_due__gives_up_at_last(ada: Person, crm: sinks.Crm, crm_connection: Connection) -> None:
    crm.otherwise = sinks.Answer(status=500)
    crm.script.extend([sinks.Answer(status=500)] * 50)
    delivery = queue(ada, channel="crm")
    now = NOW
    Delivery.objects.update(queued_at=NOW)
    for _ in range(60):
        after(delivery)
        if delivery.due_at is None:
            break
        lane = Destination.objects.filter(name="connection:crm").first()
        now = max(delivery.due_at, (lane and lane.paused_until) or now)
        send_due(now)
    assert (delivery.state, delivery.attempt_count) == ("dead", 14)
    assert timedelta(hours=20) < now - NOW < timedelta(days=3)


@pytest.mark.parametrize("status", [400, 404, 422])
def test_send_due__a_refusal_for_good_is_a_dead_letter(
    ada: Person, crm: sinks.Crm, crm_connection: Connection, status: int
) -> None:
    crm.script.append(sinks.Answer(status=status, body=b'{"error":"amount is missing"}'))
    delivery = queue(ada, channel="crm")
    assert send_due(NOW) == {"begun": 1, "dead": 1}
    assert (after(delivery).state, delivery.due_at) == ("dead", None)
    assert delivery.attempts.get().response["body"] == '{"error":"amount is missing"}'
    assert told() == []


def test_send_due__a_dead_letter_can_be_replayed(
    ada: Person, crm: sinks.Crm, crm_connection: Connection
) -> None:
    crm.script.append(sinks.Answer(status=422))
    delivery = queue(ada, channel="crm")
    send_due(NOW)
    replay_deliveries(Delivery.objects.filter(pk=delivery.pk), actor="mia", now=NOW)
    assert send_due(NOW)["sent"] == 1
    assert after(delivery).attempt_count == 2
    assert len(crm.things) == 1


def test_send_due__a_template_at_fault(ada: Person, mail_server: sinks.MailServer) -> None:
    delivery = queue(ada, fields={"subject": "s", "body": "{{ person.nickname }}"})
    fine = queue(ada, key="7:s2:1")
    assert send_due(NOW) == {"begun": 2, "dead": 1, "sent": 1}
    assert (after(delivery).state, delivery.attempts.count()) == ("dead", 0)
    assert "nickname" in delivery.last_error
    assert after(fine).state == "sent"


@pytest.mark.parametrize(
    "changes",
    [
        {"channel": "crm", "connection": ""},
        {"channel": "crm", "connection": "nowhere"},
        {"channel": "pigeon"},
        {"channel": "email", "template": "nowhere", "fields": {}},
    ],
)
def test_send_due__what_is_missing_is_a_dead_letter(
    ada: Person, mail_server: sinks.MailServer, changes: dict[str, Any]
) -> None:
    delivery = queue(ada, **changes)
    assert send_due(NOW) == {"begun": 1, "dead": 1}
    assert "does not exist" in after(delivery).last_error


def test_send_due__a_fault_of_ours_costs_only_its_delivery(
    ada: Person, mail_server: sinks.MailServer
) -> None:
    class Broken(FakeChannel):
        def send(self, message: Any, **options: Any) -> Any:
            raise ZeroDivisionError

    broken = queue(ada, key="7:s2:1", channel="fake")
    fine = queue(ada)
    from connectors.registry import CHANNELS

    kinds = {**CHANNELS, "fake": kind_of(Broken({}, ""))}
    assert send_due(NOW, channels=kinds) == {"begun": 2, "sent": 1, "retried": 1}
    assert (after(broken).state, after(fine).state) == ("queued", "sent")
    assert broken.attempts.get().is_success is None
