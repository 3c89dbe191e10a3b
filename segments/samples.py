"""What a computed trait would be for some people, shown to whoever writes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from profiles.models import Event, EventName
from profiles.queries import PersonLine, people_by_id
from segments.compiler.customers import fifths_query
from segments.domain.computed import Compute, Definition, Fifths, value_of
from segments.domain.values import Json
from segments.limits import limited
from segments.queries import scanning, scope_of
from segments.reasons import states_of

SAMPLE: Final = 6
_LATEST: Final = 200  # events in which people are looked for
_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A person with the value they would have; None for no value."""

    person: PersonLine
    value: Json


def samples_of(definition: Definition, *, now: datetime) -> list[Sample]:
    """Compute a trait for those who did it last. Raises TooSlow."""
    with limited(_SECONDS):
        people = people_by_id(_latest_people(definition.events.name))[:SAMPLE]
        states = states_of(definition.events, [one.id for one in people], now=now)
        scope = scope_of(now=now)
        fifths = Fifths()
        if definition.compute is Compute.RFM and people:
            with scanning() as cursor:
                cursor.execute(fifths_query(definition, scope))
                last, count, amount = cursor.fetchone()
            fifths = Fifths(last=last or (), count=count or (), sum=amount or ())
    return [
        Sample(
            person=one,
            value=value_of(
                definition, states[one.id].facts(company_zone=scope.company_zone), now=now, fifths=fifths
            ),
        )
        for one in people
    ]


def _latest_people(event: str) -> Sequence[int]:
    """Who did it last; each once, the latest first."""
    names = EventName.objects.filter(name=event)
    if event.endswith("*"):
        names = EventName.objects.filter(name__startswith=event[:-1])
    ids = list(names.values_list("id", flat=True))
    events = Event.objects.filter(name_id__in=ids).order_by("-ts")
    return list(dict.fromkeys(events.values_list("person_id", flat=True)[:_LATEST]))
