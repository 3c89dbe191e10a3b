"""Relevance gates: which messages concern a connection, asked in the language of segments.

In a gate what somebody did and what they agreed to speak of the message alone: an event holds if this
message is one, a consent if this message changed it to that. Everything else, traits, segments, lists, is
asked of the person as they are at that moment. So "any of: an order; a review with at most two stars"
passes the order and the bad review, and never a click that comes later.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec

from profiles.domain.facts import Event, Facts
from segments.domain.conditions import (
    AllOf,
    AnyOf,
    Condition,
    ConsentIs,
    ConsentState,
    Engagement,
    EventCount,
    EventSequence,
    NoneOf,
    Reads,
    name_fits,
    reads,
)
from segments.domain.evaluate import Answer, evaluate, holds


def passes(
    gate: Condition, facts: Facts, event: Event, *, changed: Mapping[str, bool], now: datetime
) -> bool:
    """Tell whether a message passes.

    Args:
        facts: of its person, at that moment.
        changed: the consents that the message changed, and to what.

    Raises:
        EvaluationError: the question makes no sense for these facts.
    """
    return holds(gate, _of_message(facts, event, changed=changed), now)


def explained(
    gate: Condition, facts: Facts, event: Event, *, changed: Mapping[str, bool], now: datetime
) -> Answer:
    """Tell whether a message passes, with the reasons."""
    return evaluate(gate, _of_message(facts, event, changed=changed), now)


def person_reads(gate: Condition) -> Reads:
    """What has to be known of the person: of what they did before, nothing."""
    return replace(reads(gate), event_names=frozenset(), window=timedelta())


def may_pass_anything(gate: Condition) -> bool:
    """Tell whether a message that no part of the gate speaks of may pass, as with "none of"."""
    match gate:
        case AllOf():
            return all(map(may_pass_anything, gate.of))
        case AnyOf():
            return any(map(may_pass_anything, gate.of))
        case NoneOf():
            return True
        case EventCount():
            return gate.count.holds_for(0)
        case ConsentIs():
            return gate.state is ConsentState.UNSET
        case Engagement():
            return may_pass_anything(gate.as_events())
        case EventSequence():
            return False
        case _:
            return True  # of the person, or about what never was: rather asked once too often


def _of_message(facts: Facts, event: Event, *, changed: Mapping[str, bool]) -> Facts:
    def events_of(name: str) -> Sequence[Event]:
        return (event,) if name_fits(event.name, wanted=name) else ()

    return msgspec.structs.replace(facts, events_of=events_of, consent=changed, event=event)
