"""Beginning attempts: ask once more whether it may go out, make the content, commit the attempt.

What cannot or must not be sent comes to its end here. When `begin` returns the calls may be made.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext

from connectors import queries, vault
from connectors.domain.consent import Reach, may_send
from connectors.domain.delivery import Interrupted, Round, after_failure, after_interruption
from connectors.domain.message import ChannelKind, DeliveryError, Fault, Json, Message, Renderer
from connectors.domain.template import Content
from connectors.journal import Journal, Mark
from connectors.models import Delivery, DeliveryAttempt
from connectors.queries import Addressee
from connectors.services.claims import LEASE, Claimed
from connectors.services.destinations import is_lane_fault, note_failures
from connectors.services.drafting import draft_of, topic_of
from connectors.services.pools import ChannelPool, Pools
from connectors.services.recording import jitter, sent_result
from connectors.services.results import Result, tell_results

logger = logging.getLogger(__name__)

State = Delivery.State
ERASED = "erased"  # reason of a delivery whose person is gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An attempt that was begun: committed, not made yet."""

    claimed: Claimed
    delivery: Delivery
    person: UUID
    kind: ChannelKind
    message: Message
    pool: ChannelPool


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    calls: list[Call]
    ended: Counter[str]  # state -> how many needed no call


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A claimed delivery with what is needed to judge it."""

    claimed: Claimed
    delivery: Delivery
    kind: ChannelKind | None
    addressee: Addressee | None
    parts: Mapping[str, Content]  # that mails are made of
    left: "_Left | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Left:
    """An attempt whose process died."""

    attempt: DeliveryAttempt
    found: Interrupted


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    claimed: Claimed
    delivery: Delivery
    person: UUID
    kind: ChannelKind
    pool: ChannelPool
    content: Mapping[str, Json]
    request: Mapping[str, Json]  # the call, described for the record


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """A delivery that is not called for now."""

    claimed: Claimed
    delivery: Delivery
    state: Delivery.State
    reason: str = ""
    due_at: datetime | None = None
    was_sent: Result | None = None
    failure: DeliveryError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginner:
    """Begins attempts for one sender."""

    channels: Mapping[str, ChannelKind]
    renderer: Renderer
    journal: Journal
    pools: Pools = field(default_factory=Pools)

    def begin(self, claimed: Sequence[Claimed], *, now: datetime) -> Begun:
        """Judge claimed rows, make contents and commit the attempts."""
        candidates = self._candidates(claimed)
        judged = [self._judge(candidate, now=now) for candidate in candidates]
        ready = [item for item in judged if isinstance(item, _Ready)]
        ended = [item for item in judged if isinstance(item, _Ended)]
        with transaction.atomic():
            queries.commit_durably()
            _close_interrupted([item.left for item in candidates if item.left], now=now)
            _write_ends(ended, now=now)
            calls = _write_attempts(ready, now=now)
        return Begun(calls=calls, ended=Counter(str(item.state) for item in ended))

    def _candidates(self, claimed: Sequence[Claimed]) -> list[_Candidate]:
        by_id = {row.id: row for row in claimed}
        deliveries = queries.claimed(by_id, leases={row.lease for row in claimed})
        kinds = {delivery.pk: self._kind(delivery) for delivery in deliveries}
        people = _people(deliveries, kinds=kinds)
        left = self._left(deliveries, kinds=kinds)
        is_writing = any(delivery.template_id and not delivery.rendered for delivery in deliveries)
        parts = queries.parts_in_force() if is_writing else {}
        return [
            _Candidate(
                claimed=by_id[delivery.pk],
                delivery=delivery,
                kind=kinds[delivery.pk],
                addressee=people.get(delivery.pk),
                parts=parts,
                left=left.get(delivery.pk),
            )
            for delivery in deliveries
        ]

    def _kind(self, delivery: Delivery) -> ChannelKind | None:
        """The channel of a delivery: its connection's, which may be of a more special kind."""
        connection = delivery.connection
        kind = self.channels.get(connection.kind if connection else delivery.channel)
        return None if kind and kind.needs_connection and connection is None else kind

    def _judge(self, item: _Candidate, *, now: datetime) -> _Ready | _Ended:
        def ended(state: Delivery.State, reason: str) -> _Ended:
            return _Ended(claimed=item.claimed, delivery=item.delivery, state=state, reason=reason)

        if item.kind is None:
            return ended(State.DEAD, gettext("The connection of this delivery does not exist."))
        if item.addressee is None:
            return ended(State.CANCELLED, ERASED)
        if item.left is not None and item.left.found is Interrupted.SENT:
            at = item.left.attempt.started_at
            return _found_sent(item, kind=item.kind, addressee=item.addressee, at=at)
        if item.left is not None and item.left.found is Interrupted.GIVE_UP:
            return ended(State.DEAD, _interrupted())
        if item.delivery.called_off:
            return ended(State.CANCELLED, item.delivery.called_off)
        reach = _reach(item.delivery, addressee=item.addressee, kind=item.kind)
        verdict = may_send(
            reach,
            writes_to=item.kind.writes_to,
            message_class=item.delivery.message_class,
            topic=topic_of(item.delivery.template),
        )
        if not verdict.is_allowed:
            return ended(State.BLOCKED, verdict.reason)
        return self._prepared(item, kind=item.kind, addressee=item.addressee, now=now)

    def _prepared(
        self, item: _Candidate, *, kind: ChannelKind, addressee: Addressee, now: datetime
    ) -> _Ready | _Ended:
        try:
            return self._ready(item, kind=kind, addressee=addressee, now=now)
        except DeliveryError as failure:
            error = failure
        except vault.SealBroken:
            reason = gettext("The secret of the connection cannot be read: SECRET_KEY has changed.")
            error = DeliveryError(reason, permanent=False, fault=Fault.DESTINATION)
        except Exception:  # the boundary of one delivery: the others must not suffer from a fault of ours
            logger.exception("The content of delivery %s cannot be made.", item.delivery.uuid)
            reason = gettext("Something went wrong while making the content; the log has the details.")
            error = DeliveryError(reason, permanent=False)
        round_ = _round(item.delivery, kind=kind)
        next_ = after_failure(error, round=round_, now=now, jitter=jitter())
        return _Ended(
            claimed=item.claimed,
            delivery=item.delivery,
            state=State.DEAD if next_.is_over else State.QUEUED,
            reason=error.reason,
            due_at=next_.at,
            failure=error,
        )

    def _ready(self, item: _Candidate, *, kind: ChannelKind, addressee: Addressee, now: datetime) -> _Ready:
        delivery = item.delivery
        pool = self.pools.of(kind, delivery.connection)
        with pool.channel() as channel:
            content = delivery.rendered or channel.prepare(
                draft_of(delivery, kind=kind, addressee=addressee, parts=item.parts, now=now),
                render=self.renderer,
            )
            message = Message(id=delivery.uuid, attempt=delivery.attempt_count + 1, at=now, content=content)
            request = {**channel.request_of(message), "machine": self.journal.machine}
        return _Ready(
            claimed=item.claimed,
            delivery=delivery,
            person=addressee.person.uuid,
            kind=kind,
            pool=pool,
            content=content,
            request=request,
        )

    def _left(
        self, deliveries: Iterable[Delivery], *, kinds: Mapping[int, ChannelKind | None]
    ) -> dict[int, _Left]:
        """Find the attempts without an outcome, and what to make of each."""
        attempts = queries.open_attempts(delivery.pk for delivery in deliveries)
        found = {}
        for delivery in deliveries:
            attempt, kind = attempts.get(delivery.pk), kinds[delivery.pk]
            if attempt is None or kind is None:
                continue
            made = self._after_interruption(delivery, left=attempt, kind=kind)
            found[delivery.pk] = _Left(attempt=attempt, found=made)
            delivery.failure_count += 1  # of the instance; written with whatever is decided next
        return found

    def _after_interruption(
        self, delivery: Delivery, *, left: DeliveryAttempt, kind: ChannelKind
    ) -> Interrupted:
        is_noted_here = not kind.is_repeatable and left.request.get("machine") == self.journal.machine
        mark = self.journal.last_mark(delivery.uuid, attempt=left.number) if is_noted_here else None
        return after_interruption(
            was_taken=mark is Mark.TAKEN,
            was_handed_over=mark is not None or not is_noted_here,
            round=_round(delivery, kind=kind),
        )


