"""When people are to be asked again although nothing happens to them: `SegmentDue` and `ComputedDue`.

A transaction reads the rows of the people it has locked, moves them in memory and writes the difference.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from django.db import connection
from psycopg.sql import SQL, Composed, Identifier

from profiles.arrays import bare, instants

Pair = tuple[int, int]  # person, and segment or computed trait


class Of(Enum):
    """Whose due moments: table and column."""

    SEGMENTS = ("segments_due", "segment_id")
    COMPUTED = ("segments_computed_due", "computed_id")

    def sql(self, text: str) -> Composed:
        table, column = self.value
        return SQL(text).format(table=Identifier(table), column=Identifier(column))


@dataclass(slots=True)
class Dues:
    """The due moments of the people of one transaction, of segments or of computed traits."""

    of: Of = Of.SEGMENTS
    _current: dict[int, dict[int, datetime]] = field(default_factory=lambda: defaultdict(dict))
    _stored: dict[Pair, datetime] = field(default_factory=dict)
    _touched: set[Pair] = field(default_factory=set)

    def load_due(self, people: Collection[int], *, until: datetime) -> None:
        """Read what is due of these people; they must be locked."""
        self._load(people, until=until)

    def load(self, people: Collection[int]) -> None:
        """Read all due moments of these people; they must be locked."""
        self._load(people, until=None)

    def _load(self, people: Collection[int], *, until: datetime | None) -> None:
        if not people:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                self.of.sql(
                    "SELECT person_id, {column}, due_at FROM {table}"
                    " WHERE person_id = ANY(%s::bigint[]) AND due_at <= coalesce(%s, 'infinity'::timestamptz)"
                ),
                [bare(sorted(people)), until],
            )
            for person, segment, at in cursor.fetchall():
                self._stored[person, segment] = self._current[person][segment] = at

    @property
    def people(self) -> Collection[int]:
        """Whose due moments were read."""
        return self._current.keys()

    def due(self, person: int, *, until: datetime) -> set[int]:
        """What is to be asked of a person up to a moment."""
        if person not in self._current:
            return set()
        return {segment for segment, at in self._current[person].items() if at <= until}

    def next_of(self, person: int) -> datetime | None:
        """When the person is to be asked next."""
        current = self._current.get(person)
        return min(current.values()) if current else None

    def put(self, person: int, segment: int, at: datetime | None) -> None:
        """Say when to ask again; None: not for the time's sake."""
        self._touched.add((person, segment))
        if at is None:
            self._current[person].pop(segment, None)
        else:
            self._current[person][segment] = at

    def drop(self, person: int) -> None:
        """Forget somebody who became part of another."""
        for segment in list(self._current.pop(person, ())):
            self._touched.add((person, segment))

    def write(self) -> None:
        """Write what differs from the rows that were read."""
        wanted = {pair: self._current[pair[0]].get(pair[1]) for pair in self._touched}
        gone = sorted(pair for pair, at in wanted.items() if at is None and pair in self._stored)
        moved = sorted(
            (person, segment, at)
            for (person, segment), at in wanted.items()
            if at is not None and at != self._stored.get((person, segment))
        )
        delete_dues(gone, of=self.of)
        write_dues(moved, of=self.of)


def write_dues(rows: Collection[tuple[int, int, datetime]], *, of: Of = Of.SEGMENTS) -> None:
    """Put (person, segment, due) rows in the place of those there are."""
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            of.sql(
                "INSERT INTO {table} AS due (person_id, {column}, due_at)"
                " SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[])"
                " ON CONFLICT (person_id, {column}) DO UPDATE SET due_at = excluded.due_at"
                " WHERE due.due_at <> excluded.due_at"
            ),
            [bare(row[0] for row in rows), bare(row[1] for row in rows), instants(row[2] for row in rows)],
        )


def delete_dues(pairs: Collection[Pair], *, of: Of = Of.SEGMENTS) -> None:
    """Delete the rows of these (person, segment)."""
    if not pairs:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            of.sql(
                "DELETE FROM {table} AS due USING unnest(%s::bigint[], %s::bigint[]) AS gone (person, which)"
                " WHERE due.person_id = gone.person AND due.{column} = gone.which"
            ),
            [bare(pair[0] for pair in pairs), bare(pair[1] for pair in pairs)],
        )
