"""Journeys in the live pipeline: the rules they hand in, the runs a batch touches, what it writes.

Everything is set-wise: runs are read once per batch, decided in memory by the pure engine, and written
once. `cdp_site.pipeline` owns the order of things; this module knows no messages but the one it is given.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from connectors.services import NewDelivery
from journeys.domain.definition import Definition, JourneyError, Role, parse_journey
from journeys.domain.engine import Decision, Ending, LedgerEntry, Outcome, PastRun, State
from journeys.domain.nodes import SetTrait
from journeys.ledger import end_rivals
from journeys.models import Journey, JourneyVersion, Run
from profiles import partitions
from profiles.domain.exact import decode_json, encode_json
from profiles.domain.facts import Event, Json
from segments.domain.conditions import AnyOf, Condition, Reads

logger = logging.getLogger(__name__)

_RUN_ROLES = frozenset({Role.GOAL, Role.EXIT, Role.WAIT})


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveVersion:
    """A published version that people are in or may enter."""

    id: int
    journey_id: int
    slug: str
    name: str
    number: int
    definition: Definition
    is_open: bool  # people may enter this version now

    @property
    def asks(self) -> Condition | None:
        """The condition whose change can move a run: goal, exit rule and waits together."""
        found = tuple(
            condition for place, condition in self.definition.conditions() if place.role in _RUN_ROLES
        )
        return AnyOf(of=found) if found else None

    @property
    def reads(self) -> Reads:
        """What any condition of the version may ask for."""
        return self.definition.reads

    @property
    def sets(self) -> frozenset[str]:
        """The traits that steps of the version may write."""
        goal_steps = self.definition.goal.steps if self.definition.goal else ()
        steps = [*self.definition.walk(), *goal_steps]
        return frozenset(key for step in steps if isinstance(step, SetTrait) for key in step.values)


@dataclass(slots=True, kw_only=True)
class OpenRun:
    """A run that a batch may move."""

    id: int
    person: int
    origin_person: int
    version: LiveVersion
    key: str
    entered_at: datetime
    entry: Event | None
    state: State
    due_at: datetime | None
    is_new: bool = False
    is_changed: bool = False
    ending: Ending | None = None
    ended_at: datetime | None = None
    error: str = ""

    def apply(self, decision: Decision, *, now: datetime) -> None:
        """Move the run to where a decision leaves it."""
        self.is_changed = True
        self.due_at = decision.due_at
        if decision.state is not None:
            self.state = decision.state
        if decision.ending is not None:
            self.end(decision.ending, now=now)

    def end(self, ending: Ending, *, now: datetime) -> None:
        """End the run."""
        self.is_changed = True
        self.ending, self.ended_at, self.due_at = ending, now, None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """One row of the ledger in the making."""

    person: int
    at: datetime
    version: LiveVersion
    run_id: int | None
    entry: LedgerEntry
    message_id: str | None


def live_versions() -> list[LiveVersion]:
    """Read all versions that people may enter or are still in; paused journeys stand still."""
    rows = (
        JourneyVersion.objects.select_related("journey")
        .filter(journey__state__in=[Journey.State.LIVE])
        .extra(
            where=[
                "journeys_journey.live_version_id = journeys_journeyversion.id OR EXISTS ("
                " SELECT FROM journeys_run r WHERE r.version_id = journeys_journeyversion.id"
                " AND r.journey_id = journeys_journey.id AND r.ended_at IS NULL)"
            ]
        )
        .order_by("journey_id", "number")
    )
    return [version for row in rows if (version := _read_version(row)) is not None]


def _read_version(row: JourneyVersion) -> LiveVersion | None:
    try:
        definition = parse_journey(row.document)
    except JourneyError:
        # Publishing parses, so only a document of another release gets here. Its people stay where they
        # are; it must not stop the others.
        logger.exception("version %s of journey %s cannot be read", row.number, row.journey.slug)
        return None
    return LiveVersion(
        id=row.id,
        journey_id=row.journey_id,
        slug=row.journey.slug,
        name=row.journey.name,
        number=row.number,
        definition=definition,
        is_open=row.id == row.journey.live_version_id,
    )


@dataclass(slots=True)
class Runs:
    """The runs of the people in one transaction, and what became of them."""

    versions: Mapping[int, LiveVersion]
    by_person: dict[int, list[OpenRun]] = field(default_factory=lambda: defaultdict(list))
    past: dict[tuple[int, int], list[PastRun]] = field(default_factory=lambda: defaultdict(list))
    ledger: list[LedgerLine] = field(default_factory=list)
    deliveries: list[NewDelivery] = field(default_factory=list)
    _ids: Iterator[int] | None = None

    def load(self, people: Collection[int]) -> None:
        """Read the open runs of these people; they must be locked."""
        if not people or not self.versions:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT id, person_id, origin_person_id, version_id, key, entered_at, entry::text,
                       state::text, due_at
                  FROM journeys_run
                 WHERE person_id = ANY(%s) AND ended_at IS NULL AND version_id = ANY(%s)
                 ORDER BY entered_at, id
                """,
                [sorted(people), sorted(self.versions)],
            )
            for row in cursor.fetchall():
                self.by_person[row[1]].append(self._read(row))

    def load_past(self, people: Collection[int], journeys: Collection[int]) -> None:
        """Read earlier runs of these people, for the re-entry rules."""
        if not people or not journeys:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT person_id, journey_id, key, max(entered_at), max(ended_at)
                  FROM journeys_run
                 WHERE person_id = ANY(%s) AND journey_id = ANY(%s) AND ended_at IS NOT NULL
                 GROUP BY person_id, journey_id, key
                """,
                [sorted(people), sorted(journeys)],
            )
            for person, journey, key, entered_at, ended_at in cursor.fetchall():
                past = PastRun(run_id=0, key=key, entered_at=entered_at, ended_at=ended_at)
                self.past[person, journey].append(past)

    def history(self, person: int, journey: int) -> list[PastRun]:
        """The runs of a person in a journey; ended ones with one key are shown as their newest."""
        mine = [
            PastRun(run_id=run.id, key=run.key, entered_at=run.entered_at, ended_at=run.ended_at)
            for run in self.by_person.get(person, ())
            if run.version.journey_id == journey
        ]
        return [*self.past.get((person, journey), ()), *mine]

    def open_run(self, person: int, journey: int, key: str) -> OpenRun | None:
        """The run of this journey and key that is still under way."""
        for run in self.by_person.get(person, ()):
            if run.ending is None and run.version.journey_id == journey and run.key == key:
                return run
        return None

    def due(self, person: int, *, until: datetime) -> OpenRun | None:
        """The run whose timer comes first, if it is due."""
        if person not in self.by_person:
            return None
        found = [
            run
            for run in self.by_person.get(person, ())
            if run.ending is None and run.due_at is not None and run.due_at <= until
        ]
        return min(found, key=lambda run: (run.due_at, run.id), default=None)

    def absorb(self, *, old: int, new: int, now: datetime) -> list[int]:
        """Move the runs of a merged person over; of two with one key the older goes on.

        Returns:
            The runs that ended.
        """
        ended: list[int] = []
        for run in self.by_person.pop(old, []):
            rival = None if run.ending else self.open_run(new, run.version.journey_id, run.key)
            run.person, run.is_changed = new, True
            self.by_person[new].append(run)
            if rival is not None:
                ended.append(self._end_younger(run, rival, now=now))
        self.by_person[new].sort(key=lambda run: (run.entered_at, run.id))
        for (person, journey), runs in list(self.past.items()):
            if person == old:
                self.past[new, journey] += runs
        return ended

    def _end_younger(self, run: OpenRun, rival: OpenRun, *, now: datetime) -> int:
        younger = max(run, rival, key=lambda each: (each.entered_at, each.id))
        younger.end(Ending(outcome=Outcome.MERGED), now=now)
        self.note(younger, LedgerEntry(outcome=Outcome.MERGED), now=now, message_id=None)
        return younger.id

    def begin(
        self, person: int, version: LiveVersion, *, key: str, event: Event, state: State, now: datetime
    ) -> OpenRun:
        """Open a run."""
        run = OpenRun(
            id=self._next_id(),
            person=person,
            origin_person=person,
            version=version,
            key=key,
            entered_at=now,
            entry=event,
            state=state,
            due_at=None,
            is_new=True,
        )
        self.by_person[person].append(run)
        return run

    def note(self, run: OpenRun, entry: LedgerEntry, *, now: datetime, message_id: str | None) -> None:
        """Write a decision about a run into the ledger."""
        self.ledger.append(
            LedgerLine(
                person=run.person,
                at=now,
                version=run.version,
                run_id=run.id,
                entry=entry,
                message_id=message_id,
            )
        )

    def _next_id(self) -> int:
        if self._ids is None:
            self._ids = _run_ids()
        return next(self._ids)

    def _read(self, row: Sequence[Any]) -> OpenRun:
        id_, person, origin, version, key, entered_at, entry, state, due_at = row
        return OpenRun(
            id=id_,
            person=person,
            origin_person=origin,
            version=self.versions[version],
            key=key,
            entered_at=entered_at,
            entry=read_entry(decode_json(entry)) if entry else None,
            state=State.from_json(decode_json(state)),
            due_at=due_at,
        )


def entry_document(event: Event) -> dict[str, Json]:
    """The entry message as a run keeps it, so that conditions can compare with it for ever."""
    return {
        "name": event.name,
        "ts": event.ts.isoformat(),
        "arrival": event.arrival,
        "received_at": event.received_at.isoformat(),
        "message_id": event.message_id,
        "properties": dict(event.properties),
        "context": dict(event.context),
    }


def read_entry(document: Mapping[str, Json]) -> Event:
    """Read what `entry_document` wrote."""
    return Event(
        name=document["name"],
        ts=datetime.fromisoformat(document["ts"]),
        arrival=document["arrival"],
        received_at=datetime.fromisoformat(document["received_at"]),
        message_id=document["message_id"],
        properties=document["properties"],
        context=document["context"],
    )


def write_runs(runs: Runs, *, survivor: Mapping[int, int]) -> None:
    """Write runs and ledger of a transaction.

    Args:
        survivor: persons merged in this transaction -> who they are now.
    """
    touched = [run for people in runs.by_person.values() for run in people if run.is_changed or run.is_new]
    ended_first = sorted((run for run in touched if not run.is_new), key=lambda run: run.ending is None)
    _update(ended_first)
    _insert([run for run in touched if run.is_new])
    _write_ledger(runs.ledger, survivor=survivor)


def repoint_people(old: Sequence[int], new: Sequence[int], *, at: Sequence[datetime]) -> None:
    """Give what is left of merged people, ended and paused runs and the ledger, to the survivors.

    Args:
        at: when each was merged.
    """
    end_rivals(old, new, at=at)
    pairs = "unnest(%s::bigint[], %s::bigint[]) AS m(old, new)"
    with connection.cursor() as cursor:
        for table in ("journeys_run", "journeys_decision"):
            cursor.execute(
                f"UPDATE {table} AS t SET person_id = m.new FROM {pairs} WHERE t.person_id = m.old",
                [list(old), list(new)],
            )


_COLUMNS = (
    "id, journey_id, version_id, person_id, origin_person_id, key, entered_at, entry, state, due_at,"
    " ended_at, outcome, reason, error"
)


def _row(run: OpenRun) -> tuple[Any, ...]:
    return (
        run.id,
        run.version.journey_id,
        run.version.id,
        run.person,
        run.origin_person,
        run.key,
        run.entered_at,
        encode_json(entry_document(run.entry)).decode() if run.entry else None,
        encode_json(run.state.to_json()).decode(),
        run.due_at,
        run.ended_at,
        run.ending.outcome.value if run.ending else "",
        (run.ending.reason if run.ending else "")[:200],
        run.error,
    )


def _insert(runs: Sequence[OpenRun]) -> None:
    if not runs:
        return
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {Run._meta.db_table} ({_COLUMNS}) FROM STDIN") as copy,
    ):
        for run in runs:
            copy.write_row(_row(run))


def _update(runs: Sequence[OpenRun]) -> None:
    """Write moved runs in the order given: ended ones first, so that a key is free for another."""
    if not runs:
        return
    for is_over in (True, False):
        rows = [_row(run) for run in runs if (run.ending is not None) is is_over]
        if not rows:
            continue
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE journeys_run AS r
                   SET person_id = s.person_id, entered_at = s.entered_at, entry = s.entry::jsonb,
                       state = s.state::jsonb, due_at = s.due_at, ended_at = s.ended_at,
                       outcome = s.outcome, reason = s.reason, error = s.error
                  FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::text[], %s::text[],
                              %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[], %s::text[])
                       AS s(id, person_id, entered_at, entry, state, due_at, ended_at, outcome, reason,
                            error)
                 WHERE r.id = s.id
                """,
                [[row[place] for row in rows] for place in (0, 3, 6, 7, 8, 9, 10, 11, 12, 13)],
            )


def _write_ledger(lines: Sequence[LedgerLine], *, survivor: Mapping[int, int]) -> None:
    if not lines:
        return
    partitions.require_decision_days({line.at.date() for line in lines})
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY journeys_decision (person_id, at, journey_id, version_id, run_id, step, outcome, reason,"
            " tree, message_id) FROM STDIN"
        ) as copy,
    ):
        for line in lines:
            copy.write_row(
                (
                    survivor.get(line.person, line.person),
                    line.at,
                    line.version.journey_id,
                    line.version.id,
                    line.run_id,
                    line.entry.step,
                    line.entry.outcome.value,
                    line.entry.reason[:200],
                    None if line.entry.tree is None else encode_json(line.entry.tree).decode(),
                    line.message_id,
                )
            )


def _run_ids() -> Iterator[int]:
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval('journeys_run_id_seq') FROM generate_series(1, 256)")
            ids = [row[0] for row in cursor.fetchall()]
        yield from ids
