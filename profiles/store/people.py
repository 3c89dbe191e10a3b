"""From messages to people: what the database knows of those a batch mentions, read and locked."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db import connection, transaction

from profiles import partitions
from profiles.arrays import bare, instant_of, texts
from profiles.domain.arrival import Arrived
from profiles.domain.exact import LazyObject, decode_json
from profiles.domain.facts import Event, TraitChange
from profiles.domain.history import PersonState
from profiles.domain.identity import IdentityGraph, Key

_name_ids: dict[str, int] = {}
_names: dict[int, str] = {}


class NotReady(Exception):
    """The batch needs names or partitions that must be made before its transaction."""

    def __init__(self, *, names: Collection[tuple[str, int]], days: Collection[date], received: date) -> None:
        super().__init__(f"{len(names)} event names, {len(days)} days")
        self.names = names
        self.days = days
        self.received = received


@dataclass(slots=True, kw_only=True)
class Crowd:
    """Everybody a batch mentions, locked until its transaction ends."""

    states: dict[int, PersonState]
    graph: IdentityGraph
    identity_ids: dict[Key, int]
    by_uuid: dict[str, int]
    unclaimed: set[Key] = field(default_factory=set)  # inserted by us, belonging to nobody yet


# -- names and partitions ------------------------------------------------------------------------------


def check_ready(arrived: Sequence[Arrived], *, today: date) -> None:
    """Make sure that all names and days of a batch are known.

    Raises:
        NotReady: `prepare` must run first, outside the transaction.
    """
    names = {(item.name, item.source_id) for item in arrived if item.name not in _name_ids}
    days = {item.ts.date() for item in arrived}
    missing = {day for day in days if not partitions.has_event_day(day)}
    if names or missing or not partitions.has_dedup_week(today):
        raise NotReady(names=names, days=missing, received=today)


def prepare(need: NotReady, *, most_names: int) -> set[str]:
    """Make what a batch lacked; give the names refused because their source has too many already."""
    partitions.ensure_event_days(need.days, today=need.received)
    partitions.ensure_dedup_week(need.received)
    refused: set[str] = set()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT source_id, count(*) FROM profiles_eventname GROUP BY source_id")
        counts = defaultdict(int, cursor.fetchall())
        for name, source_id in sorted(need.names):
            if counts[source_id] >= most_names:
                cursor.execute("SELECT 1 FROM profiles_eventname WHERE name = %s", [name])
                if cursor.fetchone() is None:
                    refused.add(name)
                continue
            counts[source_id] += 1
            cursor.execute(
                "INSERT INTO profiles_eventname (name, source_id) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                [name, source_id],
            )
    _read_names()
    return refused


def name_id(name: str) -> int:
    """Give the id of a known event name."""
    return _name_ids[name]


def name_of(id_: int) -> str:
    """Give the event name of an id, also of one that another process has just made."""
    if id_ not in _names:
        _read_names()
    return _names[id_]


def names_by_id() -> Mapping[int, str]:
    """Give the dictionary of event names as this process knows it."""
    if not _names:
        _read_names()
    return _names


def forget_names() -> None:
    """Forget the dictionary (after a test database was emptied or restored)."""
    _name_ids.clear()
    _names.clear()


def _read_names() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, name FROM profiles_eventname")
        for id_, name in cursor.fetchall():
            _name_ids[name] = id_
            _names[id_] = name


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


# -- what rules need to know ---------------------------------------------------------------------------


def load_values(states: Mapping[int, PersonState], ids: Collection[int]) -> None:
    """Read traits and consent of these people into their states."""
    if not ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, traits::text, trait_times::text, consent::text, consent_times::text
              FROM profiles_person WHERE id = ANY(%s::bigint[])
            """,
            [bare(sorted(ids))],
        )
        for id_, traits, trait_times, consent, consent_times in cursor.fetchall():
            state = states[id_]
            state.traits = decode_json(traits)
            state.trait_times = decode_json(trait_times)
            state.consent = decode_json(consent)
            state.consent_times = decode_json(consent_times)
            state.has_values = True


