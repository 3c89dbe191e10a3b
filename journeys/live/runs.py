"""The runs of the people in one transaction, in memory."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from msgspec.structs import replace

from connectors.services import NewDelivery
from journeys.domain.engine import Decision, Ending, LedgerEntry, Outcome, PastRun, State
from journeys.live.versions import LiveVersion
from profiles.domain.exact import decode_json
from profiles.domain.facts import Event, Json


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
    is_restarted: bool = False  # with another entry message
    ending: Ending | None = None
    ended_at: datetime | None = None
    error: str = ""

    def apply(self, decision: Decision, *, now: datetime) -> None:
        """Move the run to where a decision leaves it."""
        self.is_changed = True
        self.due_at = decision.due_at
        if decision.state is not None:
            self.state = decision.state
        elif (step := decision.left_at) and step != self.state.step:
            self.state = replace(self.state, step=step)
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
        """Read the open runs of these people; they must be locked.

        Person by person (OFFSET keeps the planner from joining): while a crowd enters, its statistics are
        of before, and it would read all open runs for each portion.
        """
        if not people or not self.versions:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT run.*
                  FROM unnest(%s::bigint[]) AS who(id) CROSS JOIN LATERAL (
                       SELECT id, person_id, origin_person_id, version_id, key, entered_at, entry::text,
                              state::text, due_at
                         FROM journeys_run
                        WHERE person_id = who.id AND ended_at IS NULL
                       OFFSET 0) AS run
                 WHERE run.version_id = ANY(%s)
                 ORDER BY run.entered_at, run.id
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

    def next_of(self, person: int) -> datetime | None:
        """When a timer of the person comes next."""
        runs = self.by_person.get(person, ())
        moments = [run.due_at for run in runs if run.ending is None and run.due_at is not None]
        return min(moments) if moments else None

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


def _run_ids() -> Iterator[int]:
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval('journeys_run_id_seq') FROM generate_series(1, 256)")
            ids = [row[0] for row in cursor.fetchall()]
        yield from ids
