"""What the apps know of one person, gathered for the profile page and the person API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from cdp_site.pages.steps import step_names
from connectors.models import Source
from journeys.models import Decision, Journey, JourneyVersion, Run
from profiles.domain.naming import Naming, naming_of
from profiles.models import Identity, Person, PersonMerge, PersonTotal
from profiles.queries import identities_of, merges_of
from segments.models import Membership

RUNS_SHOWN = 20
MERGES_SHOWN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """Somebody's place in a journey."""

    journey: str
    slug: str
    version: int
    entered_at: datetime
    step_id: str
    step: str
    due_at: datetime | None
    ended_at: datetime | None
    outcome: str
    reason: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityLine:
    """One identity and where it was first named."""

    kind: str
    value: str
    source: str  # "" when the source is gone
    is_verified: bool
    first_seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Everything about a person but the timeline."""

    person: Person
    naming: Naming
    identities: Sequence[IdentityLine]
    segments: Sequence[Membership]
    runs: Sequence[RunLine]
    merges: Sequence[PersonMerge]
    totals: Sequence[PersonTotal]

    @property
    def revenue(self) -> Decimal | None:
        """All revenue of this person; None when no event carried any."""
        known = [total.revenue for total in self.totals if total.revenue is not None]
        return sum(known, Decimal()) if known else None

    @property
    def event_count(self) -> int:
        return sum(total.count for total in self.totals)


def profile_of(person: Person) -> Profile:
    """Gather a person's profile, in a fixed number of queries."""
    identities = list(identities_of(person))
    return Profile(
        person=person,
        naming=naming_of(traits=person.traits, identities=[(row.kind, row.value) for row in identities]),
        identities=_with_sources(identities),
        segments=list(
            Membership.objects.present()
            .filter(person=person)
            .select_related("segment")
            .order_by("segment__name")
        ),
        runs=runs_of(person),
        merges=list(merges_of(person)[:MERGES_SHOWN]),
        totals=list(
            PersonTotal.objects.filter(person_id=person.pk)
            .select_related("name")
            .order_by("-count", "name__name")
        ),
    )


def runs_of(person: Person) -> list[RunLine]:
    """A person's runs: open ones first, then the latest."""
    rows = (
        Run.objects.filter(person=person)
        .select_related("journey", "version")
        .order_by("-ended_at", "-entered_at")[:RUNS_SHOWN]  # descending: rows without an end come first
    )
    return [_run_line(row) for row in rows]


def _run_line(run: Run) -> RunLine:
    step = str(run.state.get("step", "")) if run.ended_at is None else ""
    return RunLine(
        journey=run.journey.name,
        slug=run.journey.slug,
        version=run.version.number,
        entered_at=run.entered_at,
        step_id=step,
        step=step_names(run.version.document).get(step, step),
        due_at=run.due_at,
        ended_at=run.ended_at,
        outcome=run.outcome,
        reason=run.reason,
        error=run.error,
    )


def _with_sources(identities: Sequence[Identity]) -> list[IdentityLine]:
    wanted = {row.source_id for row in identities if row.source_id is not None}
    names = dict(Source.objects.filter(pk__in=wanted).values_list("pk", "name"))
    return [
        IdentityLine(
            kind=row.kind,
            value=row.value,
            source=names.get(row.source_id or 0, ""),
            is_verified=row.is_verified,
            first_seen_at=row.first_seen_at,
        )
        for row in identities
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What one journey decided about one person, oldest first."""

    journey: Journey
    decisions: Sequence[Decision]
    steps: Mapping[str, str]  # names by id, over all versions met

    @property
    def has_entered(self) -> bool:
        return any(decision.outcome == "entered" for decision in self.decisions)


MOST_DECISIONS = 500


def story_of(person: Person, *, journey: Journey, until: datetime | None = None) -> Story:
    """Read the ledger of one journey about one person: the latest decisions, up to a moment."""
    rows = Decision.objects.filter(person_id=person.pk, journey_id=journey.pk).order_by("-at", "-id")
    if until is not None:
        rows = rows.filter(at__lte=until)
    decisions = list(rows[:MOST_DECISIONS])[::-1]
    versions = {decision.version_id for decision in decisions if decision.version_id is not None}
    steps: dict[str, Any] = {}
    for document in (
        JourneyVersion.objects.filter(pk__in=versions).order_by("number").values_list("document", flat=True)
    ):
        steps |= step_names(document)
    return Story(journey=journey, decisions=decisions, steps=steps)
