"""What a journey has achieved in a period: per step, per version, per way of a split, and day by day.

Eight queries, however many steps there are. People who entered are told by their runs, what happened to them
by the ledger, what became of messages by the deliveries, and opening and following links by the events that
tell of them, where a human did so.

A rate counts runs that were watched for the whole window only. A goal is watched as long as the run is
inside, so groups can be compared over a window no longer than both stay; `watched` tells how long they did.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import zip_longest
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import connection

from connectors.models import Delivery
from journeys.domain.decision import PASSED, Outcome
from journeys.domain.definition import Definition, parse_journey
from journeys.domain.lift import Interval, Share, Verdict, bounds_of, difference, verdict
from journeys.domain.nodes import Split
from journeys.domain.steps.ways import HOLD_OUT
from journeys.live import company_rules
from journeys.models import Decision, Journey, JourneyVersion, Run
from profiles.models import Event, EventName, PersonOverride

USUAL_DAYS: Final = 30
USUAL_WINDOW: Final = 7  # days
OPENED: Final = "Email Opened"
CLICKED: Final = "Email Link Clicked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """What is looked at."""

    since: datetime
    until: datetime
    window: timedelta  # to reach the goal in, from entering or from a split
    zone: str = "UTC"  # of the days

    @property
    def days(self) -> list[date]:
        zone = ZoneInfo(self.zone)
        first, last = self.since.astimezone(zone).date(), self.until.astimezone(zone).date()
        return [first + timedelta(days=number) for number in range((last - first).days + 1)]


@dataclass(slots=True, kw_only=True)
class StepResult:
    """One step, over all versions."""

    waiting: int = 0  # now
    passed: int = 0
    left: int = 0  # their runs ended here: by a step, the goal, the exit rule, or at its end
    held: int = 0
    not_sent: int = 0
    failed: int = 0  # deliveries given up, and runs that stopped on an error
    sent: int = 0
    opened: int = 0  # runs whose mail a human opened
    clicked: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupResult:
    """People who went one way, or who are in one version."""

    name: str
    people: int  # runs
    goal: Share  # of those who were watched for the whole window
    rate: Interval
    revenue: Decimal
    watched: timedelta | None  # on average, at most the window, of those who did not reach it; None: all did
    lift: Interval | None = None  # against the first group; None for that group itself
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitResult:
    """The ways of a split, the held-out first, or else the first variant."""

    step: str
    groups: Sequence[GroupResult]

    @property
    def is_even(self) -> bool:
        """Whether all groups were watched for about the same time, so that they can be compared."""
        times = [group.watched for group in self.groups if group.goal.of and group.watched is not None]
        return not times or min(times) >= 0.9 * max(times)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayResult:
    """One day of the company's calendar."""

    on: date
    entered: int = 0
    converted: int = 0
    queued: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """All of it."""

    entered: int
    inside: int  # now
    outcomes: Mapping[str, int]  # of runs that ended in the period
    goal: GroupResult
    steps: Mapping[str, StepResult]
    versions: Sequence[GroupResult]  # newest first; against the one before
    splits: Sequence[SplitResult]
    days: Sequence[DayResult]
    has_goal: bool = field(default=True)


def period_of(days: int, *, window: int, now: datetime) -> Period:
    """The last so many days, with so many to reach the goal in."""
    return Period(
        since=now - timedelta(days=days), until=now, window=timedelta(days=window), zone=company_rules().zone
    )


def results_of(journey: Journey, period: Period) -> Results:
    """Count everything."""
    definitions = _definitions(journey)
    versions = _by_version(journey, period)
    outcomes, steps = _steps(journey, period)
    inside = sum(step.waiting for step in steps.values())
    splits = {step.id for one in definitions for step in one.walk() if isinstance(step, Split)}
    return Results(
        entered=sum(group.people for group in versions),
        inside=inside,
        outcomes=outcomes,
        goal=_all_together(versions),
        steps=steps,
        versions=_one_after_another(versions),
        splits=_splits(journey, period, sorted(splits)),
        days=_days(journey, period),
        has_goal=any(one.goal for one in definitions),
    )


def _definitions(journey: Journey) -> list[Definition]:
    documents = JourneyVersion.objects.filter(journey=journey).order_by("-number")[:20]
    return [parse_journey(version.document) for version in documents]


# Steps

