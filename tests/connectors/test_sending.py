"""Sending what is due: outcomes, retries, pauses, consent, and workers that die."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from connectors import suppression
from connectors.domain.message import DeliveryError, Draft, Fault, MessageClass, NewDelivery, Renderer
from connectors.journal import Journal, Mark
from connectors.models import Connection, Delivery, DeliveryAttempt, Destination, Source, Suppression
from connectors.services import cancel_for_runs, queue_deliveries, replay_deliveries, send_due
from connectors.services.suppressing import suppress
from profiles.domain.envelope import open_envelope
from profiles.models import Inbox, Person
from tests import build, sinks
from tests.connectors.fakes import FakeChannel, kind_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> Person:
    return build.person(
        traits={"email": "ada@example.com", "firstName": "Ada"},
        identities={"email": "ada@example.com", "user_id": "42"},
        consent={"email_marketing": True},
    )


def queue(person: Person, *, key: str = "7:s1:1", channel: str = "email", **changes: Any) -> Delivery:
    fields: dict[str, Any] = {
        "key": key,
        "person_id": person.pk,
        "channel": channel,
        "decided_at": NOW,
        "journey_id": 3,
        "run_id": 7,
        "step": "s1",
        "context": {
            "event": {"name": "Page Viewed", "properties": {"path": "/lamp"}},
            "journey": {"slug": "welcome", "name": "Welcome"},
            "run": {"id": 7},
        },
    }
    if channel == "email":
        fields["fields"] = {
            "subject": "Hi {{ person.firstName }}",
            "body": "<p>{{ event.properties.path }}</p>",
        }
    if channel == "crm":
        fields |= {
            "connection": "crm",
            "action": "create_deal",
            "fields": {"title": "{{ person.firstName }}"},
        }
    queue_deliveries([NewDelivery(**{**fields, **changes})])
    return Delivery.objects.get(key=key)


def told() -> list[dict[str, Any]]:
    """The messages that results put into the inbox."""
    return [
        json.loads(bytes(raw))
        for row in Inbox.objects.order_by("id")
        for raw in open_envelope(bytes(row.body)).messages
    ]


def after(delivery: Delivery) -> Delivery:
    delivery.refresh_from_db()
    return delivery


# Outcomes


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


# Failures


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


# Consent


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


# Destinations


def test_send_due__a_failing_destination_is_left_alone(
    ada: Person, crm: sinks.Crm, crm_connection: Connection
) -> None:
    crm.script.extend([sinks.Answer(status=503)] * 100)
    for number in range(30):
        queue(ada, key=f"{number}:s1:1", channel="crm")
    send_due(NOW)
    assert len(crm.requests) <= 5 + 6  # the calls that were under way when it was noticed
    lane = Destination.objects.get(name="connection:crm")
    assert lane.failure_count == len(crm.requests)
    assert lane.paused_until is not None
    assert lane.paused_until > NOW
    assert not Delivery.objects.filter(state="sending").exists()
    before = len(crm.requests)
    assert send_due(NOW + 9 * SECOND) == {}
    send_due(lane.paused_until + SECOND)
    assert len(crm.requests) == before + 1  # one call finds out whether it is back


def test_send_due__a_destination_that_is_back(
    ada: Person, crm: sinks.Crm, crm_connection: Connection
) -> None:
    Destination.objects.create(name="connection:crm", failure_count=9, paused_until=NOW, last_error="x")
    for number in range(30):
        queue(ada, key=f"{number}:s1:1", channel="crm")
    assert send_due(NOW) == {"begun": 30, "sent": 30}
    lane = Destination.objects.get(name="connection:crm")
    assert (lane.failure_count, lane.paused_until, lane.last_error) == (0, None, "")


def test_send_due__a_dead_destination_slows_nobody_else(
    ada: Person, http_server: sinks.HttpServer, webhook_connection: Connection, mail_server: sinks.MailServer
) -> None:
    http_server.may_answer.clear()
    for number in range(20):
        queue(ada, key=f"{number}:w:1", channel="webhook", connection="hook", fields={})
    for number in range(20):
        queue(ada, key=f"{number}:e:1")
    waiting: list[int] = []

    def answer_once_all_mails_are_there() -> None:
        until = time.monotonic() + 14  # a call to the webhook gives up soon after
        while len(mail_server.mails) < 20 and time.monotonic() < until:
            time.sleep(0.01)
        waiting.append(len(http_server.requests))
        http_server.may_answer.set()

    gate = threading.Thread(target=answer_once_all_mails_are_there)
    gate.start()
    assert send_due(NOW) == {"begun": 40, "sent": 40}
    gate.join()
    assert waiting == [6]


def test_send_due__gone_for_ever(
    ada: Person, http_server: sinks.HttpServer, webhook_connection: Connection
) -> None:
    http_server.script.append(sinks.Answer(status=410))
    first = queue(ada, channel="webhook", connection="hook", fields={})
    send_due(NOW)
    webhook_connection.refresh_from_db()
    assert not webhook_connection.is_active
    assert "410" in webhook_connection.disabled_reason
    assert after(first).state == "dead"
    second = queue(ada, key="8:s1:1", channel="webhook", connection="hook", fields={})
    assert send_due(NOW) == {}
    assert after(second).state == "queued"


def test_send_due__at_most_so_many(ada: Person, mail_server: sinks.MailServer) -> None:
    for number in range(9):
        queue(ada, key=f"{number}:s1:1")
    assert send_due(NOW, limit=5) == {"begun": 5, "sent": 5}
    assert Delivery.objects.filter(state="queued").count() == 4
    assert send_due(NOW)["sent"] == 4


def test_send_due__new_rows_are_seen_while_it_runs(
    ada: Person, http_server: sinks.HttpServer, webhook_connection: Connection
) -> None:
    channel = FakeChannel({}, "")
    from connectors.registry import CHANNELS

    http_server.otherwise = sinks.Answer(seconds_before=1.5)
    queue(ada, channel="webhook", connection="hook", fields={})
    queued: list[float] = []

    def clock() -> datetime:
        if not queued and http_server.requests:
            queued.append(time.monotonic())
            queue(ada, key="8:s1:1", channel="fake")
        return NOW

    tally = send_due(clock=clock, channels={**CHANNELS, "fake": kind_of(channel)})
    assert tally == {"begun": 2, "sent": 2}
    assert len(channel.sent) == 1


# Workers that die. Each test leaves behind what a worker leaves that was killed at that moment.


def interrupted(
    delivery: Delivery, *, machine: str, number: int = 1, content: dict[str, Any] | None = None
) -> DeliveryAttempt:
    content = content or {
        "to": "ada@example.com",
        "from": "a@b.c",
        "reply_to": "",
        "subject": "s",
        "text": "t",
        "html": "h",
        "headers": {"Message-ID": f"<{delivery.uuid}@b.c>"},
    }
    Delivery.objects.filter(pk=delivery.pk).update(
        state="sending", due_at=NOW + 20 * SECOND, attempt_count=number, rendered=content, queued_at=NOW
    )
    return DeliveryAttempt.objects.create(
        delivery=delivery, number=number, started_at=NOW, request={"machine": machine}
    )


@pytest.fixture
def journal(settings: Settings) -> Journal:
    return Journal(settings.WAYFARE_DATA / "calls")


LATER = NOW + 30 * SECOND


def test_send_due__a_claim_is_respected_until_its_lease_ends(
    ada: Person, mail_server: sinks.MailServer
) -> None:
    delivery = queue(ada)
    Delivery.objects.filter(pk=delivery.pk).update(state="sending", due_at=NOW + 20 * SECOND)
    assert send_due(NOW + 19 * SECOND) == {}
    assert send_due(NOW + 20 * SECOND)["sent"] == 1


def test_send_due__died_before_handing_the_mail_over(
    ada: Person, mail_server: sinks.MailServer, journal: Journal
) -> None:
    delivery = queue(ada)
    interrupted(delivery, machine=journal.machine)
    assert send_due(LATER) == {"begun": 1, "sent": 1}
    assert len(mail_server.mails) == 1
    assert [attempt.is_success for attempt in delivery.attempts.order_by("number")] == [False, True]


def test_send_due__died_after_the_server_took_the_mail(
    ada: Person, mail_server: sinks.MailServer, journal: Journal
) -> None:
    delivery = queue(ada)
    interrupted(delivery, machine=journal.machine)
    journal.note(delivery.uuid, attempt=1, mark=Mark.HANDED_OVER)
    journal.note(delivery.uuid, attempt=1, mark=Mark.TAKEN)
    assert send_due(LATER) == {"begun": 1, "sent": 1}
    assert mail_server.mails == []
    assert (after(delivery).state, delivery.sent_at) == ("sent", NOW)
    assert delivery.attempts.get().is_success is True
    assert told()[0]["event"] == "Email Sent"


@pytest.mark.parametrize("message_class", ["marketing", "service"])
def test_send_due__died_while_the_server_thought_about_it(
    ada: Person, mail_server: sinks.MailServer, journal: Journal, message_class: str
) -> None:
    delivery = queue(ada, message_class=message_class)
    interrupted(delivery, machine=journal.machine)
    journal.note(delivery.uuid, attempt=1, mark=Mark.HANDED_OVER)
    assert send_due(LATER) == {"begun": 1, "dead": 1}
    assert mail_server.mails == []
    assert "may or may not" in after(delivery).last_error
    assert delivery.attempts.get().is_success is None


def test_send_due__a_transactional_mail_is_repeated_once(
    ada: Person, mail_server: sinks.MailServer, journal: Journal
) -> None:
    delivery = queue(ada, message_class=MessageClass.TRANSACTIONAL.value)
    interrupted(delivery, machine=journal.machine)
    journal.note(delivery.uuid, attempt=1, mark=Mark.HANDED_OVER)
    assert send_due(LATER) == {"begun": 1, "sent": 1}
    assert mail_server.mails[0].parsed["Message-ID"] == f"<{delivery.uuid}@b.c>"


def test_send_due__a_mail_begun_on_another_machine_may_have_been_sent(
    ada: Person, mail_server: sinks.MailServer
) -> None:
    delivery = queue(ada, message_class="marketing")
    interrupted(delivery, machine="another")
    assert send_due(LATER) == {"begun": 1, "dead": 1}
    assert mail_server.mails == []


def test_send_due__what_the_destination_recognises_is_sent_again(
    ada: Person, crm: sinks.Crm, crm_connection: Connection
) -> None:
    delivery = queue(ada, channel="crm")
    content = {"action": "create_deal", "body": '{"x":1}'}
    interrupted(delivery, machine="another", content=content)
    assert send_due(LATER) == {"begun": 1, "sent": 1}
    (request,) = crm.requests
    assert (request.body, request.headers["idempotency-key"]) == (b'{"x":1}', str(delivery.uuid))
    assert after(delivery).attempt_count == 2


def test_send_due__a_late_worker_changes_nothing(ada: Person) -> None:
    """A worker whose lease ran out fails; meanwhile another sent the message."""
    from connectors.services.recording import Made, record

    delivery = queue(ada, channel="fake")
    channel = FakeChannel({}, "")
    send_due(NOW, channels={"fake": kind_of(channel)})
    assert after(delivery).state == "sent"
    error = DeliveryError("late", permanent=True, fault=Fault.MESSAGE)
    kind = kind_of(channel)
    record([Made(delivery=delivery, attempt=7, person=ada.uuid, kind=kind, error=error)], now=NOW)
    assert (after(delivery).state, delivery.last_error) == ("sent", "")


@pytest.mark.django_db(transaction=True)
def test_send_due__two_senders_share_the_work(ada: Person) -> None:
    channel = FakeChannel({}, "")
    kinds = {"fake": kind_of(channel)}
    for number in range(60):
        queue(ada, key=f"{number}:s1:1", channel="fake")
    tallies: list[dict[str, int]] = []

    def work() -> None:
        from django.db import connection

        try:
            tallies.append(send_due(NOW, channels=kinds))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sum(tally.get("sent", 0) for tally in tallies) == 60
    assert len({message.id for message in channel.messages}) == len(channel.messages) == 60
    assert Delivery.objects.filter(state="sent").count() == 60
    assert DeliveryAttempt.objects.count() == 60


def test_send_due__called_off_while_a_sender_held_it(ada: Person, mail_server: sinks.MailServer) -> None:
    delivery = queue(ada, run_id=7)
    Delivery.objects.filter(pk=delivery.pk).update(state="sending", due_at=NOW)
    cancel_for_runs([7], reason="converted")
    assert send_due(NOW)["cancelled"] == 1
    assert (after(delivery).state, delivery.last_error, delivery.due_at) == ("cancelled", "converted", None)
    assert mail_server.mails == []
    replay_deliveries(Delivery.objects.all(), actor="mia", now=NOW)
    assert send_due(NOW)["sent"] == 1


class EndingChannel(FakeChannel):
    """The run ends while the content is made."""

    def prepare(self, draft: Draft, *, render: Renderer) -> dict[str, Any]:
        cancel_for_runs([7], reason="converted")
        return super().prepare(draft, render=render)


def test_send_due__called_off_while_it_is_made(ada: Person) -> None:
    channel = EndingChannel({}, "")
    channels = {"fake": kind_of(channel)}
    delivery = queue(ada, channel="fake", run_id=7)
    send_due(NOW, channels=channels)
    assert channel.sent == []
    send_due(LATER, channels=channels)
    assert channel.sent == []
    assert (after(delivery).state, delivery.attempt_count) == ("cancelled", 0)
