"""Who is to be asked whether they enter, found for everybody: dates, timetables, those who are present.

All of it comes down to rows of `EntryDue`, from which the sweep asks people one by one. What a publication
calls for is found in portions, each a transaction of its own that goes on where the last one stopped; what
a message changes of one person's date, the drain writes itself.
"""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import connection, transaction
from django_q.tasks import async_task
from psycopg.sql import SQL, Composed, Literal

from journeys.domain.clock import next_date_moment, next_in_timetable
from journeys.domain.definition import Definition, parse_journey
from journeys.domain.nodes import DateEntry, Entry, Present, ScheduleEntry, SegmentEntry
from journeys.domain.settings import Company, zone_of
from journeys.live.entrants import write_dates
from journeys.models import EntryDue, Journey
from profiles import store
from profiles.arrays import bare
from segments.domain.values import value_at
from segments.queries import people_query, scanning, scope_of
from segments.revision import share_rules

CALL_IN_TASK: Final = "cdp_site.tasks.call_in"
PLAN: Final = ("next_at", "plan_cursor", "is_planning_present")  # the columns of a journey that say so
PORTION: Final = 2_000  # people looked at in one transaction


def begin_planning(journey: Journey, entry: Entry, *, before: Entry | None, company: Company) -> None:
    """Note what a publication, or going on after a pause, calls for; the caller saves the journey.

    Args:
        before: the entry that was in force until now; only another one calls for those who are present.
    """
    at = journey.updated_at
    calls_present = entry.present is not Present.NEW and entry != before
    is_dated = isinstance(entry.on, DateEntry)
    EntryDue.objects.filter(journey=journey, cause=EntryDue.Cause.DATE).delete()
    journey.next_at = None
    if isinstance(entry.on, ScheduleEntry):
        journey.next_at = _next_time(journey, entry.on, after=at, company=company)
    journey.is_planning_present = journey.is_planning_present or calls_present
    journey.plan_cursor = 0 if is_dated or journey.is_planning_present else None


def end_planning(journey: Journey) -> None:
    """Ask nobody any more; the caller saves the journey."""
    EntryDue.objects.filter(journey=journey).delete()
    journey.next_at = journey.plan_cursor = None
    journey.is_planning_present = False


def _next_time(journey: Journey, on: ScheduleEntry, *, after: datetime, company: Company) -> datetime | None:
    """A timetable hangs where the journey's clock does; nobody's own zone can say when all are asked."""
    zone = zone_of(_definition(journey).settings, person=company.zone, company=company)
    return next_in_timetable(on.cron, after, zone=zone)


def _definition(journey: Journey) -> Definition:
    assert journey.live_version is not None
    return parse_journey(journey.live_version.document)


def wake_planner() -> None:
    """Have the background find whom to ask. A lost call is made up for there."""
    async_task(CALL_IN_TASK)


def plan_waiting(*, company: Company, now: datetime, ends_at: float | None = None) -> dict[str, int]:
    """Go on with what publications call for; counts the people who will be asked.

    Args:
        ends_at: reading of the monotonic clock at which to stop; another call goes on from there.
    """
    planned = 0
    live = Journey.objects.live().exclude(plan_cursor=None)
    for journey_id in list(live.order_by("pk").values_list("pk", flat=True)):
        while (found := _plan_portion(journey_id, company=company, now=now)) is not None:
            planned += found
            if ends_at is not None and time.monotonic() > ends_at:
                return {"planned": planned}
    return {"planned": planned}


@transaction.atomic
def _plan_portion(journey_id: int, *, company: Company, now: datetime) -> int | None:
    """Look at the next people; None once there are none."""
    share_rules()
    journey = Journey.objects.select_related("live_version").get(pk=journey_id)
    if journey.state != Journey.State.LIVE or journey.plan_cursor is None:
        return None
    definition = _definition(journey)
    people = _candidates(definition.entry, journey, now=now)
    if not people:
        Journey.objects.filter(pk=journey_id).update(plan_cursor=None, is_planning_present=False)
        return None
    if isinstance(definition.entry.on, DateEntry):
        _write_dates(journey, definition, definition.entry.on, people, company=company, now=now)
    else:
        _call_in(journey, people, now=now)
    Journey.objects.filter(pk=journey_id).update(plan_cursor=people[-1])
    return len(people)


