"""Reads over whole journeys: how many people are where, and what became of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Case, CharField, Count, F, OuterRef, Q, Subquery, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce

from cdp_site.models import AuditEntry
from connectors.models import Delivery
from journeys.domain.decision import PASSED, Outcome
from journeys.models import Decision, Journey, Run

_DIVIDING = frozenset({Outcome.BRANCHED, Outcome.SPLIT})


@dataclass(frozen=True, slots=True, kw_only=True)
class StepNumbers:
    """What happened at one step in a period, and who waits there now."""

    waiting: int = 0
    passed: int = 0
    not_sent: int = 0  # decided against: no consent, no address, …
    failed: int = 0  # deliveries that were given up
    ways: Mapping[str, int] = field(default_factory=dict)  # of a branch or split: case or variant -> people


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyNumbers:
    """A journey in numbers."""

    inside: int  # now
    entered: int
    converted: int
    exited: int
    finished: int
    parked: int  # now: runs that stopped on an error
    steps: Mapping[str, StepNumbers]

    def of(self, step_id: str) -> StepNumbers:
        return self.steps.get(step_id, StepNumbers())


NO_NUMBERS = JourneyNumbers(inside=0, entered=0, converted=0, exited=0, finished=0, parked=0, steps={})


def numbers_of(journey: Journey, *, since: datetime) -> JourneyNumbers:
    """Count what was decided from `since` on, over all versions, and who is inside now: four queries."""
    decided = _decided(journey, since=since)
    waiting = waiting_at(journey)
    failed = _failed(journey, since=since)
    ends = {outcome: decided.get(("", outcome.value, ""), 0) for outcome in Outcome}
    by_step = {step for step, _outcome, _way in decided} | waiting.keys() | failed.keys()
    exits = sum(count for (_step, outcome, _way), count in decided.items() if outcome == Outcome.EXITED.value)
    return JourneyNumbers(
        inside=sum(waiting.values()),
        entered=ends[Outcome.ENTERED],
        converted=ends[Outcome.CONVERTED],
        exited=exits,
        finished=ends[Outcome.FINISHED],
        parked=Run.objects.filter(journey=journey, outcome=Outcome.PARKED.value).count(),
        steps={
            step: _step_numbers(step, decided=decided, waiting=waiting, failed=failed)
            for step in by_step - {""}
        },
    )


def _step_numbers(
    step: str,
    *,
    decided: Mapping[tuple[str, str, str], int],
    waiting: Mapping[str, int],
    failed: Mapping[str, int],
) -> StepNumbers:
    here = [
        (Outcome(outcome), way, count) for (where, outcome, way), count in decided.items() if where == step
    ]
    return StepNumbers(
        waiting=waiting.get(step, 0),
        passed=sum(count for outcome, _way, count in here if outcome in PASSED),
        not_sent=sum(count for outcome, _way, count in here if outcome is Outcome.NOT_SENT),
        failed=failed.get(step, 0),
        ways={way: count for outcome, way, count in here if outcome in _DIVIDING},
    )


def _decided(journey: Journey, *, since: datetime) -> dict[tuple[str, str, str], int]:
    """Decisions by step, outcome and, where a step divides people, the way taken (index decision_journey)."""
    way = Case(
        When(outcome__in=[outcome.value for outcome in _DIVIDING], then=F("reason")),
        default=Value(""),
        output_field=CharField(),
    )
    rows = (
        Decision.objects.filter(journey_id=journey.pk, at__gte=since)
        .exclude(outcome=Outcome.NOT_ENTERED.value)
        .values_list("step", "outcome", way)
        .annotate(count=Count("*"))
    )
    return {(step, outcome, taken): count for step, outcome, taken, count in rows}


def waiting_at(journey: Journey) -> dict[str, int]:
    """Open runs by the step they are at (index run_open)."""
    rows = (
        Run.objects.open().filter(journey=journey).values_list(KT("state__step")).annotate(count=Count("*"))
    )
    return dict(rows)


def _failed(journey: Journey, *, since: datetime) -> dict[str, int]:
    rows = (
        Delivery.objects.filter(journey_id=journey.pk, state=Delivery.State.DEAD, decided_at__gte=since)
        .values_list("step")
        .annotate(count=Count("*"))
    )
    return dict(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyLine:
    """A journey as lists show it."""

    slug: str
    name: str
    state: str
    live_number: int | None  # of the version people enter
    published_at: datetime | None
    updated_at: datetime
    is_changed: bool  # the draft differs from what is live
    inside: int  # people, now


def journey_lines() -> list[JourneyLine]:
    """All journeys by name: one query."""
    inside = (
        Run.objects.open()
        .filter(journey=OuterRef("pk"))
        .order_by()
        .values("journey")
        .annotate(count=Count("*"))
        .values("count")
    )
    is_same = Q(live_version=None) | Q(draft=F("live_version__document"))
    rows = Journey.objects.order_by("name", "pk").values(
        "slug",
        "name",
        "state",
        "updated_at",
        published_at=F("live_version__published_at"),
        live_number=F("live_version__number"),
        is_changed=Case(When(is_same, then=Value(False)), default=Value(True)),
        inside=Coalesce(Subquery(inside), 0),
    )
    return [JourneyLine(**row) for row in rows]


def inside_of(people: Sequence[int]) -> dict[int, int]:
    """Journey id -> how many of these people are inside."""
    rows = Run.objects.open().extra(where=["journeys_run.person_id = ANY(%s)"], params=[list(people)])
    counted = rows.values("journey").annotate(count=Count("person", distinct=True))
    return {row["journey"]: row["count"] for row in counted.order_by()}


def last_edit_of(slug: str) -> AuditEntry | None:
    """Who saved a journey's draft last, and when (index audit_object)."""
    return (
        AuditEntry.objects.filter(object_kind="journey", object_id=slug, verb="journey.edit")
        .order_by("-at", "-id")
        .first()
    )
