"""The people behind a number on a card."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Max
from django.db.models.fields.json import KT

from connectors.models import Delivery
from journeys.domain.decision import PASSED, Outcome
from journeys.models import Decision, Journey, Run
from profiles.domain.naming import Naming
from profiles.models import Person
from profiles.queries import namings

SHOWN: Final = 100  # of the newest; the number above them counts all
_OUTCOMES: Final = {
    "passed": PASSED,
    "not_sent": frozenset({Outcome.NOT_SENT}),
    "entered": frozenset({Outcome.ENTERED}),
    "converted": frozenset({Outcome.CONVERTED}),
}
SHOWS: Final = ("waiting", "failed", *_OUTCOMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonAt:
    """One of them, and when it was."""

    uuid: UUID
    naming: Naming
    at: datetime


def people_at(journey: Journey, *, step: str, show: str, since: datetime) -> list[PersonAt]:
    """The newest of the people that a number counts, each once: three queries.

    Args:
        step: id; "" for the numbers of the whole journey.
        show: one of SHOWS.
        since: when the number begins to count; who waits is counted whenever they came.
    """
    rows = _rows(journey, step=step, show=show, since=since)
    people = Person.objects.in_bulk([person for person, _at in rows])
    names = namings(list(people.values()))
    return [
        PersonAt(uuid=people[person].uuid, naming=names[person], at=at)
        for person, at in rows
        if person in people
    ]


def _rows(journey: Journey, *, step: str, show: str, since: datetime) -> Sequence[tuple[int, datetime]]:
    found: Any
    match show:
        case "waiting":
            runs = (
                Run.objects.open().filter(journey=journey).annotate(step=KT("state__step")).filter(step=step)
            )
            found = runs.values("person_id").annotate(last=Max("entered_at"))
        case "failed":
            dead = Delivery.objects.filter(
                journey_id=journey.pk, step=step, state=Delivery.State.DEAD, decided_at__gte=since
            )
            found = dead.values("person_id").annotate(last=Max("decided_at"))
        case _:
            outcomes = [outcome.value for outcome in _OUTCOMES[show]]
            decisions = Decision.objects.filter(
                journey_id=journey.pk, step=step, outcome__in=outcomes, at__gte=since
            )
            found = decisions.values("person_id").annotate(last=Max("at"))
    return list(found.order_by("-last").values_list("person_id", "last")[:SHOWN])
