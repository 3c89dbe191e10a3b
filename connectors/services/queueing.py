"""Putting deliveries into the outbox, taking them back, and queueing them again."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import msgspec
from django.db import connection, transaction
from django.db.models import Case, F, Q, QuerySet, TextField, Value, When
from django.utils import timezone

from cdp_site import audit
from cdp_site.wakeup import wake
from connectors.domain.message import NewDelivery
from connectors.models import Delivery
from profiles.arrays import bare, instants, texts

_DUMPS: tuple[Callable[[Sequence[Any]], str], ...] = (bare, texts, bare, bare, bare, *[texts] * 8, instants)
_encoder = msgspec.json.Encoder(decimal_format="number")  # facts hold exact decimals
CALLED_OFF = "ended"  # where no reason is given
_REPLAYABLE = (Delivery.State.DEAD, Delivery.State.BLOCKED, Delivery.State.CANCELLED)


def queue_deliveries(outgoing: Sequence[NewDelivery]) -> dict[str, int]:
    """Queue messages in the caller's transaction, ids in their order; a key that was queued changes nothing.

    Returns:
        key -> id of those that are new.
    """
    if not outgoing:
        return {}
    rows = [_row(delivery) for delivery in outgoing]
    with connection.cursor() as cursor:
        cursor.execute(
            _QUEUE, [dump(column) for dump, column in zip(_DUMPS, zip(*rows, strict=True), strict=True)]
        )
        queued: dict[str, int] = dict(cursor.fetchall())
    return queued


# One statement for all rows, as arrays: it runs in the drain, where a model instance a row costs more
# than the database does. Unknown slugs become null and are found when sending.
_QUEUE = """
INSERT INTO connectors_delivery
       (uuid, key, person_id, journey_id, run_id, step, channel, connection_id, destination, action,
        template_id, message_class, fields, context, state, due_at, attempt_count, failure_count,
        last_error, external_id, decided_at)
SELECT d.uuid, d.key, d.person_id, d.journey_id, d.run_id, d.step, d.channel, c.id,
       CASE WHEN d.connection = '' THEN d.channel ELSE 'connection:' || d.connection END,
       d.action, t.id, d.message_class, d.fields::jsonb, d.context::jsonb, 'queued', d.decided_at, 0, 0,
       '', '', d.decided_at
  FROM unnest(%s::uuid[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[],
              %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])
       WITH ORDINALITY AS d(uuid, key, person_id, journey_id, run_id, step, channel,
            connection, action, template, message_class, fields, context, decided_at, place)
  LEFT JOIN connectors_connection AS c ON c.slug = d.connection
  LEFT JOIN connectors_template AS t ON t.slug = d.template
 ORDER BY d.place
ON CONFLICT (key) DO NOTHING
RETURNING key, id
"""


def _row(delivery: NewDelivery) -> tuple[Any, ...]:
    return (
        uuid4(),
        delivery.key,
        delivery.person_id,
        delivery.journey_id,
        delivery.run_id,
        delivery.step,
        delivery.channel,
        delivery.connection,
        delivery.action,
        delivery.template,
        delivery.message_class,
        _encoder.encode(delivery.fields).decode(),
        _encoder.encode(delivery.context).decode(),
        delivery.decided_at,
    )


def cancel_for_runs(run_ids: Collection[int], *, reason: str, steps: Collection[str] | None = None) -> int:
    """Take back what these runs queued, at these steps or at all, and what is not sent yet; give how many.

    What a sender holds is marked: whoever holds it asks for the mark before each call. Called before the
    deliveries that the end of a run itself decides are queued.
    """
    # One statement: a delivery that a sender takes or gives back meanwhile is judged by what it is then.
    is_queued = Q(state=Delivery.State.QUEUED)
    held = Delivery.objects.filter(run_id__in=list(run_ids))
    if steps is not None:
        held = held.filter(step__in=list(steps))
    return held.filter(is_queued | Q(state=Delivery.State.SENDING)).update(
        state=Case(When(is_queued, then=Value(Delivery.State.CANCELLED.value)), default=F("state")),
        due_at=Case(When(is_queued, then=None), default=F("due_at")),
        last_error=Case(
            When(is_queued, then=Value(reason, output_field=TextField())), default=F("last_error")
        ),
        called_off=Value((reason or CALLED_OFF)[:200]),
    )


def repoint_people(old: Sequence[int], new: Sequence[int]) -> None:
    """Give the deliveries of merged people to their survivors."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE connectors_delivery AS d SET person_id = m.new
              FROM unnest(%s::bigint[], %s::bigint[]) AS m(old, new) WHERE d.person_id = m.old
            """,
            [bare(old), bare(new)],
        )


def replay_deliveries(
    found: QuerySet[Delivery], *, actor: str, now: datetime | None = None, render_again: bool = False
) -> int:
    """Queue deliveries again that failed, were not allowed or were cancelled; give how many.

    They keep their id, so that a destination which did take one recognises it.

    Args:
        render_again: make the content anew, from the template as it is now.
    """
    now = now or timezone.now()
    with transaction.atomic():
        ids = list(
            found.filter(state__in=_REPLAYABLE)
            .order_by("id")
            .select_for_update(of=("self",))
            .values_list("id", flat=True)
        )
        replayed = Delivery.objects.filter(id__in=ids)
        if render_again:
            replayed.update(rendered=None)
        replayed.update(
            state=Delivery.State.QUEUED,
            due_at=now,
            queued_at=now,
            failure_count=0,
            last_error="",
            called_off="",
        )
        _note_replay(ids, actor=actor, render_again=render_again)
        transaction.on_commit(lambda: wake("deliveries"))
    return len(ids)


def _note_replay(ids: Iterable[int], *, actor: str, render_again: bool) -> None:
    for delivery_id in ids:
        audit.record(
            actor,
            "delivery.replay",
            object_kind="delivery",
            object_id=str(delivery_id),
            after={"render_again": render_again},
        )