def load_histories(states: Mapping[int, PersonState], wanted: Mapping[int, Collection[str]]) -> None:
    """Read the past values of traits into people's states, and have later ones kept there too.

    Args:
        wanted: person -> the keys that rules ask about.
    """
    for person, keys in wanted.items():
        for key in keys:
            states[person].trait_history.setdefault(key, [])
    old = [person for person in wanted if not states[person].is_new]
    if not old:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT person_id, key, at, arrival, value::text FROM profiles_traitchange
             WHERE person_id = ANY(%s::bigint[]) AND key = ANY(%s::text[]) ORDER BY at, arrival, id
            """,
            [bare(sorted(old)), texts(sorted({key for keys in wanted.values() for key in keys}))],
        )
        for person, key, at, arrival, value in cursor.fetchall():
            change = TraitChange(at=at, arrival=arrival, value=None if value is None else decode_json(value))
            states[person].trait_history.setdefault(key, []).append(change)


def load_events(
    states: Mapping[int, PersonState],
    wanted: Mapping[int, Collection[str]],
    *,
    since: datetime | None,
) -> None:
    """Read the history of people into their states, events of merged persons included.

    Args:
        wanted: person -> the event names rules will ask for, some ending in `*`.
        since: events before it are not needed; None for all.
    """
    ids_of = lru_cache(maxsize=None)(_ids_of)
    pairs = {(person, id_) for person, names in wanted.items() for id_ in ids_of(frozenset(names))}
    if not pairs:
        return
    owners = _with_merged({person for person, _ in pairs})
    stored_under: dict[int, list[int]] = defaultdict(list)
    for stored, owner in owners.items():
        stored_under[owner].append(stored)
    with connection.cursor() as cursor:
        cursor.execute(
            _EVENTS,
            {
                "people": bare(sorted(owners)),
                "names": bare(sorted({id_ for _, id_ in pairs})),
                # One hashed look-up a row: the event names of one person are not another's.
                "pairs": bare(
                    stored << 20 | id_ for person, id_ in sorted(pairs) for stored in stored_under[person]
                ),
                "since": since,
            },
        )
        for person, name, ts, arrival, received, message_id, properties, context in cursor.fetchall():
            event = Event(
                name=name_of(name),
                ts=instant_of(ts),
                arrival=arrival,
                received_at=instant_of(received),
                message_id=message_id,
                properties=LazyObject(properties),
                context=LazyObject(context),
            )
            states[owners[person]].events.setdefault(event.name, []).append(event)


_EVENTS = """
SELECT person_id, name_id, (extract(epoch FROM ts) * 1000000)::bigint, arrival,
       (extract(epoch FROM received_at) * 1000000)::bigint, message_id::text, properties::text, context::text
  FROM profiles_event
 WHERE person_id = ANY(%(people)s::bigint[]) AND name_id = ANY(%(names)s::int[])
   AND (person_id << 20 | name_id) = ANY(%(pairs)s::bigint[])
   AND ts > coalesce(%(since)s::timestamptz, '-infinity')
 ORDER BY ts, arrival
"""


def _ids_of(names: Collection[str]) -> list[int]:
    known = {name: id_ for id_, name in names_by_id().items()}
    ids = {known[name] for name in names if name in known}
    starts = tuple(name[:-1] for name in names if name.endswith("*"))
    if starts:
        ids |= {id_ for name, id_ in known.items() if name.startswith(starts)}
    return sorted(ids)


def _with_merged(ids: Collection[int]) -> dict[int, int]:
    owners = {person: person for person in ids}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT old_person_id, new_person_id FROM profiles_personoverride"
            " WHERE new_person_id = ANY(%s::bigint[])",
            [bare(sorted(ids))],
        )
        owners |= dict(cursor.fetchall())
    return owners


def today_of(received_at: datetime) -> date:
    """The UTC day of a receipt."""
    return received_at.astimezone(UTC).date()