def _people(
    deliveries: Iterable[Delivery], *, kinds: Mapping[int, ChannelKind | None]
) -> dict[int, Addressee]:
    """Read the people of deliveries, by delivery, each with the address its channel writes to."""
    groups: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        kind = kinds[delivery.pk]
        groups.setdefault(kind.writes_to if kind else "", []).append(delivery)
    found: dict[int, Addressee] = {}
    for writes_to, group in groups.items():
        people = queries.addressees({delivery.person_id for delivery in group}, writes_to=writes_to)
        found |= {
            delivery.pk: people[delivery.person_id] for delivery in group if delivery.person_id in people
        }
    return found


def _reach(delivery: Delivery, *, addressee: Addressee, kind: ChannelKind) -> Reach:
    """Who is written to: once the content is made, the address in it, whatever became of the person's."""
    written = (delivery.rendered or {}).get("to")
    if not written or written == addressee.reach.address:
        return addressee.reach
    scopes = queries.suppressed_scopes({written}, channel=kind.writes_to)
    return replace(addressee.reach, address=written, suppressed=scopes.get(written, frozenset()))


def _round(delivery: Delivery, *, kind: ChannelKind) -> Round:
    return Round(
        failures=delivery.failure_count,
        since=delivery.queued_at,
        unknown=0 if kind.is_repeatable else queries.unknown_attempts(delivery),
        is_repeatable=kind.is_repeatable,
        message_class=delivery.message_class,
    )