def _candidates(entry: Entry, journey: Journey, *, now: datetime) -> Sequence[int]:
    after = Literal(journey.plan_cursor)
    query: Composed
    match entry.on:
        case DateEntry(path=path):
            query = SQL(
                "SELECT id FROM profiles_person WHERE merged_into_id IS NULL AND traits ? {key}"
            ).format(key=Literal(path[0]))
        case SegmentEntry(segment=slug):
            query = SQL(
                "SELECT m.person_id AS id FROM segments_membership AS m"
                " JOIN segments_segment AS s ON s.id = m.segment_id"
                " WHERE s.slug = {slug} AND m.left_at IS NULL"
            ).format(slug=Literal(slug))
        case _:
            if entry.condition is None:
                return ()
            query = people_query(entry.condition, scope_of(now=now))
    portion = SQL("SELECT id FROM ({query}) AS found WHERE id > {after} ORDER BY id LIMIT {most}")
    with scanning() as cursor:
        cursor.execute(portion.format(query=query, after=after, most=Literal(PORTION)))
        return [row[0] for row in cursor.fetchall()]


def _write_dates(
    journey: Journey,
    definition: Definition,
    on: DateEntry,
    people: Sequence[int],
    *,
    company: Company,
    now: datetime,
) -> None:
    """Lock the people first, so that a date the drain moves meanwhile is not overruled."""
    states = store.load_people(people, skip_locked=False)
    store.load_values(states, list(states))
    rows = []
    for person, state in sorted(states.items()):
        zone = zone_of(definition.settings, person=state.time_zone or company.zone, company=company)
        at = next_date_moment(on.rule, value_at(state.traits, on.path), after=now, zone=zone)
        if at is not None:
            rows.append((person, journey.pk, at))
    write_dates(rows)


def _call_in(journey: Journey, people: Sequence[int], *, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO journeys_entry_due (journey_id, person_id, due_at, cause, properties)"
            " SELECT %s, person, %s, 'present', '{}' FROM unnest(%s::bigint[]) AS person",
            [journey.pk, now, bare(people)],
        )


_MEMBERS: Final = """
INSERT INTO journeys_entry_due (journey_id, person_id, due_at, cause, properties)
SELECT %(journey)s, m.person_id, %(at)s, 'schedule', '{}'
  FROM segments_membership AS m JOIN segments_segment AS s ON s.id = m.segment_id
 WHERE s.slug = %(slug)s AND m.entered_at <= %(at)s AND (m.left_at IS NULL OR m.left_at > %(at)s)
"""


def call_by_timetables(*, company: Company, until: datetime) -> int:
    """Call in the members of segments whose time has come; give how many.

    Of times that were missed, as while nothing ran, the last one alone counts.
    """
    due = Journey.objects.live().filter(next_at__lte=until).order_by("pk").values_list("pk", flat=True)
    return sum(_call_members(journey_id, company=company, until=until) for journey_id in list(due))


@transaction.atomic
def _call_members(journey_id: int, *, company: Company, until: datetime) -> int:
    rows = Journey.objects.select_related("live_version").select_for_update(of=("self",))
    journey = rows.get(pk=journey_id)
    at = journey.next_at
    if journey.state != Journey.State.LIVE or at is None or at > until:
        return 0  # another sweep was faster
    on = _definition(journey).entry.on
    following: datetime | None = None
    if isinstance(on, ScheduleEntry):
        while (following := _next_time(journey, on, after=at, company=company)) and following <= until:
            at = following
    Journey.objects.filter(pk=journey_id).update(next_at=following)
    if not isinstance(on, ScheduleEntry):
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_MEMBERS, {"journey": journey_id, "at": at, "slug": on.segment})
        return int(cursor.rowcount)
