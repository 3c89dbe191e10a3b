"""Why people match a condition, asked of a few of them without locking anybody."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from profiles.domain.history import PersonState
from profiles.models import Identity, Person
from profiles.store import load_events, load_histories, load_values
from segments.domain.conditions import Condition, Reads, reads
from segments.domain.evaluate import EvaluationError, evaluate
from segments.domain.explain import ReasonLine, explain
from segments.domain.phrases import ENGLISH, Translator
from segments.limits import limited
from segments.live import Manual, load_stays
from segments.queries import scope_of

_SECONDS: Final = 1.0  # what somebody with a very long history may cost


def reasons_of(
    condition: Condition, people: Sequence[int], *, now: datetime, translator: Translator = ENGLISH
) -> Mapping[int, Sequence[ReasonLine]]:
    """The reasons of some people, by id, as lines.

    Raises:
        TooSlow: one of them has done too much to be read in the time.
    """
    with limited(_SECONDS):
        states = states_of(condition, people, now=now)
    zone = scope_of(now=now).company_zone
    found: dict[int, Sequence[ReasonLine]] = {}
    for id_, state in states.items():
        try:
            answer = evaluate(condition, state.facts(company_zone=zone), now)
        except EvaluationError:  # nothing to say of this one; the count stands
            continue
        found[id_] = explain(answer.reason.to_json(), translator=translator)
    return found


def states_of(
    condition: Condition, people: Sequence[int], *, now: datetime, asked: Reads | None = None
) -> dict[int, PersonState]:
    """Read what a condition may ask of some people, without locking anybody.

    Args:
        asked: what is needed of it, if that is not all that it reads.
    """
    states = {
        row.pk: PersonState(
            person_id=row.pk,
            uuid=row.uuid,
            first_seen_at=row.first_seen_at,
            last_seen_at=row.last_seen_at,
            time_zone=row.time_zone,
            locale=row.locale,
        )
        for row in Person.objects.filter(pk__in=people)
    }
    for person, kind, value in Identity.objects.filter(person__in=states).values_list(
        "person_id", "kind", "value"
    ):
        if person is not None:
            states[person].keys |= {(kind, value)}
    asked = asked or reads(condition)
    since = None if asked.window is None else now - asked.window - timedelta(seconds=1)
    load_values(states, states)
    load_events(states, dict.fromkeys(states, asked.event_names), since=since)
    load_histories(states, dict.fromkeys(states, asked.trait_histories))
    load_stays(states, list(states))
    Manual().load(list(states), states=states)
    return states