def _found_sent(item: _Candidate, *, kind: ChannelKind, addressee: Addressee, at: datetime) -> _Ended:
    """The worker died after the destination had taken it: only the record was missing."""
    result = sent_result(item.delivery, person=addressee.person.uuid, kind=kind, at=at, via="")
    return _Ended(claimed=item.claimed, delivery=item.delivery, state=State.SENT, was_sent=result)


def _interrupted() -> str:
    return gettext("The worker stopped during the call: it may or may not have been sent.")


def _close_interrupted(left: Iterable[_Left], *, now: datetime) -> None:
    """Close attempts that nobody else will."""
    outcomes = {Interrupted.SENT: True, Interrupted.NOT_SENT: False}
    for item in left:
        DeliveryAttempt.objects.filter(pk=item.attempt.pk, finished_at=None).update(
            finished_at=now, is_success=outcomes.get(item.found), reason=_interrupted()
        )


def _write_ends(ended: Sequence[_Ended], *, now: datetime) -> None:
    for item in ended:
        _still_ours(item.claimed).update(
            state=item.state,
            due_at=item.due_at,
            last_error=item.reason,
            failure_count=item.delivery.failure_count + (1 if item.failure else 0),
            sent_at=item.was_sent.at if item.was_sent else None,
        )
    failures = [(item.delivery, item.failure) for item in ended if item.failure]
    note_failures([failure for failure in failures if is_lane_fault(failure[1])], now=now)
    tell_results([item.was_sent for item in ended if item.was_sent], now=now)


def _write_attempts(ready: Iterable[_Ready], *, now: datetime) -> list[Call]:
    calls = []
    attempts = []
    for item in ready:
        number = item.delivery.attempt_count + 1
        # A run may end while its delivery is made; from here on the call is as good as made.
        is_ours = (
            _still_ours(item.claimed)
            .filter(called_off="")
            .update(
                rendered=item.content,
                attempt_count=number,
                failure_count=item.delivery.failure_count,
                due_at=now + LEASE,
            )
        )
        if not is_ours:
            continue  # another worker thinks us dead, or it was called off: the next one finds that
        item.claimed.lease = now + LEASE
        item.delivery.rendered = item.content
        attempts.append(
            DeliveryAttempt(delivery=item.delivery, number=number, started_at=now, request=dict(item.request))
        )
        calls.append(
            Call(
                claimed=item.claimed,
                delivery=item.delivery,
                person=item.person,
                kind=item.kind,
                message=Message(id=item.delivery.uuid, attempt=number, at=now, content=item.content),
                pool=item.pool,
            )
        )
    DeliveryAttempt.objects.bulk_create(attempts)
    return calls


def _still_ours(claimed: Claimed) -> QuerySet[Delivery]:
    return Delivery.objects.filter(pk=claimed.id, state=State.SENDING, due_at=claimed.lease)
