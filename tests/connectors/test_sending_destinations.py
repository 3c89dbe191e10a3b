"""Sending what is due: destinations that fail, rest and come back, and leave the others alone."""

import threading
import time
from datetime import datetime

import pytest

from connectors.models import Connection, Delivery, Destination
from connectors.services import send_due
from profiles.models import Person
from tests import sinks
from tests.connectors.fakes import FakeChannel, kind_of
from tests.connectors.outbox import NOW, SECOND, after, queue

pytestmark = pytest.mark.django_db


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
