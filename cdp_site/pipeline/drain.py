"""Drain a lane: the oldest messages of the inbox become people, events and decisions."""

import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from cdp_site.pipeline.collecting import uncollected
from cdp_site.pipeline.deciding import write_decisions
from cdp_site.pipeline.retrying import is_passing, retrying
from cdp_site.pipeline.rules import Rules, current_rules
from cdp_site.pipeline.walking import Walk
from connectors.models import Source
from profiles import partitions, store
from profiles.domain.arrival import Arrived, Refused, SourceTraits, read_message
from profiles.domain.envelope import Envelope, open_envelope, seal_envelope
from profiles.domain.history import PersonState
from profiles.domain.identity import Merge
from profiles.domain.messages import decode, instant
from profiles.store import learning
from profiles.store.changes import Changes
from profiles.store.inbox import HISTORICAL_LANES, Row
from profiles.store.names import check_ready, today_of

logger = logging.getLogger(__name__)

LONGEST = 2.0  # seconds one wake-up works before it lets others have the worker
# Below so many rows a batch costs more for itself than for what is in it: other lanes' rows go with it.
_FEW = 100
_PLACES = 1 << 20  # messages an inbox row can number
Letter = tuple[str, int, int, datetime, str, str, bytes]


@dataclass(slots=True)
class _Batch:
    """One transaction's worth of a lane."""

    lane: int
    rules: Rules
    now: datetime
    letters: list[Letter] = field(default_factory=list)
    # arrival -> envelope, the message in it as it came, lane
    originals: dict[int, tuple[Envelope, bytes, int]] = field(default_factory=dict)
    fresh: list[Arrived] = field(default_factory=list)  # stored
    queued: int = 0


def drain_lane(lane: int, *, now: datetime | None = None) -> dict[str, int]:
    """Store and decide what waits in a lane, for at most `LONGEST` seconds.

    Args:
        now: what time it is; left out, it goes on while this runs.

    Returns:
        How many messages were stored and kept aside, and how many deliveries were queued.
    """
    counts = {"stored": 0, "aside": 0, "queued": 0}
    ends_at = time.monotonic() + LONGEST
    while time.monotonic() < ends_at:
        with uncollected():
            batch = retrying(lambda: _drain_batch(lane, now=now))
        if batch is None:
            break
        learning.learn(batch.fresh)
        counts["stored"] += len(batch.fresh)
        counts["aside"] += len(batch.letters)
        counts["queued"] += batch.queued
    learning.write_learned()
    return counts


def _drain_batch(lane: int, *, now: datetime | None) -> _Batch | None:
    refused: set[str] = set()
    while True:
        try:
            with transaction.atomic():
                return _drain_once(lane, refused=refused, now=now or timezone.now())
        except store.NotReady as need:
            refused |= store.prepare(need, most_names=settings.EVENT_NAMES_PER_SOURCE)
        except partitions.DecisionDaysMissing as need:
            partitions.ensure_decision_days(need.days)


def _drain_once(lane: int, *, refused: Collection[str], now: datetime) -> _Batch | None:
    if not store.try_lane(lane):
        return None
    with connection.cursor() as cursor:
        # Claim and effects are one commit: losing it loses neither. What is sent waits for its own.
        cursor.execute("SET LOCAL synchronous_commit = off")
    rows = store.claim_rows([lane])
    # Also where there are none: others may have been turned away from a lane that a batch had taken along.
    if len(rows) < _FEW and (others := store.take_neighbours(lane)):
        rows = sorted([*rows, *store.claim_rows(others)], key=lambda row: row.id)
    if not rows:
        return None
    batch = _Batch(lane=lane, rules=current_rules(), now=now)
    arrived = _read_rows(rows, batch=batch, refused=refused)
    if arrived:
        _store_or_split(arrived, batch=batch)
    store.bury(batch.letters)
    store.delete_rows([row.id for row in rows])
    if batch.queued:
        with connection.cursor() as cursor:
            cursor.execute("NOTIFY deliveries")
    return batch


# -- reading -------------------------------------------------------------------------------------------


