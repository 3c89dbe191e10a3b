"""Who is in a segment: pages of members, all of them as a stream, how many there were, who is in two."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from typing import Any, Final

from django.db import connection
from django.db.models import Count, Q, QuerySet

from profiles.models import Person
from profiles.queries import PersonLine, matching, people_by_id
from segments.models import Membership, Segment, SegmentDue

STREAMED: Final = 2_000  # members read at once where all are wanted
MOST_DAYS: Final = 3_660


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberLine:
    """A member as the members list shows them."""

    id: int  # of the membership: the place in the list
    person: PersonLine
    entered_at: datetime
    traits: Mapping[str, Any] = field(default_factory=dict)  # those asked for that the person has


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersPage:
    """Some members, the newest first, and where the next ones begin."""

    lines: Sequence[MemberLine]
    after: tuple[datetime, int] | None  # None: there are no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """How a segment changed on one day."""

    on: date
    entered: int
    left: int
    members: int  # when the day ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """How many are in each of two segments, and in both."""

    first: int
    second: int
    both: int


def members_of(segment: Segment) -> QuerySet[Membership]:
    """The stays of those who are in a segment now."""
    return Membership.objects.present().filter(segment=segment)


def member_lines_of(stays: Sequence[Membership], *, columns: Sequence[str] = ()) -> list[MemberLine]:
    """These stays as the members list shows them, in this order, with the values of some traits."""
    people = {line.id: line for line in people_by_id([stay.person_id for stay in stays])}
    traits = _traits_of([stay.person_id for stay in stays], columns=columns)
    return [
        MemberLine(
            id=stay.pk,
            person=people[stay.person_id],
            entered_at=stay.entered_at,
            traits=traits.get(stay.person_id, {}),
        )
        for stay in stays
        if stay.person_id in people
    ]


def _traits_of(people: Sequence[int], *, columns: Sequence[str]) -> dict[int, dict[str, Any]]:
    if not columns:
        return {}
    rows = Person.objects.filter(pk__in=people).values_list("pk", "traits")
    return {id_: {key: traits[key] for key in columns if key in traits} for id_, traits in rows}


def members_page(
    segment: Segment,
    *,
    limit: int,
    search: str = "",
    columns: Sequence[str] = (),
    after: tuple[datetime, int] | None = None,
) -> MembersPage:
    """Some members of a segment, those who entered last first.

    Args:
        search: beginnings of words of a name, an address, a customer number.
        columns: keys of traits to show.
        after: where the page before ended.
    """
    rows = searched(members_of(segment), search).order_by("-entered_at", "-id")
    if after is not None:
        at, id_ = after
        rows = rows.filter(Q(entered_at__lt=at) | Q(id__lt=id_), entered_at__lte=at)
    found = list(rows[: limit + 1])
    lines = member_lines_of(found[:limit], columns=columns)
    last = found[limit - 1] if len(found) > limit else None
    return MembersPage(lines=lines, after=(last.entered_at, last.pk) if last else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandLine:
    """Something that was said by hand of somebody and a segment."""

    person: PersonLine
    is_added: bool
    at: datetime
    by: str
    ended_at: datetime | None  # when it was taken back


def said_by_hand(segment: Segment, *, limit: int) -> list[HandLine]:
    """What was said by hand last, the newest first; of people who are there still."""
    said = list(segment.manual_members.order_by("-id")[:limit])
    people = {line.id: line for line in people_by_id([one.person_id for one in said])}
    return [
        HandLine(
            person=people[one.person_id],
            is_added=one.is_added,
            at=one.at,
            by=one.by,
            ended_at=one.ended_at,
        )
        for one in said
        if one.person_id in people
    ]


def is_moving(segment: Segment, *, now: datetime) -> bool:
    """Whether somebody's time to be asked has come, by hand or by the clock, and they were not yet."""
    return SegmentDue.objects.filter(segment=segment, due_at__lte=now).exists()


def searched(stays: QuerySet[Membership], search: str) -> QuerySet[Membership]:
    """Stays of people whom a search finds; all where nothing is searched for."""
    if not search.strip():
        return stays
    return stays.filter(person_id__in=matching(search).values("pk"))


