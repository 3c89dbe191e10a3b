"""Building: everybody is asked, and members come to be those for whom the condition holds.

A build follows a publication. It finds by one query who should enter and who should leave, then goes
through them in portions: each locks its people, asks again about them alone and writes, so that it never
overrules what the drain decided meanwhile. A build that is cut off goes on where it stopped; a publication
during a build ends it, for another one follows.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone
from psycopg.sql import SQL, Literal
from psycopg.types.json import Jsonb

from segments.compiler import people_query
from segments.domain.conditions import Condition
from segments.domain.parse import parse_condition
from segments.live import live_segments
from segments.models import Segment, SegmentVersion
from segments.queries import scanning, scope_of
from segments.revision import share_rules

PORTION: Final = 2_000  # people asked and written in one transaction

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a build came to."""

    entered: int
    left: int
    is_done: bool  # False: another publication came between


def build_segment(segment_id: int, *, clock: Clock = timezone.now, portion: int = PORTION) -> Built:
    """Bring the members of a live segment in line with the version in force."""
    version = (
        SegmentVersion.objects.select_related("segment")
        .filter(segment_id=segment_id, segment__state=Segment.State.LIVE)
        .order_by("-number")
        .first()
    )
    if version is None:
        return Built(entered=0, left=0, is_done=False)
    condition = parse_condition(version.condition["if"])
    entered = left = 0
    for people in _portions(_differing(version, condition, now=clock()), size=portion):
        result = _settle(version, condition, people, clock=clock)
        if result is None:
            return Built(entered=entered, left=left, is_done=False)
        entered, left = entered + result[0], left + result[1]
    return Built(entered=entered, left=left, is_done=_finish(version, now=clock()))


def waiting_segments() -> list[int]:
    """Live segments that wait to be built, each after those it depends on."""
    waiting = set(Segment.objects.live().filter(built_at=None).values_list("id", flat=True))
    return [live.id for live in live_segments() if live.id in waiting]


_DIFFERING: Final = SQL(
    "SELECT coalesce(found.id, stay.person_id) FROM ({query}) AS found"
    " FULL JOIN (SELECT person_id FROM segments_membership WHERE segment_id = {segment} AND left_at IS NULL)"
    " AS stay ON stay.person_id = found.id WHERE found.id IS NULL OR stay.person_id IS NULL ORDER BY 1"
)


def _differing(version: SegmentVersion, condition: Condition, *, now: datetime) -> list[int]:
    """People who should be members and are not, or are and should not."""
    query = people_query(condition, scope_of(now=now))
    with scanning() as cursor:
        cursor.execute(_DIFFERING.format(query=query, segment=Literal(version.segment_id)))
        return [row[0] for row in cursor.fetchall()]


def _portions(people: Sequence[int], *, size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(people), size):
        yield people[start : start + size]


@transaction.atomic
def _settle(
    version: SegmentVersion, condition: Condition, people: Sequence[int], *, clock: Clock
) -> tuple[int, int] | None:
    """Ask some people again while they are locked, and write. None: the version is no longer in force."""
    share_rules()
    if not _is_in_force(version):
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM profiles_person WHERE id = ANY(%s) AND merged_into_id IS NULL"
            " ORDER BY id FOR UPDATE",
            [list(people)],
        )
        locked = [row[0] for row in cursor.fetchall()]
    now = clock()
    query = people_query(condition, scope_of(now=now, people=locked))
    reason = Jsonb({"node": "built", "held": True, "version": version.number})
    places: dict[str, Any] = {
        "segment": Literal(version.segment_id),
        "people": Literal(locked),
        "now": Literal(now),
        "query": query,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ENTER.format(**places, why=Literal(Jsonb({"entered": reason.obj}))))
        entered = cursor.rowcount
        cursor.execute(_LEAVE.format(**places, why=Literal(Jsonb({"left": reason.obj | {"held": False}}))))
        left = cursor.rowcount
        cursor.execute(
            "UPDATE segments_segment SET member_count = member_count + %s WHERE id = %s",
            [entered - left, version.segment_id],
        )
    return entered, left


_ENTER: Final = SQL(
    "INSERT INTO segments_membership (segment_id, person_id, entered_at, why)"
    " SELECT {segment}, found.id, {now}, {why} FROM ({query}) AS found ORDER BY found.id"
    " ON CONFLICT (person_id, segment_id) WHERE left_at IS NULL DO NOTHING"
)
_LEAVE: Final = SQL(
    "UPDATE segments_membership AS stay"
    " SET left_at = greatest(stay.entered_at, {now}), why = stay.why || {why}"
    " WHERE stay.segment_id = {segment} AND stay.left_at IS NULL AND stay.person_id = ANY({people})"
    " AND stay.person_id NOT IN ({query})"
)


def _is_in_force(version: SegmentVersion) -> bool:
    return Segment.objects.live().filter(pk=version.segment_id, version=version.number).exists()


@transaction.atomic
def _finish(version: SegmentVersion, *, now: datetime) -> bool:
    """Note that the members are those of this version, and have dependants built."""
    share_rules()
    done = Segment.objects.live().filter(pk=version.segment_id, version=version.number)
    if not done.update(built_at=now):
        return False
    slug = version.segment.slug
    dependants = [live.id for live in live_segments() if slug in live.reads.segments]
    Segment.objects.live().filter(id__in=dependants).update(built_at=None)
    return True


def archived_with_members() -> list[int]:
    """Archived segments whose members have not all left."""
    return list(
        Segment.objects.filter(state=Segment.State.ARCHIVED, member_count__gt=0).values_list("id", flat=True)
    )


def empty_segment(segment_id: int, *, clock: Clock = timezone.now, portion: int = PORTION) -> int:
    """Have everybody leave an archived segment; give how many did."""
    left = 0
    while some := _empty_some(segment_id, now=clock(), portion=portion):
        left += some
    Segment.objects.filter(pk=segment_id, state=Segment.State.ARCHIVED).update(member_count=0)
    return left


@transaction.atomic
def _empty_some(segment_id: int, *, now: datetime, portion: int) -> int:
    share_rules()
    if not Segment.objects.filter(pk=segment_id, state=Segment.State.ARCHIVED).exists():
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE segments_membership AS stay SET left_at = greatest(stay.entered_at, %s),"
            " why = stay.why || %s::jsonb FROM (SELECT id FROM segments_membership"
            " WHERE segment_id = %s AND left_at IS NULL ORDER BY person_id LIMIT %s FOR UPDATE) AS portion"
            " WHERE stay.id = portion.id",
            [now, json.dumps({"left": {"node": "archived", "held": False}}), segment_id, portion],
        )
        left: int = cursor.rowcount
        cursor.execute(
            "UPDATE segments_segment SET member_count = member_count - %s WHERE id = %s", [left, segment_id]
        )
    return left