def _read_rows(rows: Sequence[Row], *, batch: _Batch, refused: Collection[str]) -> list[Arrived]:
    sources = _sources({row.source_id for row in rows})
    arrived = []
    for row in rows:
        envelope = open_envelope(row.body)
        sent_at = instant(envelope.sent_at)
        for place, raw in enumerate(envelope.messages):
            arrival = row.id * _PLACES + place
            batch.originals[arrival] = (envelope, raw, row.lane)
            try:
                item = read_message(
                    decode(raw),
                    envelope=envelope,
                    source=sources[row.source_id],
                    sent_at=sent_at,
                    received_at=row.received_at,
                    arrival=arrival,
                    is_historical=batch.lane in HISTORICAL_LANES,
                )
                if item.name in refused:
                    raise Refused("too_many_event_names", f"event: {item.name!r} is one name too many")
            except Exception as error:  # whatever a client thought of: it must not stop the lane
                _keep_aside(error, batch=batch, arrival=arrival, row=row)
            else:
                arrived.append(item)
    return arrived


def _sources(ids: Collection[int]) -> dict[int, SourceTraits]:
    return {
        source.id: SourceTraits(
            id=source.id,
            slug=source.slug,
            is_trusted=source.trust == Source.Trust.SERVER,
            is_historical=source.is_historical,
        )
        for source in Source.objects.filter(id__in=ids)
    }


def _keep_aside(error: Exception, *, batch: _Batch, arrival: int, row: Row | Arrived) -> None:
    envelope, raw, lane = batch.originals[arrival]
    body = seal_envelope(
        [raw], sent_at=envelope.sent_at, kind=envelope.type, context=envelope.context, ip=envelope.ip
    )
    code = getattr(error, "code", type(error).__name__)
    batch.letters.append(("drain", row.source_id, lane, row.received_at, code[:60], str(error)[:2000], body))


# -- storing -------------------------------------------------------------------------------------------


def _store_or_split(arrived: Sequence[Arrived], *, batch: _Batch) -> None:
    """Store messages; where that fails, halve them until the one at fault stands alone."""
    try:
        with transaction.atomic():
            fresh, queued = _store(arrived, rules=batch.rules, now=batch.now)
    except (store.NotReady, partitions.DecisionDaysMissing):
        raise
    except Exception as error:
        if is_passing(error):
            raise
        if len(arrived) == 1:
            logger.exception(
                "message %s of source %s is kept aside", arrived[0].arrival, arrived[0].source_id
            )
            _keep_aside(error, batch=batch, arrival=arrived[0].arrival, row=arrived[0])
            return
        middle = len(arrived) // 2
        _store_or_split(arrived[:middle], batch=batch)
        _store_or_split(arrived[middle:], batch=batch)
    else:
        batch.fresh += fresh
        batch.queued += queued


def _store(arrived: Sequence[Arrived], *, rules: Rules, now: datetime) -> tuple[Sequence[Arrived], int]:
    today = today_of(arrived[-1].received_at)
    check_ready(arrived, today=today)
    partitions.require_decision_days({today})
    fresh = store.drop_repeats(arrived, today=today)
    if not fresh:
        return (), 0
    crowd = store.lock_crowd(fresh)
    changes = Changes(crowd=crowd, arrived=fresh, states=crowd.states)
    changes.merges = _resolve(fresh, crowd)
    walk = Walk(changes=changes, rules=rules, clock=now)
    walk.prepare()
    for item in fresh:
        walk.take(item)
    store.write_changes(changes)
    queued = write_decisions(walk.desk, merged=changes.survivors)
    with connection.cursor() as cursor:
        # Foreign keys are checked here and not at the commit, where no message could be singled out.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    return fresh, queued


def _resolve(fresh: Sequence[Arrived], crowd: store.Crowd) -> list[tuple[Merge, Arrived]]:
    merges: list[tuple[Merge, Arrived]] = []
    survivor: dict[int, int] = {}
    for item in fresh:
        named = None
        if item.named_person is not None:
            named = crowd.by_uuid.get(item.named_person)
            if named is None:
                raise Refused("unknown_person", "_person: there is nobody with this id")
            while named in survivor:
                named = survivor[named]
        if item.alias is not None:
            user, previous = item.alias
            resolution = crowd.graph.alias(user, previous, is_trusted=item.is_trusted)
        else:
            resolution = crowd.graph.resolve(item.claims, is_trusted=item.is_trusted, person=named)
        item.resolution, item.person = resolution, resolution.person
        item.identity_id = crowd.identity_ids.get(resolution.via, 0)
        if resolution.is_new:
            crowd.states[item.person] = PersonState(
                person_id=item.person,
                uuid=uuid4(),
                first_seen_at=item.ts,
                last_seen_at=item.ts,
                is_new=True,
                has_values=True,
            )
        for merge in resolution.merges:
            survivor[merge.old] = merge.new
            merges.append((merge, item))
    return merges
