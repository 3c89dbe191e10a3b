"""What rules may ask about people, read for many of them at once."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache

from django.db import connection

from profiles.arrays import bare, instant_of, texts
from profiles.domain.exact import LazyObject, decode_json
from profiles.domain.facts import Event, TraitChange
from profiles.domain.history import PersonState
from profiles.store.names import name_of, names_by_id


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
