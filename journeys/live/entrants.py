"""Who is to be asked whether they enter though no message says so: the rows of `EntryDue`.

A transaction reads the rows of the people it has locked, takes those whose time has come, moves the dates
and writes the difference.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db import connection

from journeys.models import EntryDue
from profiles.arrays import bare, instants
from profiles.domain.exact import decode_json
from profiles.domain.facts import Json

_DATE = EntryDue.Cause.DATE.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """One row."""

    id: int  # 0: not stored
    journey: int
    due_at: datetime
    cause: str
    properties: Mapping[str, Json] = field(default_factory=dict)


@dataclass(slots=True)
class Entrants:
    """The rows of the people of one transaction."""

    _rows: dict[int, list[Entrant]] = field(default_factory=lambda: defaultdict(list))
    _gone: set[int] = field(default_factory=set)  # ids
    _moved: dict[tuple[int, int], datetime | None] = field(default_factory=dict)  # (person, journey): dates

    def load(self, people: Collection[int], *, journeys: Collection[int], until: datetime | None) -> None:
        """Read the rows of these people that are due by then, or all; they must be locked."""
        if not people or not journeys:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT person_id, id, journey_id, due_at, cause, properties::text FROM journeys_entry_due"
                " WHERE person_id = ANY(%s::bigint[]) AND journey_id = ANY(%s::bigint[])"
                " AND due_at <= coalesce(%s, 'infinity'::timestamptz) ORDER BY due_at, id",
                [bare(sorted(people)), bare(sorted(journeys)), until],
            )
            for person, id_, journey, due_at, cause, properties in cursor.fetchall():
                if id_ in self._gone or any(row.id == id_ for row in self._rows.get(person, ())):
                    continue
                row = Entrant(
                    id=id_,
                    journey=journey,
                    due_at=due_at,
                    cause=cause,
                    properties=decode_json(properties),
                )
                self._rows[person].append(row)

    @property
    def people(self) -> Collection[int]:
        """Whose rows were read."""
        return self._rows.keys()

    def next_of(self, person: int) -> datetime | None:
        """When the person is to be asked next."""
        rows = self._rows.get(person)
        return min(row.due_at for row in rows) if rows else None

    def journeys_due(self, person: int, *, until: datetime) -> set[int]:
        """The journeys a person is to be asked about up to a moment."""
        return {row.journey for row in self._rows.get(person, ()) if row.due_at <= until}

    def take(self, person: int, *, until: datetime) -> list[Entrant]:
        """Take the rows whose time has come off the list, in order."""
        due = sorted(
            (row for row in self._rows.get(person, ()) if row.due_at <= until),
            key=lambda row: (row.due_at, row.id),
        )
        for row in due:
            self._rows[person].remove(row)
            if row.id:
                self._gone.add(row.id)
            if row.cause == _DATE:
                self._moved.setdefault((person, row.journey), None)
        return due

    def put(self, person: int, entrant: Entrant) -> None:
        """Have somebody asked who has no row."""
        self._rows[person].append(entrant)

    def put_date(self, person: int, journey: int, at: datetime | None) -> None:
        """Say when the person's date comes; None: it does not."""
        rows = self._rows[person]
        for row in [row for row in rows if row.journey == journey and row.cause == _DATE]:
            rows.remove(row)
        self._moved[person, journey] = at
        if at is not None:
            rows.append(Entrant(id=0, journey=journey, due_at=at, cause=_DATE))

    def postpone(self, person: int, *, until: datetime, to: datetime) -> None:
        """Put off what is due of a person about whom decisions cannot be written."""
        rows = self._rows.get(person, [])
        ids = [row.id for row in rows if row.due_at <= until and row.id]
        self._rows[person] = [replace(row, due_at=to) if row.due_at <= until else row for row in rows]
        EntryDue.objects.filter(id__in=ids).update(due_at=to)

    def absorb(self, *, old: int, new: int) -> None:
        """Give the rows of a merged person to the survivor; of two dates the survivor's is found anew."""
        for row in self._rows.pop(old, []):
            if row.cause != _DATE:
                self._rows[new].append(row)
            elif row.id:
                self._gone.add(row.id)

    def write(self, *, merged: Mapping[int, int]) -> None:
        """Write what differs from the rows that were read."""
        dates = {pair: at for pair, at in self._moved.items() if pair[0] not in merged}
        gone = [pair for pair, at in dates.items() if at is None]
        stay = sorted((person, journey, at) for (person, journey), at in dates.items() if at is not None)
        with connection.cursor() as cursor:
            if self._gone:
                cursor.execute(
                    "DELETE FROM journeys_entry_due WHERE id = ANY(%s::bigint[])", [bare(sorted(self._gone))]
                )
            if gone:
                cursor.execute(
                    "DELETE FROM journeys_entry_due AS d"
                    " USING unnest(%s::bigint[], %s::bigint[]) AS gone(person, journey)"
                    " WHERE d.person_id = gone.person AND d.journey_id = gone.journey AND d.cause = 'date'",
                    [bare(pair[0] for pair in gone), bare(pair[1] for pair in gone)],
                )
        write_dates(stay)


def write_dates(rows: Collection[tuple[int, int, datetime]]) -> None:
    """Put (person, journey, due) rows in the place of the dates there are."""
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO journeys_entry_due (person_id, journey_id, due_at, cause, properties)"
            " SELECT person, journey, due_at, 'date', '{}'"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) AS t(person, journey, due_at)"
            " ON CONFLICT (person_id, journey_id) WHERE cause = 'date'"
            " DO UPDATE SET due_at = excluded.due_at",
            [bare(row[0] for row in rows), bare(row[1] for row in rows), instants(row[2] for row in rows)],
        )
