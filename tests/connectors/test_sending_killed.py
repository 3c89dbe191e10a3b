"""Sending what is due: each test leaves behind what a worker that was killed at some moment leaves."""

import threading
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from connectors.domain.message import DeliveryError, Draft, Fault, MessageClass, Renderer
from connectors.journal import Journal, Mark
from connectors.models import Connection, Delivery, DeliveryAttempt
from connectors.services import cancel_for_runs, replay_deliveries, send_due
from profiles.models import Person
from tests import sinks
from tests.connectors.fakes import FakeChannel, kind_of
from tests.connectors.outbox import NOW, SECOND, after, queue, told

pytestmark = pytest.mark.django_db


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
