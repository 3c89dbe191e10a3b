"""Building: everybody is asked, and members come to be those for whom the condition holds.

A build follows a publication. It finds by one query who should enter and who should leave, and by another
whose answer the clock can change; then it goes through them in portions. Each locks its people, asks again
about them alone, writes their stays and when to ask next, so that it never overrules what the drain decided
meanwhile. A build that is cut off goes on where it stopped; a publication during a build ends it, for another
one follows.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from psycopg.sql import SQL, Literal
from psycopg.types.json import Jsonb

from profiles import store
from profiles.domain.history import PersonState
from segments.compiler.turning import turning_query
from segments.live import LiveSegment, Manual, fault_of, live_segments, load_stays, note_faults, segment_due
from segments.live.dues import delete_dues, write_dues
from segments.models import Segment, SegmentDue, SegmentVersion
from segments.queries import belonging_query, scanning, scope_of
from segments.revision import share_rules

PORTION: Final = 2_000  # people asked and written in one transaction

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a build came to."""

    entered: int
    left: int
    is_done: bool  # False: time is up, or another publication came between


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One segment that is being built."""

    segment: LiveSegment
    version: int
    # Whether rules outside of segments ask about membership: whoever moves is handed to the sweep then.
    is_watched: bool = False
    started_at: datetime | None = None  # of the build; None: this is none


@dataclass(frozen=True, slots=True, kw_only=True)
class ToAsk:
    """The people a build must look at, in order."""

    people: Sequence[int]
    turning: frozenset[int]  # of these: whose answer the clock can change


def build_segment(
    segment_id: int,
    *,
    clock: Clock = timezone.now,
    portion: int = PORTION,
    is_watched: bool = False,
    ends_at: float | None = None,
) -> Built:
    """Bring the members of a live segment in line with the version in force.

    Args:
        ends_at: reading of the monotonic clock at which to stop; another call goes on from there.
    """
    now = clock()
    work = _work_on(segment_id, is_watched=is_watched, now=now)
    if work is None:
        return Built(entered=0, left=0, is_done=False)
    to_ask = _people_to_ask(work, now=now)
    _in_force(work).update(build_total=F("build_done") + len(to_ask.people))  # what was done before counts
    entered = left = 0
    for people in portions(to_ask.people, size=portion):
        result = settle_portion(work, people, turning=to_ask.turning, clock=clock)
        if result is None:
            return Built(entered=entered, left=left, is_done=False)
        entered, left = entered + result[0], left + result[1]
        if ends_at is not None and time.monotonic() > ends_at:
            return Built(entered=entered, left=left, is_done=False)
    return Built(entered=entered, left=left, is_done=_finish(work, now=clock()))


def waiting_segments() -> list[int]:
    """Live segments that wait to be built, each after those it depends on."""
    waiting = set(Segment.objects.live().filter(built_at=None).values_list("id", flat=True))
    return [live.id for live in live_segments() if live.id in waiting]


def _work_on(segment_id: int, *, is_watched: bool, now: datetime) -> Work | None:
    """Begin a build, or go on with the one that was begun."""
    rows = Segment.objects.live().filter(pk=segment_id)
    rows.filter(build_started_at=None).update(build_started_at=now, build_done=0, error="")
    started_at = rows.values_list("build_started_at", flat=True).first()
    version = SegmentVersion.objects.filter(
        segment_id=segment_id, segment__state=Segment.State.LIVE, number=F("segment__version")
    ).first()
    live = next((one for one in live_segments() if one.id == segment_id), None)
    if version is None or live is None:
        return None
    return Work(segment=live, version=version.number, is_watched=is_watched, started_at=started_at)


_DIFFERING: Final = SQL(
    "SELECT coalesce(found.id, stay.person_id), stay.person_id IS NULL FROM ({query}) AS found"
    " FULL JOIN (SELECT person_id FROM segments_membership WHERE segment_id = {segment} AND left_at IS NULL)"
    " AS stay ON stay.person_id = found.id WHERE found.id IS NULL OR stay.person_id IS NULL ORDER BY 1"
)


def differing(segment: LiveSegment, *, now: datetime, people: Sequence[int] | None = None) -> dict[int, bool]:
    """People whose membership is not as it should be: whether they are missing, or else are one too many."""
    query = belonging_query(segment.id, segment.condition, scope_of(now=now, people=people))
    statement = _DIFFERING.format(query=query, segment=Literal(segment.id))
    with scanning() as cursor:
        cursor.execute(statement)
        found = dict(cursor.fetchall())
    return found if people is None else {id_: found[id_] for id_ in people if id_ in found}


def _people_to_ask(work: Work, *, now: datetime) -> ToAsk:
    turning: set[int] = set()
    if (query := turning_query(work.segment.condition, scope_of(now=now))) is not None:
        done = Segment.objects.values_list("build_cursor", flat=True).get(pk=work.segment.id)
        with scanning() as cursor:
            cursor.execute(
                SQL("SELECT id FROM ({}) AS turning (id) WHERE id > {}").format(query, Literal(done or 0))
            )
            turning = {row[0] for row in cursor.fetchall()}
    people = turning.union(differing(work.segment, now=now))
    return ToAsk(people=sorted(people), turning=frozenset(turning))


def portions(people: Sequence[int], *, size: int = PORTION) -> Iterator[Sequence[int]]:
    """People by the portion, in order."""
    for start in range(0, len(people), size):
        yield people[start : start + size]


@transaction.atomic
def settle_portion(
    work: Work, people: Sequence[int], *, turning: frozenset[int], clock: Clock
) -> tuple[int, int] | None:
    """Ask some people again while they are locked, and write. None: this is no longer to be done."""
    share_rules()
    if not _in_force(work).exists():
        return None
    states = store.load_people(people, skip_locked=False)
    now = clock()
    reason = {"node": "built", "version": work.version}
    entered, left = move_people(work.segment, list(states), now=now, reason=reason)
    if work.is_watched:
        write_dues([(person, work.segment.id, now) for person in sorted({*entered, *left})])
    unwatched = turning.difference(entered, left) if work.is_watched else turning
    _renew_dues(work.segment, {id_: one for id_, one in states.items() if id_ in unwatched}, now=now)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE segments_segment SET member_count = member_count + %s, build_done = build_done + %s,"
            " build_cursor = greatest(build_cursor, %s) WHERE id = %s",
            [len(entered) - len(left), len(people), people[-1], work.segment.id],
        )
    return len(entered), len(left)


def move_people(
    segment: LiveSegment, people: Sequence[int], *, now: datetime, reason: dict[str, Any]
) -> tuple[list[int], list[int]]:
    """Let locked people in and out by one query each; give who entered and who left."""
    places: dict[str, Any] = {
        "segment": Literal(segment.id),
        "people": Literal(list(people)),
        "now": Literal(now),
        "query": belonging_query(segment.id, segment.condition, scope_of(now=now, people=list(people))),
    }
    with connection.cursor() as cursor:
        cursor.execute(_ENTER.format(**places, why=Literal(Jsonb({"entered": reason | {"held": True}}))))
        entered = [row[0] for row in cursor.fetchall()]
        cursor.execute(_LEAVE.format(**places, why=Literal(Jsonb({"left": reason | {"held": False}}))))
        return entered, [row[0] for row in cursor.fetchall()]


_ENTER: Final = SQL(
    "INSERT INTO segments_membership (segment_id, person_id, entered_at, why)"
    " SELECT {segment}, found.id, {now}, {why} FROM ({query}) AS found (id) ORDER BY found.id"
    " ON CONFLICT (person_id, segment_id) WHERE left_at IS NULL DO NOTHING RETURNING person_id"
)
_LEAVE: Final = SQL(
    "UPDATE segments_membership AS stay"
    " SET left_at = greatest(stay.entered_at, {now}), why = stay.why || {why}"
    " WHERE stay.segment_id = {segment} AND stay.left_at IS NULL AND stay.person_id = ANY({people}::bigint[])"
    " AND stay.person_id NOT IN ({query}) RETURNING person_id"
)


def _renew_dues(segment: LiveSegment, states: dict[int, PersonState], *, now: datetime) -> None:
    """Write when to ask these people next."""
    manual = _load_facts(segment, states, now=now)
    zone = scope_of(now=now).company_zone
    due: dict[int, datetime | None] = {}
    for person, state in states.items():
        try:
            is_said = segment.slug in manual.of(person, now=now)
            due[person] = None if is_said else segment_due(segment, state.facts(company_zone=zone), now=now)
        except Exception as error:  # one person's values: the others have their moments
            note_faults({segment.id: fault_of(error, slug=segment.slug)})
            due[person] = None
    write_dues([(person, segment.id, at) for person, at in sorted(due.items()) if at is not None])
    delete_dues([(person, segment.id) for person, at in sorted(due.items()) if at is None])


def _load_facts(segment: LiveSegment, states: dict[int, PersonState], *, now: datetime) -> Manual:
    needs = segment.reads
    since = None if needs.window is None else now - needs.window - timedelta(seconds=1)
    manual = Manual()
    store.load_values(states, list(states))
    store.load_histories(states, dict.fromkeys(states, needs.trait_histories))
    store.load_events(states, dict.fromkeys(states, needs.event_names), since=since)
    load_stays(states, list(states))
    manual.load(list(states), states=states)
    return manual


def _in_force(work: Work) -> QuerySet[Segment]:
    """The row of the segment, unless another version is in force now or a build was begun anew."""
    rows = Segment.objects.live().filter(pk=work.segment.id, version=work.version)
    return rows if work.started_at is None else rows.filter(build_started_at=work.started_at)


@transaction.atomic
def _finish(work: Work, *, now: datetime) -> bool:
    """Note that the members are those of this version, and have dependants built."""
    share_rules()
    if not _in_force(work).update(built_at=now, build_total=None, build_started_at=None, build_cursor=0):
        return False
    slug = work.segment.slug
    dependants = [live.id for live in live_segments() if slug in live.reads.segments]
    Segment.objects.live().filter(id__in=dependants).begin_anew()
    return True


def clear_dues(*, portion: int = PORTION) -> int:
    """Delete what waits for segments that are not live; give how many rows went."""
    idle = Segment.objects.exclude(state=Segment.State.LIVE).filter(dues__isnull=False).distinct()
    gone = 0
    for segment in idle:
        while some := list(SegmentDue.objects.filter(segment=segment).values_list("person_id")[:portion]):
            gone += SegmentDue.objects.filter(
                segment=segment, person_id__in=[row[0] for row in some]
            ).delete()[0]
    return gone


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
