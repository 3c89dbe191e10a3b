"""What the store holds of some people: their events, and the logs of who they were and what they had."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from cdp_site.backtest.holders import Joined, Link
from cdp_site.backtest.past import Period
from cdp_site.models import BackTestDecision
from connectors.models import Source
from connectors.registry import CHANNELS
from profiles import store
from profiles.arrays import bare, instant_of
from profiles.domain.arrival import LIVE_WITHIN
from profiles.models import EventName

# Imported history counts as received when it happened, so that a journey can be tried on it.
_MOMENT: Final = (
    "CASE WHEN e.received_at - e.ts > %(late)s OR e.source_id = ANY(%(historical)s::int[])"
    " THEN e.ts ELSE e.received_at END"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """Somebody, or who became part of somebody."""

    id: int
    survivor: int
    uuid: UUID
    time_zone: str
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One stored event and the moment it counts as received at."""

    stored_under: int
    survivor: int
    name: str
    ts: datetime
    moment: datetime
    is_history: bool  # it came so late, or from such a source, that it counts as received when it happened
    arrival: int
    message_id: str
    identity_id: int
    source_id: int
    properties: str
    context: str


def count_expired(people: Collection[int], *, names: Collection[str]) -> int:
    """How many messages of these names people once sent that are not stored any more."""
    values = {"people": bare(people), "names": bare(ids_of(names))}
    counted = rows_of(
        "SELECT coalesce(sum(count), 0) FROM profiles_persontotal"
        " WHERE person_id = ANY(%(people)s::bigint[]) AND name_id = ANY(%(names)s::int[])",
        **values,
    )
    stored = rows_of(
        "SELECT count(*) FROM profiles_event WHERE name_id = ANY(%(names)s::int[])"
        " AND person_id IN (SELECT unnest(%(people)s::bigint[]) UNION SELECT old_person_id"
        "  FROM profiles_personoverride WHERE new_person_id = ANY(%(people)s::bigint[]))",
        **values,
    )
    return max(0, int(counted[0][0]) - int(stored[0][0]))


def person_rows(people: Collection[int]) -> list[PersonRow]:
    """These people and whom merges made part of them."""
    found = rows_of(
        "SELECT id, coalesce(merged_into_id, id), uuid, time_zone, first_seen_at, last_seen_at"
        " FROM profiles_person WHERE id = ANY(%(people)s::bigint[]) AND merged_into_id IS NULL"
        " OR merged_into_id = ANY(%(people)s::bigint[])",
        people=bare(people),
    )
    return [
        PersonRow(
            id=row[0],
            survivor=row[1],
            uuid=row[2],
            time_zone=row[3],
            first_seen_at=row[4],
            last_seen_at=row[5],
        )
        for row in found
    ]


def links_of(people: Collection[int]) -> list[Link]:
    """The history of every identity that any of these held, other holders of it included."""
    found = rows_of(
        "SELECT l.identity_id, i.kind, i.value, l.person_id, l.at, l.arrival, l.reason"
        " FROM profiles_identitylink AS l JOIN profiles_identity AS i ON i.id = l.identity_id"
        " WHERE l.identity_id IN (SELECT identity_id FROM profiles_identitylink"
        "  WHERE person_id = ANY(%(people)s::bigint[]))"
        " ORDER BY l.arrival, l.id",
        people=bare(people),
    )
    return [
        Link(
            identity_id=row[0], key=(row[1], row[2]), person=row[3], at=row[4], arrival=row[5], reason=row[6]
        )
        for row in found
    ]


def unlinked_identities(people: Collection[int]) -> Sequence[tuple[int, str, str]]:
    """Person, kind and value of identities without a history."""
    return rows_of(
        "SELECT i.person_id, i.kind, i.value FROM profiles_identity AS i"
        " WHERE i.person_id = ANY(%(people)s::bigint[])"
        " AND NOT EXISTS (SELECT FROM profiles_identitylink AS l WHERE l.identity_id = i.id)",
        people=bare(people),
    )


def merges_of(people: Collection[int]) -> list[Joined]:
    """The merges that made these people what they are."""
    found = rows_of(
        "SELECT old_person_id, new_person_id, at, arrival FROM profiles_personmerge"
        " WHERE old_person_id = ANY(%(people)s::bigint[]) AND undone_at IS NULL ORDER BY at, arrival, id",
        people=bare(people),
    )
    return [Joined(old=row[0], new=row[1], at=row[2], arrival=row[3]) for row in found]


_WITHIN: Final = (
    "moment >= %(begins)s AND moment < %(ends)s"
    # What follows from it, so that only partitions of the period are read.
    " AND e.ts >= %(begins)s::timestamptz - %(late)s AND e.ts < %(ends)s::timestamptz + interval '1 day'"
)


def events_within(people: Collection[int], *, period: Period) -> Iterator[EventRow]:
    """Everything these people did in a period, in order."""
    return _events(people, _WITHIN, begins=period.begins_at, ends=period.ends_at)


