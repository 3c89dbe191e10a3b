"""From messages to people: what the database knows of those a batch mentions, read and locked."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.db import connection

from profiles import partitions
from profiles.arrays import bare, instant_of, texts
from profiles.domain.arrival import Arrived
from profiles.domain.history import PersonState
from profiles.domain.identity import IdentityGraph, Key


@dataclass(slots=True, kw_only=True)
class Crowd:
    """Everybody a batch mentions, locked until its transaction ends."""

    states: dict[int, PersonState]
    graph: IdentityGraph
    identity_ids: dict[Key, int]
    by_uuid: dict[str, int]
    unclaimed: set[Key] = field(default_factory=set)  # inserted by us, belonging to nobody yet


# -- repeats -------------------------------------------------------------------------------------------


def drop_repeats(arrived: Sequence[Arrived], *, today: date) -> list[Arrived]:
    """Leave out messages whose id was seen in the window, in the store or earlier in this batch."""
    first: dict[str, Arrived] = {}
    for item in arrived:
        first.setdefault(item.message_id, item)
    week = partitions.week_of(today).start
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO profiles_event_dedup (message_id, received_on)
            SELECT id, %(week)s FROM unnest(%(ids)s::uuid[]) AS new(id)
             WHERE NOT EXISTS (SELECT FROM profiles_event_dedup AS old
                                WHERE old.message_id = new.id AND old.received_on = %(before)s)
             ORDER BY id
            ON CONFLICT DO NOTHING RETURNING message_id::text
            """,
            {"ids": texts(first), "week": week, "before": week - timedelta(days=7)},
        )
        fresh = {row[0] for row in cursor.fetchall()}
    return [item for item in first.values() if item.message_id in fresh]


# -- identities and persons ----------------------------------------------------------------------------


def lock_crowd(arrived: Sequence[Arrived]) -> Crowd:
    """Insert missing identities, lock the persons behind all of them, and read who holds what.

    A merge that commits between the first reading and the locks is seen by reading again.
    """
    keys = sorted({key for item in arrived for key in _keys_of(item)})
    uuids = sorted({item.named_person for item in arrived if item.named_person})
    unclaimed: set[Key] = set()
    while True:
        rows = _read_identities(keys)
        missing = [key for key in keys if key not in rows]
        if missing:
            unclaimed |= set(_insert_identities(missing, source_id=arrived[0].source_id))
            rows = _read_identities(keys)
        by_uuid = _persons_named(uuids)
        owners = {person for _, person in rows.values() if person is not None} | set(by_uuid.values())
        states, is_current = _lock_persons(owners)
        held, ids = _read_holdings(owners)
        if is_current and all(held_by(rows, key, held) for key in keys if key in rows):
            break
    ids |= {key: id_ for key, (id_, _) in rows.items()}
    for person, keys_held in held.items():
        states[person].keys = frozenset(keys_held)
    supply = _person_ids(len(missing) + 1)
    graph = IdentityGraph({person: held.get(person, ()) for person in states}, new_person=supply.__next__)
    return Crowd(states=states, graph=graph, identity_ids=ids, by_uuid=by_uuid, unclaimed=unclaimed)


def held_by(rows: Mapping[Key, tuple[int, int | None]], key: Key, held: Mapping[int, set[Key]]) -> bool:
    """Tell whether an identity still belongs to the person it was read with."""
    person = rows[key][1]
    return person is None or key in held.get(person, ())


def _keys_of(item: Arrived) -> Iterable[Key]:
    yield from item.claims
    if item.alias is not None:
        yield ("user_id", item.alias[1])
        yield ("anonymous_id", item.alias[1])


def _read_identities(keys: Sequence[Key]) -> dict[Key, tuple[int, int | None]]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT i.kind, i.value, i.id, i.person_id
              FROM unnest(%s::text[], %s::text[]) AS k(kind, value)
              JOIN profiles_identity AS i ON i.kind = k.kind AND i.value = k.value
            """,
            [texts(kind for kind, _ in keys), texts(value for _, value in keys)],
        )
        return {(kind, value): (id_, person) for kind, value, id_, person in cursor.fetchall()}


def _insert_identities(keys: Sequence[Key], *, source_id: int) -> list[Key]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO profiles_identity (kind, value, source_id, is_verified)
            SELECT kind, value, %s, false FROM unnest(%s::text[], %s::text[]) AS k(kind, value)
             ORDER BY kind, value
            ON CONFLICT (kind, value) DO NOTHING RETURNING kind, value
            """,
            [source_id, texts(kind for kind, _ in keys), texts(value for _, value in keys)],
        )
        return [(kind, value) for kind, value in cursor.fetchall()]


def _persons_named(uuids: Sequence[str]) -> dict[str, int]:
    if not uuids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT uuid::text, coalesce(merged_into_id, id) FROM profiles_person
             WHERE uuid::text = ANY(%s)
            """,
            [list(uuids)],
        )
        return dict(cursor.fetchall())


_PERSON = (
    "id, uuid, (extract(epoch FROM first_seen_at) * 1000000)::bigint,"
    " (extract(epoch FROM last_seen_at) * 1000000)::bigint, time_zone, locale, merged_into_id"
)


def _lock_persons(ids: Collection[int]) -> tuple[dict[int, PersonState], bool]:
    """Lock persons in id order; the second value is false where one was merged away meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_PERSON} FROM profiles_person WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE",
            [bare(sorted(ids))],
        )
        rows = cursor.fetchall()
    states = {row[0]: _state_of(row) for row in rows}
    return states, len(states) == len(ids) and all(row[6] is None for row in rows)


def load_people(ids: Collection[int], *, skip_locked: bool) -> dict[int, PersonState]:
    """Lock and read people whose timers are due; those somebody else works on are left for later."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_PERSON} FROM profiles_person WHERE id = ANY(%s::bigint[]) AND merged_into_id IS NULL"
            f" ORDER BY id FOR UPDATE {'SKIP LOCKED' if skip_locked else ''}",
            [bare(sorted(ids))],
        )
        states = {row[0]: _state_of(row) for row in cursor.fetchall()}
    held, _ = _read_holdings(states)
    for person, keys in held.items():
        states[person].keys = frozenset(keys)
    return states


def _state_of(row: Sequence[Any]) -> PersonState:
    return PersonState(
        person_id=row[0],
        uuid=row[1],
        first_seen_at=instant_of(row[2]),
        last_seen_at=instant_of(row[3]),
        time_zone=row[4],
        locale=row[5],
    )


def _read_holdings(ids: Collection[int]) -> tuple[dict[int, set[Key]], dict[Key, int]]:
    held: dict[int, set[Key]] = defaultdict(set)
    identity_ids: dict[Key, int] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT kind, value, id, person_id FROM profiles_identity WHERE person_id = ANY(%s::bigint[])",
            [bare(sorted(ids))],
        )
        for kind, value, id_, person in cursor.fetchall():
            held[person].add((kind, value))
            identity_ids[kind, value] = id_
    return held, identity_ids


def _person_ids(count: int) -> Iterator[int]:
    """Give ids for new persons, a handful for each round trip."""
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT nextval('profiles_person_id_seq') FROM generate_series(1, %s)", [max(count, 1)]
            )
            ids = [row[0] for row in cursor.fetchall()]
        yield from ids
        count = 32
