"""Write what a batch changed, table by table, each in one or two statements."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django.db import connection

from profiles.arrays import bare, instants, texts
from profiles.domain.arrival import Arrived
from profiles.domain.exact import encode_json
from profiles.domain.facts import Json
from profiles.domain.finding import search_words
from profiles.domain.history import PersonState
from profiles.domain.identity import ANONYMOUS, Key, Merge, Resolution
from profiles.store.changes import Changes
from profiles.store.events import add_totals, copy_events
from profiles.store.people import Crowd

_SEARCHED = ("name", "firstName", "lastName", "first_name", "last_name", "email", "phone", "company")


def write_changes(changes: Changes) -> None:
    """Store a batch. Persons named in `states` must be locked by this transaction."""
    gone = {merge.old for merge, _ in changes.merges}
    new = [state for state in changes.states.values() if state.is_new and state.person_id not in gone]
    old = [state for state in changes.states.values() if not state.is_new and state.person_id not in gone]
    _insert_persons(new)
    _update_persons([state for state in old if state.is_seen or state.is_changed])
    if changes.crowd is not None:
        _write_identities(changes, changes.crowd)
        _search_terms(changes, changes.crowd)
    merges = [(merge, item) for merge, item in changes.merges if not changes.states[merge.old].is_new]
    if merges:
        _write_merges(changes, merges)
    copy_events(changes)
    add_totals(changes)
    _copy(
        "profiles_traitchange (person_id, key, at, arrival, value, source_id, identity_id, origin)",
        (
            (
                changes.survivor(entry.person),
                entry.key,
                entry.at,
                entry.arrival,
                None if entry.value is None else encode_json(entry.value).decode(),
                entry.source_id,
                entry.identity_id,
                entry.origin,
            )
            for entry in changes.traits
        ),
    )
    _copy(
        "profiles_consentchange"
        " (person_id, category, at, arrival, is_granted, source_id, identity_id, origin)",
        (
            (
                changes.survivor(entry.person),
                entry.category,
                entry.at,
                entry.arrival,
                entry.is_granted,
                entry.source_id,
                entry.identity_id,
                entry.origin,
            )
            for entry in changes.consents
        ),
    )


# -- persons -------------------------------------------------------------------------------------------


def _json(value: Json) -> str:
    return encode_json(value).decode()


def _insert_persons(states: Collection[PersonState]) -> None:
    _copy(
        "profiles_person (id, uuid, first_seen_at, last_seen_at, time_zone, locale,"
        " traits, trait_times, consent, consent_times)",
        (
            (
                state.person_id,
                state.uuid,
                state.first_seen_at,
                state.last_seen_at,
                state.time_zone,
                state.locale,
                _json(state.traits),
                _json(state.trait_times),
                _json(state.consent),
                _json(state.consent_times),
            )
            for state in states
        ),
    )


def _update_persons(states: Collection[PersonState]) -> None:
    if not states:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE profiles_person AS p
               SET first_seen_at = s.first_seen_at, last_seen_at = s.last_seen_at,
                   time_zone = s.time_zone, locale = s.locale
              FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[])
                   AS s(id, first_seen_at, last_seen_at, time_zone, locale)
             WHERE p.id = s.id
            """,
            [
                bare(state.person_id for state in states),
                instants(state.first_seen_at for state in states),
                instants(state.last_seen_at for state in states),
                texts(state.time_zone for state in states),
                texts(state.locale for state in states),
            ],
        )
        changed = [state for state in states if state.is_changed]
        if changed:
            cursor.execute(
                """
                UPDATE profiles_person AS p
                   SET traits = s.traits, trait_times = s.trait_times,
                       consent = s.consent, consent_times = s.consent_times
                  FROM unnest(%s::bigint[], %s::text[]::jsonb[], %s::text[]::jsonb[],
                              %s::text[]::jsonb[], %s::text[]::jsonb[])
                       AS s(id, traits, trait_times, consent, consent_times)
                 WHERE p.id = s.id
                """,
                [
                    bare(state.person_id for state in changed),
                    texts(_json(state.traits) for state in changed),
                    texts(_json(state.trait_times) for state in changed),
                    texts(_json(state.consent) for state in changed),
                    texts(_json(state.consent_times) for state in changed),
                ],
            )