def newest_since(people: Collection[int], *, period: Period, most: int) -> datetime | None:
    """Since when these people did no more than so many things of a period; None: not in all of it."""
    found = rows_of(
        f"SELECT moment + interval '1 microsecond' FROM profiles_event AS e"
        f" CROSS JOIN LATERAL (SELECT {_MOMENT} AS moment) AS counted"
        f" WHERE e.person_id = ANY(%(people)s::bigint[]) AND {_WITHIN}"
        " ORDER BY moment DESC OFFSET %(most)s LIMIT 1",
        people=bare(people),
        begins=period.begins_at,
        ends=period.ends_at,
        most=most,
        **_moment_values(),
    )
    return found[0][0] if found else None


def events_before(
    people: Collection[int], *, names: Collection[str], period: Period, since: datetime | None
) -> Iterator[EventRow]:
    """What these people did before a period, of some names, some of which end in `*`.

    Args:
        since: earlier events are not needed; None for all.
    """
    if not names:
        return iter(())
    return _events(
        people,
        "moment < %(begins)s AND e.name_id = ANY(%(names)s::int[])"
        " AND e.ts > coalesce(%(since)s::timestamptz, '-infinity')",
        begins=period.begins_at,
        names=bare(ids_of(names)),
        since=since,
    )


def ids_of(names: Collection[str]) -> list[int]:
    """The ids of event names; one that ends in `*` stands for all that begin so."""
    starts = tuple(name[:-1] for name in names if name.endswith("*"))
    known = EventName.objects.values_list("pk", "name")  # another process may have made one just now
    return sorted(id_ for id_, name in known if name in names or (starts and name.startswith(starts)))


def last_seen_before(people: Collection[int], *, period: Period) -> dict[tuple[int, int], datetime]:
    """(Person, identity) -> the last thing that was done by it before a period."""
    found = rows_of(
        f"SELECT coalesce(o.new_person_id, e.person_id), e.identity_id, max(e.ts) FROM profiles_event AS e"
        " LEFT JOIN profiles_personoverride AS o ON o.old_person_id = e.person_id"
        f" WHERE e.person_id = ANY(%(people)s::bigint[]) AND {_MOMENT} < %(begins)s GROUP BY 1, 2",
        people=bare(people),
        begins=period.begins_at,
        **_moment_values(),
    )
    return {(person, identity): at for person, identity, at in found}


def zones_before(people: Collection[int], *, period: Period) -> dict[int, str]:
    """The time zone that the last message before a period named, by who the person is today."""
    found = rows_of(
        "SELECT DISTINCT ON (1) coalesce(o.new_person_id, e.person_id), e.context ->> 'timezone'"
        " FROM profiles_event AS e"
        " LEFT JOIN profiles_personoverride AS o ON o.old_person_id = e.person_id"
        f" WHERE e.person_id = ANY(%(people)s::bigint[]) AND {_MOMENT} < %(begins)s"
        " AND e.context ? 'timezone' ORDER BY 1, e.ts DESC, e.arrival DESC",
        people=bare(people),
        begins=period.begins_at,
        **_moment_values(),
    )
    return dict(found)


def trait_rows(people: Collection[int], *, until: datetime) -> Sequence[tuple[Any, ...]]:
    """Person, key, when, arrival, value as text, identity and origin of each change of a trait."""
    return _changes("profiles_traitchange", "key, at, arrival, value::text", people, until=until)


def consent_rows(people: Collection[int], *, until: datetime) -> Sequence[tuple[Any, ...]]:
    """Person, category, when, arrival, answer, identity and origin of each change of a consent."""
    return _changes("profiles_consentchange", "category, at, arrival, is_granted", people, until=until)


def _changes(
    table: str, columns: str, people: Collection[int], *, until: datetime
) -> Sequence[tuple[Any, ...]]:
    return rows_of(
        f"SELECT person_id, {columns}, identity_id, origin FROM {table}"
        " WHERE person_id = ANY(%(people)s::bigint[]) AND at < %(until)s ORDER BY arrival, at, id",
        people=bare(people),
        until=until + timedelta(days=1),
    )


def stay_rows(
    people: Collection[int], *, slugs: Collection[str], period: Period
) -> Sequence[tuple[Any, ...]]:
    """Person, who entered, segment, since when and until when of each stay begun before a period."""
    return rows_of(
        "SELECT m.person_id, m.origin_person_id, s.slug, m.entered_at, m.left_at"
        " FROM segments_membership AS m JOIN segments_segment AS s ON s.id = m.segment_id"
        " WHERE m.person_id = ANY(%(people)s::bigint[]) AND s.slug = ANY(%(slugs)s)"
        " AND m.entered_at < %(begins)s ORDER BY m.left_at NULLS LAST, m.entered_at",
        people=bare(people),
        slugs=sorted(slugs),
        begins=period.begins_at,
    )


def by_hand_rows(people: Collection[int], *, until: datetime, by: str) -> Sequence[tuple[Any, ...]]:
    """Person, of whom, segment, added or not, when, until when: what was said by hand, by `by` left out."""
    return rows_of(
        "SELECT m.person_id, m.origin_person_id, s.slug, m.is_added, m.at, m.ended_at"
        " FROM segments_manual AS m JOIN segments_segment AS s ON s.id = m.segment_id"
        " WHERE m.person_id = ANY(%(people)s::bigint[]) AND m.at < %(until)s AND m.by <> %(by)s"
        " ORDER BY m.at, m.id",
        people=bare(people),
        until=until,
        by=by,
    )


