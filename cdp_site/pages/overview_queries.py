"""The numbers of the first page. Each is read through an index or from statistics; none grows with history
except the two counts of people, which is why the page keeps its numbers for some seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count, Q
from django.db.models.functions import TruncHour
from django.utils import timezone

from cdp_site.pages.operations_queries import Way, ways
from connectors.models import Delivery
from journeys.domain.decision import Outcome
from journeys.models import Decision, Journey, Run
from profiles.models import Event, EventName
from segments.models import Membership, Segment

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
HOURS_SHOWN = 24
JOURNEYS_SHOWN = 8
SEGMENTS_SHOWN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number and what it was a period earlier."""

    value: int
    before: int

    @property
    def change(self) -> int:
        return self.value - self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """How many there are, how many came lately, and how many may get email."""

    count: int
    new: Figure  # first seen in the last seven days, and in the seven before
    reachable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """One bar of the chart."""

    at: datetime
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What came in today and in the last hours."""

    today: Figure  # until now, and until the same time yesterday
    hours: Sequence[Hour]

    @property
    def peak(self) -> int:
        return max((hour.count for hour in self.hours), default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyLine:
    """A journey that people are in or may enter, with its last seven days."""

    name: str
    slug: str
    state: str
    inside: int
    entered: int
    converted: int
    parked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentLine:
    """A live segment and who came today."""

    name: str
    slug: str
    member_count: int
    entered: int
    is_building: bool


_PEOPLE = """
SELECT count(*), count(*) FILTER (WHERE first_seen_at >= %(week)s),
       count(*) FILTER (WHERE first_seen_at >= %(fortnight)s AND first_seen_at < %(week)s)
  FROM profiles_person WHERE merged_into_id IS NULL
"""
_REACHABLE = """
SELECT count(*) FROM profiles_person AS p
 WHERE merged_into_id IS NULL AND consent @> '{"email_marketing": true}'
   AND EXISTS (SELECT FROM profiles_identity AS i WHERE i.person_id = p.id AND i.kind = 'email')
"""


def people_numbers(*, now: datetime) -> People:
    """Count people; two passes over the table of persons."""
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE, {"week": now - WEEK, "fortnight": now - 2 * WEEK})
        count, new, before = cursor.fetchone() or (0, 0, 0)
        cursor.execute(_REACHABLE)
        (reachable,) = cursor.fetchone() or (0,)
    return People(count=count, new=Figure(value=new, before=before), reachable=reachable)


def traffic(*, now: datetime) -> Traffic:
    """Count the events of today, of yesterday until now, and of each of the last hours.

    Naming all events lets the index on (name, time) answer: no event itself is read.
    """
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    first = timezone.localtime(now).replace(minute=0, second=0, microsecond=0) - timedelta(
        hours=HOURS_SHOWN - 1
    )
    names = list(EventName.objects.values_list("id", flat=True))
    counted = (
        Event.objects.filter(name__in=names, ts__gte=min(midnight - DAY, first), ts__lt=now)
        .annotate(hour=TruncHour("ts"))
        .values("hour")
        .annotate(
            count=Count("*"),
            today=Count("name", filter=Q(ts__gte=midnight)),
            yesterday=Count("name", filter=Q(ts__gte=midnight - DAY, ts__lt=now - DAY)),
        )
        .order_by("hour")
    )
    rows = list(counted)
    by_hour: Mapping[datetime, int] = {row["hour"]: row["count"] for row in rows}
    starts = [first + timedelta(hours=place) for place in range(HOURS_SHOWN)]
    return Traffic(
        today=Figure(value=sum(row["today"] for row in rows), before=sum(row["yesterday"] for row in rows)),
        hours=[Hour(at=at, count=by_hour.get(at, 0)) for at in starts],
    )


def messages_sent(*, now: datetime) -> Figure:
    """Count what left in the last seven days, and in the seven before."""
    sent = Delivery.objects.filter(state=Delivery.State.SENT, sent_at__gte=now - 2 * WEEK)
    found = sent.aggregate(
        value=Count("pk", filter=Q(sent_at__gte=now - WEEK)),
        before=Count("pk", filter=Q(sent_at__lt=now - WEEK)),
    )
    return Figure(value=found["value"], before=found["before"])


def journeys_now(*, now: datetime) -> list[JourneyLine]:
    """The journeys that are live or paused, the fullest first."""
    running = list(Journey.objects.filter(state__in=[Journey.State.LIVE, Journey.State.PAUSED]))
    ids = [journey.pk for journey in running]
    open_runs = Run.objects.open().filter(journey__in=ids).values_list("journey").annotate(Count("pk"))
    inside = dict(open_runs.order_by())
    counts = _decided(ids, since=now - WEEK)
    lines = [
        JourneyLine(
            name=journey.name,
            slug=journey.slug,
            state=journey.state,
            inside=inside.get(journey.pk, 0),
            entered=counts.get((journey.pk, Outcome.ENTERED.value), 0),
            converted=counts.get((journey.pk, Outcome.CONVERTED.value), 0),
            parked=counts.get((journey.pk, Outcome.PARKED.value), 0),
        )
        for journey in running
    ]
    return sorted(lines, key=lambda line: (-line.inside, line.name))[:JOURNEYS_SHOWN]


def _decided(journeys: Sequence[int], *, since: datetime) -> dict[tuple[int, str], int]:
    told = [Outcome.ENTERED.value, Outcome.CONVERTED.value, Outcome.PARKED.value]
    rows = (
        Decision.objects.filter(journey_id__in=journeys, outcome__in=told, at__gte=since)
        .values_list("journey_id", "outcome")
        .annotate(count=Count("*"))
        .order_by()
    )
    return {(journey, outcome): count for journey, outcome, count in rows}


def troubles() -> list[Way]:
    """The destinations that need somebody, most failures first."""
    return [way for way in ways() if way.dead or way.failure_count or way.is_off]


def segments_now(*, now: datetime) -> list[SegmentLine]:
    """The live segments, those that gained most people in the last day first."""
    entered = (
        Membership.objects.present()
        .filter(entered_at__gte=now - DAY, segment__state=Segment.State.LIVE)
        .values_list("segment")
        .annotate(Count("pk"))
        .order_by()
    )
    gained = dict(entered)
    lines = [
        SegmentLine(
            name=segment.name,
            slug=segment.slug,
            member_count=segment.member_count,
            entered=gained.get(segment.pk, 0),
            is_building=segment.built_at is None,
        )
        for segment in Segment.objects.live()
    ]
    return sorted(lines, key=lambda line: (-line.entered, -line.member_count, line.name))[:SEGMENTS_SHOWN]
