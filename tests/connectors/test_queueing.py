from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from cdp_site.models import AuditEntry
from connectors.domain.message import NewDelivery
from connectors.models import Connection, Delivery
from connectors.services import cancel_for_runs, queue_deliveries, replay_deliveries
from tests import build

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def new(key: str, *, person_id: int = 1, **changes: Any) -> NewDelivery:
    return NewDelivery(
        **{"key": key, "person_id": person_id, "channel": "email", "decided_at": NOW, **changes}
    )


def test_queue_deliveries__everything_lands_in_its_column() -> None:
    crm = Connection.objects.create(slug="crm", name="CRM", kind="crm")
    template = build.template(slug="hi", name="Hi", subject="s", body="b")
    queued = queue_deliveries(
        [
            new(
                "7:s1:1",
                person_id=5,
                journey_id=3,
                run_id=7,
                step="s1",
                channel="crm",
                connection="crm",
                action="create_deal",
                template="hi",
                message_class="marketing",
                fields={"amount": Decimal("19.90"), "x": ['a "quoted" \\ text', None]},
                context={"event": {"name": "Ö\n{,}"}},
            )
        ]
    )
    row = Delivery.objects.get()
    assert queued == {"7:s1:1": row.pk}
    assert (row.person_id, row.journey_id, row.run_id, row.step) == (5, 3, 7, "s1")
    assert (row.channel, row.connection, row.template, row.action) == (
        "crm",
        crm,
        template,
        "create_deal",
    )
    assert row.destination == "connection:crm"
    assert row.message_class == "marketing"
    assert row.fields == {"amount": 19.9, "x": ['a "quoted" \\ text', None]}
    assert row.context == {"event": {"name": "Ö\n{,}"}}
    assert (row.state, row.due_at, row.decided_at) == ("queued", NOW, NOW)
    assert row.queued_at is not None


def test_queue_deliveries__email_without_anything() -> None:
    queue_deliveries([new("1:s:1")])
    row = Delivery.objects.get()
    assert (row.destination, row.connection, row.template, row.journey_id) == ("email", None, None, None)


def test_queue_deliveries__a_key_counts_once() -> None:
    first = queue_deliveries([new("1:s:1"), new("1:s:2")])
    again = queue_deliveries([new("1:s:1"), new("1:s:3")])
    assert set(first) == {"1:s:1", "1:s:2"}
    assert set(again) == {"1:s:3"}
    assert Delivery.objects.count() == 3


def test_queue_deliveries__ids_are_given_in_the_order_of_deciding() -> None:
    """However the database joins the names of connections and templates."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_nestloop = off")
    steps = ["mail", "free", "zeta", "service", "alpha"]
    queue_deliveries([new(f"1:{step}:1", step=step, connection=step) for step in steps])
    assert list(Delivery.objects.order_by("id").values_list("step", flat=True)) == steps


def test_queue_deliveries__unknown_slugs_are_kept_for_the_sender() -> None:
    queue_deliveries([new("1:s:1", channel="crm", connection="gone", template="gone")])
    row = Delivery.objects.get()
    assert (row.destination, row.connection, row.template) == ("connection:gone", None, None)


def test_queue_deliveries__one_statement_for_hundreds(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    many = [new(f"{number}:s:1", person_id=number) for number in range(1, 501)]
    with django_assert_num_queries(1):
        assert len(queue_deliveries(many)) == 500
    with django_assert_num_queries(0):
        assert queue_deliveries([]) == {}


def test_cancel_for_runs__takes_back_what_is_not_sent() -> None:
    person = build.person()
    rows = {
        state: build.delivery(person=person, state=state, run_id=7, due_at=NOW)
        for state in ("queued", "sending", "sent", "dead")
    }
    other = build.delivery(person=person, state="queued", run_id=8, due_at=NOW)
    assert cancel_for_runs([7], reason="converted") == 2
    for state, row in rows.items():
        row.refresh_from_db()
        assert row.state == ("cancelled" if state == "queued" else state)
        assert row.called_off == ("converted" if state in ("queued", "sending") else "")
    other.refresh_from_db()
    assert other.state == "queued"
    cancelled = rows["queued"]
    assert (cancelled.due_at, cancelled.last_error) == (None, "converted")


def test_replay_deliveries__begins_a_new_round() -> None:
    person = build.person()
    dead = build.delivery(
        person=person, state="dead", attempt_count=14, failure_count=14, last_error="x", rendered={"to": "a"}
    )
    waiting = build.delivery(person=person, state="queued", due_at=NOW)
    sent = build.delivery(person=person, state="sent")
    before = dead.uuid
    assert replay_deliveries(Delivery.objects.all(), actor="mia", now=NOW) == 1
    dead.refresh_from_db()
    assert (dead.state, dead.due_at, dead.queued_at) == ("queued", NOW, NOW)
    assert (dead.failure_count, dead.attempt_count, dead.last_error) == (0, 14, "")
    assert (dead.uuid, dead.rendered) == (before, {"to": "a"})
    assert Delivery.objects.get(pk=sent.pk).state == "sent"
    assert Delivery.objects.get(pk=waiting.pk).due_at == NOW
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.verb, entry.object_id) == ("mia", "delivery.replay", str(dead.pk))


def test_replay_deliveries__with_content_made_anew() -> None:
    dead = build.delivery(person=build.person(), state="dead", rendered={"to": "a"})
    replay_deliveries(
        Delivery.objects.filter(pk=dead.pk), actor="mia", now=NOW + timedelta(hours=1), render_again=True
    )
    dead.refresh_from_db()
    assert dead.rendered is None
