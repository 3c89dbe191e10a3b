"""Learn from what was stored which events and traits there are (see `profiles.domain.catalogue`).

The drain hands over what it has committed. A few messages of each batch are looked into, in memory; now and
then the worker writes down what it saw, in a transaction of its own that gives way to another worker's. A
worker that is killed forgets a few seconds of it.
"""

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db import connection, transaction

from profiles.domain.arrival import Arrived
from profiles.domain.catalogue import MOST_PATHS, TRAITS, Gathering, Sighting, usual_values
from profiles.domain.exact import decode_json

ENOUGH: Final = 10  # messages of a name that are all looked into, between two writings
ONE_IN: Final = 64  # of the others, for each one looked into
LONGEST_DOCUMENT: Final = 8_000  # bytes
PERIOD: Final = 5.0  # seconds between writings
_LOCK: Final = (7302, 0)  # advisory: one writer of the catalogue
_IDENTIFY: Final = "identify"

_gathering = Gathering()
_written_at = float("-inf")


def learn(stored: Sequence[Arrived]) -> None:
    """Remember what these messages tell about their kind. They must have been committed."""
    if not stored:
        return
    newest = {item.name: item for item in stored}  # one of each name
    _gathering.counts.update([item.name for item in stored])
    for name, item in newest.items():
        _gathering.latest[name] = max(item.ts, _gathering.latest.get(name, item.ts))
    sampled = _gathering.sampled
    for item in stored:
        if sampled[item.name] < ENOUGH:
            _look(item)
            if newest.get(item.name) is item:
                del newest[item.name]  # looked into
    budget = max(1, len(stored) // ONE_IN)
    for item in sorted(newest.values(), key=lambda one: sampled[one.name])[:budget]:
        _look(item)


def _look(item: Arrived) -> None:
    if len(item.properties) > LONGEST_DOCUMENT:
        return
    if item.kind == _IDENTIFY:
        _gathering.sampled[item.name] += 1
        _gathering.look(TRAITS, item.traits, person=item.person, at=item.ts)
    else:
        _gathering.look(item.name, decode_json(item.properties), person=item.person, at=item.ts)


def write_learned(*, is_due: bool = False) -> bool:
    """Write down what was learned, if it is time to; tell whether anything was."""
    global _written_at
    now = time.monotonic()
    if not _gathering.counts or not (is_due or now - _written_at >= PERIOD):
        return False
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", _LOCK)
        row = cursor.fetchone()
        if not (row and row[0]):
            return False
        cursor.execute("SET LOCAL synchronous_commit = off")
        taken = _gathering.take()
        ids = _count_names(taken)
        _write_places(taken, ids)
    _written_at = now
    return True


def _count_names(taken: Gathering) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE profiles_eventname AS n SET message_count = n.message_count + s.number,"
            " last_seen_at = greatest(n.last_seen_at, s.at)"
            " FROM unnest(%s::text[], %s::bigint[], %s::timestamptz[]) AS s(name, number, at)"
            " WHERE n.name = s.name RETURNING n.name, n.id",
            [
                list(taken.counts),
                list(taken.counts.values()),
                [taken.latest.get(name) for name in taken.counts],
            ],
        )
        return dict(cursor.fetchall())


_Row = tuple[int, dict[str, int], dict[str, int], bool]  # seen, types, values, is scattered


def _write_places(taken: Gathering, ids: Mapping[str, int]) -> None:
    places: dict[tuple[int | None, str], Sighting] = {}
    for (name, path), sighting in taken.parts.items():
        if name == TRAITS:
            places[(None, path)] = sighting
        elif name in ids:
            places[(ids[name], path)] = sighting
    if not places:
        return
    known, numbers = _known(places)
    rows = []
    for (event, path), sighting in sorted(places.items(), key=lambda one: (one[0][0] or 0, one[0][1])):
        if (event, path) not in known:
            numbers[event] += 1
            if numbers[event] > MOST_PATHS:
                continue  # keys that are data, as in {"price of 4711": 12}
        row = _sum(known.get((event, path)), sighting)
        rows.append((event, path, row[0], json.dumps(row[1]), json.dumps(row[2]), row[3], sighting.at))
    with connection.cursor() as cursor:
        cursor.executemany(_UPSERT, rows)


_UPSERT: Final = """
    INSERT INTO profiles_knownproperty
           (event_name_id, path, seen, types, values, is_scattered, last_seen_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (event_name_id, path) DO UPDATE
       SET seen = excluded.seen, types = excluded.types, values = excluded.values,
           is_scattered = excluded.is_scattered,
           last_seen_at = greatest(profiles_knownproperty.last_seen_at, excluded.last_seen_at)
"""


def _known(
    places: Mapping[tuple[int | None, str], Sighting],
) -> tuple[dict[tuple[int | None, str], _Row], Counter[int | None]]:
    events = [event for event, _path in places if event is not None]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT event_name_id, path, seen, types, values, is_scattered FROM profiles_knownproperty"
            " WHERE event_name_id = ANY(%s) OR event_name_id IS NULL",
            [events],
        )
        rows: list[Any] = cursor.fetchall()
    known: dict[tuple[int | None, str], _Row] = {}
    for event, path, seen, types, values, is_scattered in rows:
        known[(event, path)] = (seen, _json(types), _json(values), is_scattered)
    return known, Counter(event for event, _path in known)


def _json(value: Any) -> dict[str, int]:
    loaded: dict[str, int] = json.loads(value) if isinstance(value, str) else value
    return loaded


def _sum(known: _Row | None, sighting: Sighting) -> _Row:
    seen, types, values, is_scattered = known or (0, {}, {}, False)
    kept = None if is_scattered else usual_values(Counter(values) + sighting.values)
    return (seen + sighting.seen, dict(Counter(types) + sighting.types), kept or {}, kept is None)


def forget_learned() -> None:
    """Begin anew, as a worker that has just started."""
    global _gathering, _written_at
    _gathering, _written_at = Gathering(), float("-inf")