_LEDGER: Final = f"""
    SELECT step, outcome, count(*) FROM {Decision._meta.db_table}
     WHERE journey_id = %(journey)s AND at >= %(since)s AND at < %(until)s AND step <> ''
     GROUP BY step, outcome
"""
_RUNS: Final = f"""
    SELECT state->>'step', ended_at IS NULL, outcome, count(*) FROM {Run._meta.db_table}
     WHERE journey_id = %(journey)s
           AND (ended_at IS NULL OR (ended_at >= %(since)s AND ended_at < %(until)s))
     GROUP BY 1, 2, 3
"""
_DELIVERIES: Final = f"""
    SELECT step, state, count(*) FROM {Delivery._meta.db_table}
     WHERE journey_id = %(journey)s AND decided_at >= %(since)s AND decided_at < %(until)s
     GROUP BY step, state
"""
_ENGAGEMENT: Final = f"""
    SELECT e.properties->>'step', n.name, count(DISTINCT e.properties->>'run')
      FROM {Event._meta.db_table} AS e JOIN {EventName._meta.db_table} AS n ON n.id = e.name_id
     WHERE n.name = ANY(%(names)s) AND e.ts >= %(since)s AND e.ts < %(until)s
           AND e.properties->>'journey' = %(slug)s AND e.properties->>'by' = 'human'
     GROUP BY 1, 2
"""
_NOT_LEFT: Final = frozenset({Outcome.PARKED.value, Outcome.FINISHED.value})  # failed; came to the end


def _steps(journey: Journey, period: Period) -> tuple[dict[str, int], dict[str, StepResult]]:
    steps: dict[str, StepResult] = defaultdict(StepResult)
    values = _values(journey, period)
    for step, told, count in _rows(_LEDGER, values):
        outcome = Outcome(told)
        steps[step].passed += count if outcome in PASSED else 0
        steps[step].held += count if outcome is Outcome.HELD else 0
        steps[step].not_sent += count if outcome is Outcome.NOT_SENT else 0
    ends: dict[str, int] = defaultdict(int)
    for step, is_open, outcome, count in _rows(_RUNS, values):
        steps[step].waiting += count if is_open else 0
        if not is_open:
            ends[outcome] += count
            steps[step].left += count if outcome not in _NOT_LEFT else 0
            steps[step].failed += count if outcome == Outcome.PARKED.value else 0
    for step, state, count in _rows(_DELIVERIES, values):
        steps[step].sent += count if state == Delivery.State.SENT else 0
        steps[step].failed += count if state == Delivery.State.DEAD else 0
    names = {"names": [OPENED, CLICKED], "slug": journey.slug}
    for step, name, count in _rows(_ENGAGEMENT, values | names):
        steps[step or ""].opened += count if name == OPENED else 0
        steps[step or ""].clicked += count if name == CLICKED else 0
    steps.pop("", None)
    return dict(ends), dict(steps)


# Groups

# Whoever reached the goal, and what the message that did it was worth.
_CONVERTED: Final = f"""
    WITH converted AS (
        SELECT DISTINCT ON (d.run_id) d.run_id, d.at, e.revenue
          FROM {Decision._meta.db_table} AS d
          LEFT JOIN {Event._meta.db_table} AS e
            -- Until the squash, what people did before a merge stands under who they were.
            ON e.person_id = ANY(d.person_id || ARRAY(
                   SELECT o.old_person_id FROM {PersonOverride._meta.db_table} AS o
                    WHERE o.new_person_id = d.person_id))
               AND e.message_id = d.message_id
               AND e.ts > d.at - interval '2 days' AND e.ts < d.at + interval '2 days'
         WHERE d.journey_id = %(journey)s AND d.step = '' AND d.outcome = 'converted' AND d.at >= %(since)s
         ORDER BY d.run_id, d.at
    )
"""
_COUNTED: Final = """
           count(*),
           count(*) FILTER (WHERE began + %(window)s <= %(until)s),
           count(*) FILTER (WHERE began + %(window)s <= %(until)s AND reached <= began + %(window)s),
           coalesce(sum(revenue), 0),
           avg(least(coalesce(ended_at, %(until)s), began + %(window)s) - began)
               FILTER (WHERE began + %(window)s <= %(until)s
                             AND (reached IS NULL OR reached > began + %(window)s))
"""
_VERSIONS: Final = f"""
    {_CONVERTED}, entered AS (
        SELECT r.version_id, r.entered_at AS began, r.ended_at, c.at AS reached, c.revenue
          FROM {Run._meta.db_table} AS r LEFT JOIN converted AS c ON c.run_id = r.id
         WHERE r.journey_id = %(journey)s AND r.entered_at >= %(since)s AND r.entered_at < %(until)s
    )
    SELECT v.number, {_COUNTED}
      FROM entered JOIN {JourneyVersion._meta.db_table} AS v ON v.id = version_id
     GROUP BY v.number ORDER BY v.number DESC
"""
_WAYS: Final = f"""
    {_CONVERTED}, drawn AS (
        SELECT DISTINCT ON (run_id, step) run_id, step, reason, at FROM {Decision._meta.db_table}
         WHERE journey_id = %(journey)s AND step = ANY(%(splits)s) AND outcome = 'split'
               AND at >= %(since)s AND at < %(until)s
         ORDER BY run_id, step, at
    ), went AS (
        SELECT w.step, w.reason, w.at AS began, r.ended_at, c.at AS reached, c.revenue
          FROM drawn AS w JOIN {Run._meta.db_table} AS r ON r.id = w.run_id
          LEFT JOIN converted AS c ON c.run_id = w.run_id
    )
    SELECT step, reason, {_COUNTED} FROM went GROUP BY step, reason ORDER BY step, reason
"""