def list_causes(people: Collection[int], *, period: Period) -> dict[tuple[int, str, datetime], str]:
    """(Person, list, when) -> the message that made a journey put them on a list or take them off."""
    found = rows_of(
        "SELECT person_id, reason, at, message_id::text FROM journeys_decision"
        " WHERE person_id = ANY(%(people)s::bigint[]) AND outcome IN ('listed', 'unlisted')"
        " AND at >= %(begins)s AND at < %(ends)s AND message_id IS NOT NULL",
        people=bare(people),
        begins=period.begins_at,
        ends=period.ends_at,
    )
    return {(person, slug, at): message for person, slug, at, message in found}


def own_trait_writes(people: Collection[int], *, journey: int, period: Period) -> set[tuple[int, datetime]]:
    """Whom the journey itself wrote traits of in a period, and when: a replay decides that anew."""
    return set(
        rows_of(
            "SELECT person_id, at FROM journeys_decision WHERE person_id = ANY(%(people)s::bigint[])"
            " AND journey_id = %(journey)s AND outcome = 'trait_set' AND at >= %(begins)s AND at < %(ends)s",
            people=bare(people),
            journey=journey,
            begins=period.begins_at,
            ends=period.ends_at,
        )
    )


def run_rows(people: Collection[int], *, journey: int, period: Period) -> Sequence[tuple[Any, ...]]:
    """Person, key, entered, ended of the journey's runs from before a period."""
    return rows_of(
        "SELECT person_id, key, entered_at, ended_at FROM journeys_run"
        " WHERE person_id = ANY(%(people)s::bigint[]) AND journey_id = %(journey)s"
        " AND entered_at < %(begins)s",
        people=bare(people),
        journey=journey,
        begins=period.begins_at,
    )


def sent_rows(
    people: Collection[int], *, journey: int, since: datetime, period: Period
) -> Sequence[tuple[Any, ...]]:
    """Person, when, class of messages that count for caps; the journey's own of the period left out."""
    return rows_of(
        "SELECT person_id, coalesce(sent_at, decided_at), message_class FROM connectors_delivery"
        " WHERE person_id = ANY(%(people)s::bigint[]) AND coalesce(sent_at, decided_at) > %(since)s"
        " AND coalesce(sent_at, decided_at) < %(ends)s AND state IN ('queued', 'sending', 'sent')"
        " AND called_off = '' AND channel = ANY(%(channels)s)"
        " AND NOT (journey_id IS NOT DISTINCT FROM %(journey)s AND decided_at >= %(begins)s)"
        " ORDER BY 2",
        people=bare(people),
        journey=journey,
        channels=[name for name, kind in CHANNELS.items() if kind.writes_to],
        since=since,
        begins=period.begins_at,
        ends=period.ends_at,
    )


def keep_decisions(rows: Iterable[Sequence[Any]]) -> None:
    """Write lines of a ledger: back-test, person, run, when, step, outcome, reason, tree as text."""
    with (
        connection.cursor() as cursor,
        cursor.copy(
            f"COPY {BackTestDecision._meta.db_table}"
            " (backtest_id, person_id, run, at, step, outcome, reason, tree) FROM STDIN"
        ) as copy,
    ):
        for row in rows:
            copy.write_row(row)


def _events(people: Collection[int], where: str, **values: Any) -> Iterator[EventRow]:
    found = rows_of(
        "SELECT e.person_id, coalesce(o.new_person_id, e.person_id), e.name_id,"
        " (extract(epoch FROM e.ts) * 1000000)::bigint,"
        " (extract(epoch FROM moment) * 1000000)::bigint, e.arrival, e.message_id::text, e.identity_id,"
        " e.source_id, e.properties::text, e.context::text, moment <> e.received_at"
        " FROM profiles_event AS e"
        " LEFT JOIN profiles_personoverride AS o ON o.old_person_id = e.person_id"
        f" CROSS JOIN LATERAL (SELECT {_MOMENT} AS moment) AS counted"
        f" WHERE e.person_id = ANY(%(people)s::bigint[]) AND {where}"
        " ORDER BY moment, e.arrival",
        people=bare(people),
        **_moment_values(),
        **values,
    )
    for row in found:
        yield EventRow(
            stored_under=row[0],
            survivor=row[1],
            name=store.name_of(row[2]),
            ts=instant_of(row[3]),
            moment=instant_of(row[4]),
            arrival=row[5],
            message_id=row[6],
            identity_id=row[7],
            source_id=row[8],
            properties=row[9],
            context=row[10],
            is_history=row[11],
        )


def _moment_values() -> dict[str, Any]:
    historical = Source.objects.filter(is_historical=True).values_list("pk", flat=True)
    return {"late": LIVE_WITHIN, "historical": bare(historical)}


def rows_of(statement: str, **values: Any) -> Sequence[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
