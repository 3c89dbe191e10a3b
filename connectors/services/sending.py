"""Sending what is due: claim, note the attempt, call, record what came of it.

A row is claimed with a lease, its content made once and kept. Where a destination takes several messages in
one call, those that wait side by side go together. The attempt is committed before its call,
which happens outside any transaction; the outcome follows. Whoever dies in between leaves an attempt
without an outcome: when the lease is over another worker sees it and decides with what is known
(connectors.domain.delivery). Each destination has a few places among the calls that run at a time and is
left alone while it fails, so that a dead one slows nobody else.

One thread talks to the database; the others only call.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext

from connectors.domain.message import BatchChannel, ChannelKind, DeliveryError, Fault, Receipt
from connectors.journal import Journal, Mark
from connectors.queries import due_destinations
from connectors.registry import CHANNELS
from connectors.rendering import shared_renderer
from connectors.services.beginning import Beginner, Call
from connectors.services.claims import Claimed, claim, release, renew
from connectors.services.destinations import failing_among
from connectors.services.recording import Made, record

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]

CALLS_AT_ONCE = 16
CALLS_A_DESTINATION = 6
CLAIM = 20  # rows of a destination claimed at a time
RENEW_SECONDS = 5.0
LOOK_SECONDS = 0.25
GATHER_SECONDS = 0.01  # waited for more calls to end once one has: their commits are shared
BUDGET_SECONDS = 20.0  # no new call later: a task ends well before the cluster's time-out


def send_due(
    now: datetime | None = None,
    *,
    limit: int = 2_000,
    seconds: float = BUDGET_SECONDS,
    channels: Mapping[str, ChannelKind] = CHANNELS,
    clock: Clock = timezone.now,
) -> dict[str, int]:
    """Send deliveries that are due, at most `limit`; count what became of them.

    Returns after `seconds` plus the longest call, or earlier when nothing is left. Several may run at a
    time, in threads of one process or on several machines.

    Args:
        now: the moment all of it takes place at; left out, `clock` goes on while it runs.
    """
    if now is not None:
        clock = partial(_same, now)
    journal = Journal(settings.WAYFARE_DATA / "calls")
    sender = _Sender(
        clock=clock,
        limit=limit,
        stop_at=time.monotonic() + seconds,
        beginner=Beginner(channels=channels, renderer=shared_renderer(), journal=journal),
    )
    try:
        return sender.run()
    finally:
        journal.close()


def _same(moment: datetime) -> datetime:
    return moment


@dataclass(slots=True)
class _Lane:
    """One destination: what is claimed for it and how many calls it has running."""

    name: str
    is_probed: bool  # it failed before: one call at a time until one arrives
    claimed: deque[Claimed] = field(default_factory=deque)
    running: int = 0
    is_empty: bool = False  # the last claim found nothing
    is_shut: bool = False  # it failed: what is claimed goes back
    most: int = 1  # messages that one of its calls takes, as far as is known

    @property
    def room(self) -> int:
        return (1 if self.is_probed else CALLS_A_DESTINATION) - self.running

    @property
    def may_have_more(self) -> bool:
        return not self.is_shut and (bool(self.claimed) or not self.is_empty)


@dataclass(slots=True)
class _Sender:
    clock: Clock
    limit: int
    stop_at: float
    beginner: Beginner
    lanes: dict[str, _Lane] = field(default_factory=dict)
    running: dict[Future[list[Made]], list[Claimed]] = field(default_factory=dict)
    tally: Counter[str] = field(default_factory=Counter)
    renewed_at: float = field(default_factory=time.monotonic)
    looked_at: float = 0.0

    def run(self) -> dict[str, int]:
        pool = ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="send")
        try:
            self._work(pool)
        finally:
            pool.shutdown(wait=True)
            for lane in self.lanes.values():
                self._let_go(lane)
            self.beginner.pools.close()
        return dict(self.tally)

    def _work(self, pool: ThreadPoolExecutor) -> None:
        while True:
            may_begin = time.monotonic() < self.stop_at and self.tally["begun"] < self.limit
            if may_begin:
                self._look_for_lanes()
                for calls in self._begin():
                    future = pool.submit(_make, calls, self.beginner.journal)
                    self.running[future] = [call.claimed for call in calls]
            has_more = may_begin and any(lane.may_have_more for lane in self.lanes.values())
            if not self.running and not has_more:
                return
            self._record(self._done(timeout=LOOK_SECONDS if may_begin else RENEW_SECONDS))
            self._renew()

    def _done(self, *, timeout: float) -> set[Future[list[Made]]]:
        done, _ = wait(self.running, timeout=timeout, return_when=FIRST_COMPLETED)
        if done:
            done, _ = wait(self.running, timeout=GATHER_SECONDS)
        return done

    def _look_for_lanes(self) -> None:
        """Find what has become due meanwhile: a call that hangs must not keep the others from it."""
        if time.monotonic() - self.looked_at < LOOK_SECONDS:
            return
        self.looked_at = time.monotonic()
        names = due_destinations(now=self.clock())
        failing = failing_among(set(names) - set(self.lanes))
        for name in names:
            lane = self.lanes.setdefault(name, _Lane(name, is_probed=name in failing))
            lane.is_empty = False

    def _begin(self) -> list[list[Call]]:
        """Begin as many attempts as there are free places, the least busy lanes first, each with its like."""
        picked: list[list[Claimed]] = []
        free = CALLS_AT_ONCE - len(self.running)
        left = self.limit - self.tally["begun"]
        for lane in sorted(self.lanes.values(), key=lambda lane: lane.running):
            picked += self._take(
                lane, places=min(lane.room, free - len(picked)), at_most=left - _rows(picked)
            )
        if not picked:
            return []
        begun = self.beginner.begin([row for rows in picked for row in rows], now=self.clock())
        self.tally["begun"] += _rows(picked)
        self.tally.update(begun.ended)
        by_id = {call.claimed.id: call for call in begun.calls}
        together = [[by_id[row.id] for row in rows if row.id in by_id] for rows in picked]
        for calls in filter(None, together):
            self.lanes[calls[0].claimed.destination].running += 1
        return [calls for calls in together if calls]

    def _take(self, lane: _Lane, *, places: int, at_most: int) -> list[list[Claimed]]:
        if places <= 0 or at_most <= 0 or lane.is_shut:
            return []
        if not lane.claimed and not lane.is_empty:
            wanted = 1 if lane.is_probed else max(CLAIM, lane.most)
            lane.claimed.extend(claim(lane.name, now=self.clock(), at_most=wanted))
            lane.is_empty = not lane.claimed
            lane.most = max([1, *(self._most(row) for row in lane.claimed)])
        taken: list[list[Claimed]] = []
        while lane.claimed and len(taken) < places and _rows(taken) < at_most:
            taken.append(self._side_by_side(lane, at_most=at_most - _rows(taken)))
        return taken

    def _side_by_side(self, lane: _Lane, *, at_most: int) -> list[Claimed]:
        """Take the next row, and with it those behind that the same call can take."""
        rows = [lane.claimed.popleft()]
        most = min(self._most(rows[0]), at_most)
        while lane.claimed and len(rows) < most and lane.claimed[0].action == rows[0].action:
            rows.append(lane.claimed.popleft())
        return rows

    def _most(self, row: Claimed) -> int:
        kind = self.beginner.channels.get(row.kind)
        return kind.batches.get(row.action, 1) if kind else 1

    def _record(self, done: Collection[Future[list[Made]]]) -> None:
        if not done:
            return
        recorded = record([made for future in done for made in future.result()], now=self.clock())
        self.tally.update(recorded.tally)
        for future in done:
            self.lanes[self.running.pop(future)[0].destination].running -= 1
        for name in recorded.arrived:
            self.lanes[name].is_probed = False
        for name in recorded.paused:
            self.lanes[name].is_shut = True
            self._let_go(self.lanes[name])

    def _let_go(self, lane: _Lane) -> None:
        """Give claims back that no call was begun for."""
        release(lane.claimed, now=self.clock())
        lane.claimed.clear()

    def _renew(self) -> None:
        if time.monotonic() - self.renewed_at < RENEW_SECONDS:
            return
        self.renewed_at = time.monotonic()
        waiting = [claimed for lane in self.lanes.values() for claimed in lane.claimed]
        held = [claimed for rows in self.running.values() for claimed in rows]
        renew([*held, *waiting], now=self.clock())


def _rows(groups: Sequence[Sequence[Claimed]]) -> int:
    return sum(map(len, groups))


def _make(calls: Sequence[Call], journal: Journal) -> list[Made]:
    """Make one call for messages that go together. Runs in a thread of its own and touches no database."""
    first = calls[0]
    try:
        outcomes = _send_together(calls) if len(calls) > 1 else [_send(first, journal)]
    except DeliveryError as error:
        outcomes = [error] * len(calls)
    except Exception:  # the boundary of one call: the others must not suffer from a fault of ours
        logger.exception("Attempt %s of delivery %s broke.", first.message.attempt, first.message.id)
        reason = gettext("Something went wrong while sending; the log has the details.")
        outcomes = [DeliveryError(reason, permanent=False, fault=Fault.UNKNOWN)] * len(calls)
    return [_made(call, outcome) for call, outcome in zip(calls, outcomes, strict=True)]


def _send(call: Call, journal: Journal) -> Receipt | DeliveryError:
    def note(mark: Mark) -> None:
        if not call.kind.is_repeatable:
            journal.note(call.message.id, attempt=call.message.attempt, mark=mark)

    with call.pool.channel() as channel:
        receipt = channel.send(call.message, hand_over=partial(note, Mark.HANDED_OVER))
        note(Mark.TAKEN)
    return receipt


def _send_together(calls: Sequence[Call]) -> list[Receipt | DeliveryError]:
    # Only to destinations that recognise a repeated id: there is nothing to note beside the database.
    with calls[0].pool.channel() as channel:
        assert isinstance(channel, BatchChannel)
        return channel.send_many([call.message for call in calls], hand_over=_nothing)


def _nothing() -> None:
    """Note nothing."""


def _made(call: Call, outcome: Receipt | DeliveryError) -> Made:
    return Made(
        delivery=call.delivery,
        attempt=call.message.attempt,
        person=call.person,
        kind=call.kind,
        receipt=outcome if isinstance(outcome, Receipt) else None,
        error=outcome if isinstance(outcome, DeliveryError) else None,
    )