def _search_terms(changes: Changes, crowd: Crowd) -> None:
    """Refresh the search terms of those whose name or identities changed."""
    touched = {
        changes.survivor(item.person)
        for item in changes.arrived
        if (item.traits and any(key in item.traits for key in _SEARCHED))
        or (item.resolution and item.resolution.links and _names_somebody(item.resolution))
    } | {changes.survivor(merge.new) for merge, _ in changes.merges}
    if not touched:
        return
    words: dict[int, list[str]] = {person: [] for person in touched}
    for key in crowd.identity_ids:
        owner = crowd.graph.owner(key)
        if owner in words and key[0] != ANONYMOUS:
            words[owner].append(key[1])
    for person in touched:
        traits = changes.states[person].traits
        words[person] += [str(traits[key]) for key in _SEARCHED if isinstance(traits.get(key), str)]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE profiles_person AS p SET search = array_to_tsvector(string_to_array(s.words, ' '))
              FROM unnest(%s::bigint[], %s::text[]) AS s(id, words) WHERE p.id = s.id
            """,
            [bare(words), texts(" ".join(search_words(found)) for found in words.values())],
        )


def _names_somebody(resolution: Resolution) -> bool:
    return any(kind != ANONYMOUS for (kind, _), _ in resolution.links)


# -- identities and merges -----------------------------------------------------------------------------


def _write_identities(changes: Changes, crowd: Crowd) -> None:
    final: dict[Key, int] = {}
    links = []
    for item in changes.arrived:
        if item.resolution is None:
            continue
        for key, reason in item.resolution.links:
            final[key] = 0
            links.append(
                (
                    crowd.identity_ids[key],
                    changes.survivor(item.resolution.person),
                    item.received_at,
                    item.arrival,
                    reason,
                    item.source_id,
                )
            )
    links += _links_of_unstored(changes, crowd)
    with connection.cursor() as cursor:
        if final:
            cursor.execute(
                """
                UPDATE profiles_identity AS i SET person_id = s.person_id
                  FROM unnest(%s::bigint[], %s::bigint[]) AS s(id, person_id) WHERE i.id = s.id
                """,
                [
                    bare(crowd.identity_ids[key] for key in final),
                    bare(crowd.graph.owner(key) for key in final),
                ],
            )
        unused = [crowd.identity_ids[key] for key in crowd.unclaimed if crowd.graph.owner(key) is None]
        if unused:
            cursor.execute("DELETE FROM profiles_identity WHERE id = ANY(%s) AND person_id IS NULL", [unused])
    _copy("profiles_identitylink (identity_id, person_id, at, arrival, reason, source_id)", links)


def _links_of_unstored(changes: Changes, crowd: Crowd) -> list[tuple[Any, ...]]:
    """What somebody held who was new and merged in the same batch: no log of merges tells of them."""
    return [
        (
            crowd.identity_ids[key],
            changes.survivor(merge.new),
            item.received_at,
            item.arrival,
            "merged",
            item.source_id,
        )
        for merge, item in changes.merges
        if changes.states[merge.old].is_new
        for key in sorted(changes.states[merge.old].keys)
    ]


def _write_merges(changes: Changes, merges: Sequence[tuple[Merge, Arrived]]) -> None:
    old = [merge.old for merge, _ in merges]
    new = [changes.survivor(merge.new) for merge, _ in merges]
    _copy(
        "profiles_personmerge (old_person_id, new_person_id, at, arrival, reason, evidence, actor)",
        (
            (
                merge.old,
                merge.new,
                item.received_at,
                item.arrival,
                merge.reason,
                _json({"identities": [f"{kind}:{value}" for kind, value in merge.evidence]}),
                f"source:{item.source_id}",
            )
            for merge, item in merges
        ),
    )
    fold_people(old, new)


def fold_people(old: Sequence[int], new: Sequence[int]) -> None:
    """Make each person of `old` part of the one beside it in `new`: identities, totals, histories.

    Events stay where they are; an override leads to the survivor until the squash rewrites them.
    Traits and consent of the survivor are the caller's. All persons must be locked.
    """
    with connection.cursor() as cursor:
        for statement in _FOLD:
            cursor.execute(statement, {"old": list(old), "new": list(new)})


_PAIRS = "unnest(%(old)s::bigint[], %(new)s::bigint[]) AS m(old, new)"
_FOLD = (
    f"UPDATE profiles_person AS p SET merged_into_id = m.new FROM {_PAIRS}"
    " WHERE p.id = m.old OR p.merged_into_id = m.old",
    f"UPDATE profiles_personoverride AS o SET new_person_id = m.new FROM {_PAIRS}"
    " WHERE o.new_person_id = m.old",
    f"INSERT INTO profiles_personoverride (old_person_id, new_person_id) SELECT old, new FROM {_PAIRS}"
    " ON CONFLICT (old_person_id) DO UPDATE SET new_person_id = excluded.new_person_id",
    # Everybody who held an identity of the old person: recorded once more under the new one.
    f"""INSERT INTO profiles_identitylink (identity_id, person_id, at, arrival, reason)
        SELECT i.id, m.new, now(), 0, 'merged' FROM profiles_identity AS i JOIN {_PAIRS}
            ON i.person_id = m.old""",
    f"UPDATE profiles_identity AS i SET person_id = m.new FROM {_PAIRS} WHERE i.person_id = m.old",
    f"UPDATE profiles_traitchange AS t SET person_id = m.new FROM {_PAIRS} WHERE t.person_id = m.old",
    f"UPDATE profiles_consentchange AS t SET person_id = m.new FROM {_PAIRS} WHERE t.person_id = m.old",
    f"""INSERT INTO profiles_persontotal AS t (person_id, name_id, count, first_at, last_at, revenue)
        SELECT m.new, o.name_id, sum(o.count), min(o.first_at), max(o.last_at), sum(o.revenue)
          FROM profiles_persontotal AS o JOIN {_PAIRS} ON o.person_id = m.old
         GROUP BY m.new, o.name_id ORDER BY 1, 2
        ON CONFLICT (person_id, name_id) DO UPDATE
           SET count = t.count + excluded.count, first_at = least(t.first_at, excluded.first_at),
               last_at = greatest(t.last_at, excluded.last_at),
               revenue = coalesce(t.revenue + excluded.revenue, t.revenue, excluded.revenue), times = NULL""",
    "DELETE FROM profiles_persontotal WHERE person_id = ANY(%(old)s)",
)


def _copy(target: str, rows: Iterable[Sequence[Any]]) -> None:
    rows = list(rows)
    if not rows:
        return
    with connection.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