def _by_version(journey: Journey, period: Period) -> list[GroupResult]:
    rows = _rows(_VERSIONS, _values(journey, period))
    return [_group(f"v{number}", *counts) for number, *counts in rows]


def _splits(journey: Journey, period: Period, splits: list[str]) -> list[SplitResult]:
    if not splits:
        return []
    found: dict[str, list[GroupResult]] = {}
    for step, way, *counts in _rows(_WAYS, _values(journey, period) | {"splits": splits}):
        found.setdefault(step, []).append(_group(way, *counts))
    return [SplitResult(step=step, groups=_against_first(groups)) for step, groups in found.items()]


def _group(
    name: str, people: int, watched: int, reached: int, revenue: Decimal, time: timedelta | None
) -> GroupResult:
    goal = Share(reached=reached, of=watched)
    return GroupResult(
        name=name, people=people, goal=goal, rate=bounds_of(goal), revenue=revenue, watched=time
    )


def _all_together(groups: Sequence[GroupResult]) -> GroupResult:
    counts = (sum(each.goal.of for each in groups), sum(each.goal.reached for each in groups))
    revenue = sum((each.revenue for each in groups), Decimal(0))
    return _group("", sum(each.people for each in groups), *counts, revenue, None)


def _one_after_another(groups: Sequence[GroupResult]) -> list[GroupResult]:
    """Each version against the one before it that anybody entered by."""
    pairs = zip_longest(groups, groups[1:])
    return [group if before is None else _compared(group, before) for group, before in pairs]


def _against_first(groups: Sequence[GroupResult]) -> list[GroupResult]:
    first, *others = sorted(groups, key=lambda group: group.name != HOLD_OUT)
    return [first, *(_compared(group, first) for group in others)]


def _compared(group: GroupResult, first: GroupResult) -> GroupResult:
    return GroupResult(
        name=group.name,
        people=group.people,
        goal=group.goal,
        rate=group.rate,
        revenue=group.revenue,
        watched=group.watched,
        lift=difference(group.goal, against=first.goal),
        verdict=verdict(group.goal, against=first.goal),
    )


# Days

_DAYS: Final = f"""
    SELECT (at AT TIME ZONE %(zone)s)::date, outcome, count(*) FROM {Decision._meta.db_table}
     WHERE journey_id = %(journey)s AND at >= %(since)s AND at < %(until)s
           AND outcome IN ('entered', 'converted', 'queued')
     GROUP BY 1, 2
"""


def _days(journey: Journey, period: Period) -> list[DayResult]:
    counts: dict[date, dict[str, int]] = defaultdict(dict)
    for on, outcome, count in _rows(_DAYS, _values(journey, period)):
        counts[on][outcome] = count
    return [DayResult(on=on, **counts.get(on, {})) for on in period.days]


def _values(journey: Journey, period: Period) -> dict[str, Any]:
    return {
        "journey": journey.pk,
        "since": period.since,
        "until": period.until,
        "window": period.window,
        "zone": period.zone,
    }


def _rows(query: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return list(cursor.fetchall())
