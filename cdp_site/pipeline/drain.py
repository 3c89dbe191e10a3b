"""Drain a lane: the oldest messages of the inbox become people, events and decisions."""

import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

import msgspec
from django.conf import settings
from django.db import connection, transaction

from cdp_site.pipeline.deciding import Decider
from cdp_site.pipeline.retrying import is_passing, retrying
from cdp_site.pipeline.rules import RuleId, Rules, current_rules
from connectors.models import Source
from profiles import store
from profiles.domain.arrival import Arrived, Refused, SourceTraits, known_zone, read_message
from profiles.domain.envelope import Envelope, open_envelope, seal_envelope
from profiles.domain.history import PersonState
from profiles.domain.identity import ANONYMOUS, Merge, group_people
from profiles.domain.messages import decode, instant
from profiles.store.inbox import HISTORICAL_LANES, Row
from profiles.store.people import check_ready, today_of
from profiles.store.write import Changes, ConsentEntry, TraitEntry
from segments.network import (
    ConsentStimulus,
    IdentityStimulus,
    MergeStimulus,
    MessageStimulus,
    Stimulus,
    TraitStimulus,
    ZoneStimulus,
)

logger = logging.getLogger(__name__)

LONGEST = 2.0  # seconds one wake-up works before it lets others have the worker
_PLACES = 1 << 20  # messages an inbox row can number
Letter = tuple[str, int, int, datetime, str, str, bytes]


@dataclass(slots=True)
class _Batch:
    """One transaction's worth of a lane."""

    lane: int
    rules: Rules
    letters: list[Letter] = field(default_factory=list)
    originals: dict[int, tuple[Envelope, bytes]] = field(default_factory=dict)  # arrival -> envelope, raw
    stored: int = 0
    queued: int = 0


def drain_lane(lane: int) -> dict[str, int]:
    """Store and decide what waits in a lane, for at most `LONGEST` seconds.

    Returns:
        How many messages were stored and kept aside, and how many deliveries were queued.
    """
    counts = {"stored": 0, "aside": 0, "queued": 0}
    ends_at = time.monotonic() + LONGEST
    while time.monotonic() < ends_at:
        batch = retrying(lambda: _drain_batch(lane))
        if batch is None:
            break
        counts["stored"] += batch.stored
        counts["aside"] += len(batch.letters)
        counts["queued"] += batch.queued
    return counts


def _drain_batch(lane: int) -> _Batch | None:
    refused: set[str] = set()
    while True:
        try:
            with transaction.atomic():
                return _drain_once(lane, refused=refused)
        except store.NotReady as need:
            refused |= store.prepare(need, most_names=settings.EVENT_NAMES_PER_SOURCE)


def _drain_once(lane: int, *, refused: Collection[str]) -> _Batch | None:
    if not store.try_lane(lane):
        return None
    with connection.cursor() as cursor:
        # Claim and effects are one commit: losing it loses neither. What is sent waits for its own.
        cursor.execute("SET LOCAL synchronous_commit = off")
    rows = store.claim_rows(lane)
    if not rows:
        return None
    batch = _Batch(lane=lane, rules=current_rules())
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
            batch.originals[arrival] = (envelope, raw)
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
            except (Refused, msgspec.MsgspecError, ValueError, KeyError) as error:
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
    envelope, raw = batch.originals[arrival]
    body = seal_envelope(
        [raw], sent_at=envelope.sent_at, kind=envelope.type, context=envelope.context, ip=envelope.ip
    )
    code = getattr(error, "code", type(error).__name__)
    batch.letters.append(
        ("drain", row.source_id, batch.lane, row.received_at, code[:60], str(error)[:2000], body)
    )


# -- storing -------------------------------------------------------------------------------------------


def _store_or_split(arrived: Sequence[Arrived], *, batch: _Batch) -> None:
    """Store messages; where that fails, halve them until the one at fault stands alone."""
    try:
        with transaction.atomic():
            stored, queued = _store(arrived, rules=batch.rules)
    except store.NotReady:
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
        batch.stored += stored
        batch.queued += queued


