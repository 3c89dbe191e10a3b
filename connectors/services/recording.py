"""Writing down what came of calls, and telling it about the person."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import transaction

from connectors import queries
from connectors.domain.delivery import Next, Round, after_failure
from connectors.domain.message import ChannelKind, DeliveryError, Fault, Receipt
from connectors.models import Delivery, DeliveryAttempt
from connectors.services.destinations import is_lane_fault, note_arrivals, note_failures
from connectors.services.results import BOUNCED, Result, tell_results
from connectors.services.suppressing import suppress

State = Delivery.State


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A call that was made."""

    delivery: Delivery
    attempt: int
    person: UUID
    kind: ChannelKind
    receipt: Receipt | None = None
    error: DeliveryError | None = None  # one of the two


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    tally: Counter[str] = field(default_factory=Counter)  # "sent", "retried", "dead"
    arrived: set[str] = field(default_factory=set)  # destinations that work
    paused: set[str] = field(default_factory=set)  # destinations to be left alone


def record(done: Sequence[Made], *, now: datetime) -> Recorded:
    """Write down outcomes, all in one transaction."""
    recorded = Recorded()
    failures: list[tuple[Delivery, DeliveryError]] = []
    results: list[Result] = []
    with transaction.atomic():
        for made in sorted(done, key=lambda made: made.delivery.pk):
            if made.error is None:
                results.append(_record_sent(made, now=now))
                recorded.tally["sent"] += 1
            else:
                next_ = _record_failed(made, error=made.error, now=now)
                results += _told(made, error=made.error, now=now)
                recorded.tally["dead" if next_.is_over else "retried"] += 1
            if made.error is not None and is_lane_fault(made.error):
                failures.append((made.delivery, made.error))
            else:
                recorded.arrived.add(made.delivery.destination)
        note_arrivals(recorded.arrived)
        recorded.paused.update(note_failures(failures, now=now))
        tell_results(results, now=now)
    return recorded


def sent_result(delivery: Delivery, *, person: UUID, kind: ChannelKind, at: datetime, via: str) -> Result:
    """What is told of a delivery that was sent."""
    subject = (delivery.rendered or {}).get("subject")
    properties = {"subject": subject} if subject else {}
    if delivery.external_id:
        properties["external_id"] = delivery.external_id
    if via:
        properties["via"] = via
    return Result(
        delivery=delivery, person=person, event=kind.sent_event, at=at, what="sent", properties=properties
    )


def jitter() -> float:
    """Spread what failed together, so that it does not come back together."""
    return random.random()


def _record_sent(made: Made, *, now: datetime) -> Result:
    delivery, receipt = made.delivery, made.receipt
    assert receipt is not None
    delivery.external_id = receipt.external_id
    _close_attempt(made, is_success=True, response=dict(receipt.response), now=now)
    # The truth, whoever holds the row by now: it was sent.
    # Where nothing left the house, the place of an error says so.
    Delivery.objects.filter(pk=delivery.pk).exclude(state=State.SENT).update(
        state=State.SENT, due_at=None, sent_at=now, external_id=receipt.external_id, last_error=receipt.via
    )
    return sent_result(delivery, person=made.person, kind=made.kind, at=now, via=receipt.via)


def _record_failed(made: Made, *, error: DeliveryError, now: datetime) -> Next:
    delivery = made.delivery
    is_unknown = error.fault is Fault.UNKNOWN
    round_ = Round(
        failures=delivery.failure_count,
        since=delivery.queued_at,
        unknown=queries.unknown_attempts(delivery) if is_unknown else 0,
        is_repeatable=made.kind.is_repeatable,
        message_class=delivery.message_class,
    )
    next_ = after_failure(error, round=round_, now=now, jitter=jitter())
    _close_attempt(made, is_success=None if is_unknown else False, response=dict(error.response), now=now)
    Delivery.objects.filter(pk=delivery.pk, state=State.SENDING, attempt_count=made.attempt).update(
        state=State.DEAD if next_.is_over else State.QUEUED,
        due_at=next_.at,
        last_error=error.reason,
        failure_count=delivery.failure_count + 1,
    )
    return next_


def _told(made: Made, *, error: DeliveryError, now: datetime) -> list[Result]:
    """An address that does not exist is never written to again, and the person's history says so."""
    if error.fault is not Fault.ADDRESS or not made.kind.writes_to:
        return []
    rendered = made.delivery.rendered or {}
    if address := rendered.get("to"):
        suppress(address, channel=made.kind.writes_to, reason="bounced")
    return [
        Result(
            delivery=made.delivery,
            person=made.person,
            event=BOUNCED,
            at=now,
            what="bounced",
            properties={"reason": error.reason},
        )
    ]


def _close_attempt(
    made: Made, *, is_success: bool | None, response: dict[str, object], now: datetime
) -> None:
    DeliveryAttempt.objects.filter(delivery=made.delivery, number=made.attempt).update(
        finished_at=now,
        is_success=is_success,
        reason=made.error.reason if made.error else "",
        response=response,
    )