def all_members(segment: Segment, *, columns: Sequence[str] = (), search: str = "") -> Iterator[MemberLine]:
    """Everybody in a segment whom a search finds, read little by little from one cursor of the database."""
    stays = searched(members_of(segment), search).order_by("-entered_at", "-id").iterator(chunk_size=STREAMED)
    for some in batched_rows(iter(stays)):
        yield from member_lines_of(some, columns=columns)


def batched_rows(stays: Iterator[Membership]) -> Iterator[list[Membership]]:
    """Rows by the portion."""
    while some := list(islice(stays, STREAMED)):
        yield some


def growth(segment: Segment, *, now: datetime, days: int = 90, zone: str = "UTC") -> list[Day]:
    """How many entered, left and were in a segment, day by day up to today, as calendars in `zone` say."""
    with connection.cursor() as cursor:
        cursor.execute(
            _GROWTH, {"segment": segment.pk, "zone": zone, "now": now, "days": min(days, MOST_DAYS) - 1}
        )
        rows = cursor.fetchall()
    members = Membership.objects.present().filter(segment=segment).count()
    found: list[Day] = []
    for on, entered, left in rows:  # today first
        found.append(Day(on=on, entered=entered, left=left, members=members))
        members += left - entered
    return found[::-1]


_GROWTH: Final = """
WITH span AS (
    SELECT (%(now)s AT TIME ZONE %(zone)s)::date AS today,
           ((%(now)s AT TIME ZONE %(zone)s)::date - %(days)s) AS first
),
since AS (SELECT first::timestamp AT TIME ZONE %(zone)s AS at FROM span),
moves AS (
    SELECT entered_at AS at, 1 AS entered, 0 AS gone FROM segments_membership
     WHERE segment_id = %(segment)s AND left_at IS NULL AND entered_at >= (SELECT at FROM since)
    UNION ALL
    SELECT entered_at, 1, 0 FROM segments_membership
     WHERE segment_id = %(segment)s AND left_at >= (SELECT at FROM since)
       AND entered_at >= (SELECT at FROM since)
    UNION ALL
    SELECT left_at, 0, 1 FROM segments_membership
     WHERE segment_id = %(segment)s AND left_at >= (SELECT at FROM since)
),
by_day AS (
    SELECT least((at AT TIME ZONE %(zone)s)::date, (SELECT today FROM span)) AS day,
           sum(entered) AS entered, sum(gone) AS gone
      FROM moves GROUP BY 1
)
SELECT at::date, coalesce(entered, 0)::bigint, coalesce(gone, 0)::bigint
  FROM span CROSS JOIN LATERAL generate_series(first::timestamp, today::timestamp, '1 day') AS days (at)
  LEFT JOIN by_day ON by_day.day = at::date
 ORDER BY 1 DESC
"""


def changes_since(at: datetime, *, segments: Sequence[int]) -> dict[int, int]:
    """By how many members each of these segments grew or shrank since a moment."""
    entered = (
        Membership.objects.filter(segment__in=segments, entered_at__gte=at, left_at=None)
        .values("segment")
        .annotate(number=Count("id"))
        .values_list("segment", "number")
    )
    left = (
        Membership.objects.filter(segment__in=segments, left_at__gte=at, entered_at__lt=at)
        .values("segment")
        .annotate(number=Count("id"))
        .values_list("segment", "number")
    )
    moved = Counter(dict(entered))
    moved.subtract(dict(left))
    return {segment: moved[segment] for segment in segments}


def overlap(first: Segment, second: Segment) -> Overlap:
    """How many are in each of two segments, and in both."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH stay AS NOT MATERIALIZED (
                SELECT person_id, segment_id FROM segments_membership WHERE left_at IS NULL
            )
            SELECT (SELECT count(*) FROM stay WHERE segment_id = %(first)s),
                   (SELECT count(*) FROM stay WHERE segment_id = %(second)s),
                   (SELECT count(*) FROM stay JOIN stay AS other USING (person_id)
                     WHERE stay.segment_id = %(first)s AND other.segment_id = %(second)s)
            """,
            {"first": first.pk, "second": second.pk},
        )
        one, other, both = cursor.fetchone()
    return Overlap(first=one, second=other, both=both)