def _store(arrived: Sequence[Arrived], *, rules: Rules) -> tuple[int, int]:
    today = today_of(arrived[-1].received_at)
    check_ready(arrived, today=today)
    fresh = store.drop_repeats(arrived, today=today)
    if not fresh:
        return 0, 0
    crowd = store.lock_crowd(fresh)
    changes = Changes(crowd=crowd, arrived=fresh, states=crowd.states)
    changes.merges = _resolve(fresh, crowd)
    pass_ = _Pass(changes=changes, rules=rules)
    pass_.prepare()
    for item in fresh:
        pass_.take(item)
    store.write_changes(changes)
    queued = pass_.decider.write(merged=changes.survivors)
    return len(fresh), queued


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


# -- one message after the other -----------------------------------------------------------------------


@dataclass(slots=True)
class _Pass:
    """The way through a batch, message by message."""

    changes: Changes
    rules: Rules
    decider: Decider = field(init=False)
    marks: dict[int, frozenset[RuleId]] = field(default_factory=dict)  # arrival -> rules its event touches
    watched: set[int] = field(default_factory=set)  # people whose facts were read
    names: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.decider = Decider(self.rules, self.changes.states, self.changes.traits)

    def prepare(self) -> None:
        """Find out whom rules will be asked about, and read what they need to know of them."""
        states = self.changes.states
        network = self.rules.network
        existing = [person for person, state in states.items() if not state.is_new]
        self.decider.runs.load(existing)
        marked: set[RuleId] = set()
        concerned: set[int] = set()
        need_values: set[int] = set()
        newborn: set[int] = set()
        for item in self.changes.arrived:
            if network.mentions(item.name):
                touched = network.touched(MessageStimulus(event=item.event()))
                if touched:
                    self.marks[item.arrival] = touched
                    marked |= touched
                    concerned.add(item.person)
            person_wide = self._person_wide_marks(item)
            if states[item.person].is_new and item.person not in newborn:
                newborn.add(item.person)
                person_wide |= self.rules.at_birth
                self.marks[item.arrival] = self.marks.get(item.arrival, frozenset()) | self.rules.at_birth
            if person_wide:
                marked |= person_wide
                concerned.add(item.person)
            if item.person not in concerned and self.decider.runs.has_due(
                item.person, until=item.received_at
            ):
                concerned.add(item.person)
            if self._changes_values(item, states[item.person]):
                need_values.add(item.person)
        self.watched = self._with_merged(concerned)
        need_values |= {person for merge, _ in self.changes.merges for person in (merge.old, merge.new)}
        store.load_values(states, [person for person in need_values if not states[person].has_values])
        if self.watched:
            now = min(item.received_at for item in self.changes.arrived)
            self.names = self.decider.load(self.watched, marked=marked, now=now)

    def _person_wide_marks(self, item: Arrived) -> frozenset[RuleId]:
        """Rules that a trait, consent, identity or merge of this message may concern."""
        reading = self.rules.readers
        found: set[RuleId] = set()
        if item.traits:
            found |= reading.of_traits(item.traits)
        if item.consent:
            found |= reading.of_consents(item.consent)
        if item.time_zone and item.time_zone != self.changes.states[item.person].time_zone:
            found |= reading.zone
        resolution = item.resolution
        if resolution and resolution.links:
            found |= reading.of_identities(kind for (kind, _), _ in resolution.links)
        if resolution and resolution.merges:
            found |= reading.everything
        return frozenset(found)

    def _changes_values(self, item: Arrived, state: PersonState) -> bool:
        return bool(
            item.traits
            or item.consent
            or (item.time_zone and item.time_zone != state.time_zone)
            or (item.resolution and any(key[0] != ANONYMOUS for key, _ in item.resolution.links))
        )

    def _with_merged(self, people: set[int]) -> set[int]:
        if not self.changes.merges or not people:
            return set(people)
        everybody = set(self.changes.states)
        groups = group_people(everybody, [merge for merge, _ in self.changes.merges])
        return {member for group in groups.values() if people & set(group) for member in group}

    def take(self, item: Arrived) -> None:
        """Move the person forward by one message and ask the rules it touches."""
        assert item.resolution is not None
        stimuli: list[Stimulus] = []
        for merge in item.resolution.merges:
            self._absorb(merge, item)
            stimuli.append(MergeStimulus())
        state = self.changes.states[item.person]
        self.decider.run_timers(item.person, until=item.received_at)
        self._apply(item, state, stimuli)
        is_watched = item.person in self.watched
        if is_watched and self._wants(item.name):
            state.add_event(item.event())
        marks = set(self.marks.get(item.arrival, ()))
        if is_watched:
            for stimulus in stimuli:
                marks |= self.rules.network.touched(stimulus)
        if marks:
            self.decider.at_moment(
                item.person,
                marks,
                event=item.event(),
                now=item.received_at,
                may_enter=not item.is_historical,
            )

    def _wants(self, name: str) -> bool:
        return any(
            name.startswith(wanted[:-1]) if wanted.endswith("*") else name == wanted for wanted in self.names
        )

    def _absorb(self, merge: Merge, item: Arrived) -> None:
        states = self.changes.states
        for person in (merge.old, merge.new):
            self.decider.run_timers(person, until=item.received_at)
        states[merge.new].absorb(states[merge.old])
        self.decider.runs.absorb(old=merge.old, new=merge.new, now=item.received_at)

    def _apply(self, item: Arrived, state: PersonState, stimuli: list[Stimulus]) -> None:
        state.keys |= frozenset(key for key, _ in item.resolution.links) if item.resolution else frozenset()
        if item.resolution and item.resolution.links:
            stimuli.append(IdentityStimulus(kinds=frozenset(key[0] for key, _ in item.resolution.links)))
        zone = state.time_zone
        if (
            item.time_zone
            and item.ts >= state.last_seen_at
            and not known_zone(str(state.traits.get("timezone", "")))
        ):
            state.time_zone = item.time_zone
        if item.locale and item.ts >= state.last_seen_at:
            state.locale = item.locale
        state.see(item.ts)
        if item.traits:
            self._apply_traits(item, state, stimuli)
        if item.consent:
            self._apply_consent(item, state, stimuli)
        if state.time_zone != zone:
            stimuli.append(ZoneStimulus())

    def _apply_traits(self, item: Arrived, state: PersonState, stimuli: list[Stimulus]) -> None:
        changed: dict[str, tuple[object, object]] = {}
        micros = item.micros
        for key, value in item.traits.items():
            is_entry, before = state.set_trait(key, value, micros=micros)
            if not is_entry:
                continue
            self.changes.traits.append(
                TraitEntry(
                    person=item.person,
                    key=key,
                    at=item.ts,
                    arrival=item.arrival,
                    value=value,
                    source_id=item.source_id,
                    identity_id=item.identity_id,
                )
            )
            changed[key] = (before, state.traits.get(key))
        if "timezone" in changed:
            state.time_zone = known_zone(str(state.traits.get("timezone") or "")) or state.time_zone
        if changed:
            stimuli.append(TraitStimulus(changes=changed))

    def _apply_consent(self, item: Arrived, state: PersonState, stimuli: list[Stimulus]) -> None:
        for category, is_granted in item.consent.items():
            if state.set_consent(category, is_granted, micros=item.micros):
                self.changes.consents.append(
                    ConsentEntry(
                        person=item.person,
                        category=category,
                        at=item.ts,
                        arrival=item.arrival,
                        is_granted=is_granted,
                        source_id=item.source_id,
                        identity_id=item.identity_id,
                    )
                )
        stimuli.append(ConsentStimulus(categories=frozenset(item.consent)))
