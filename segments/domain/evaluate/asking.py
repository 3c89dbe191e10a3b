"""Asking a condition: fast, or with reasons."""

from collections.abc import Sequence
from datetime import datetime

from profiles.domain.facts import Facts
from segments.domain.conditions import (
    AllOf,
    AnyOf,
    Condition,
    EventCount,
    EventLeaf,
    Group,
    NoneOf,
    TraitTest,
)
from segments.domain.evaluate.events import counted, enough, event_holds, event_seen
from segments.domain.evaluate.people import person_holds, person_seen
from segments.domain.evaluate.reasons import Answer, Reason
from segments.domain.operators import Moment, holds_for
from segments.domain.values import value_at


def evaluate(condition: Condition, facts: Facts, now: datetime) -> Answer:
    """Ask a condition of one person at one moment, with reasons."""
    reason = _reason(condition, facts, Moment(now=now, zone=facts.zone))
    return Answer(holds=reason.held, reason=reason)


def holds(condition: Condition, facts: Facts, now: datetime) -> bool:
    """Ask a condition of one person at one moment."""
    return _holds(condition, facts, Moment(now=now, zone=facts.zone))


def _holds(condition: Condition, facts: Facts, moment: Moment) -> bool:
    match condition:
        case AllOf():
            return all(_holds(part, facts, moment) for part in condition.of)
        case EventCount():
            return enough(condition, facts, moment)
        case TraitTest():  # the most frequent parts first
            return holds_for(value_at(facts.traits, condition.path), condition.comparison, moment)
        case AnyOf():
            return any(_holds(part, facts, moment) for part in condition.of)
        case NoneOf():
            return not any(_holds(part, facts, moment) for part in condition.of)
        case _:
            if isinstance(condition, EventLeaf):
                return event_holds(condition, facts, moment)
            return person_holds(condition, facts, moment)


def _reason(condition: Condition, facts: Facts, moment: Moment) -> Reason:
    if isinstance(condition, Group):
        children = tuple(_reason(part, facts, moment) for part in condition.of)
        return Reason(condition=condition, seen=None, held=_joined(condition, children), children=children)
    if isinstance(condition, EventCount):
        count = counted(condition, facts, moment)
        return Reason(condition=condition, seen=count, held=condition.count.holds_for(count))
    if isinstance(condition, EventLeaf):
        seen, held = event_seen(condition, facts, moment), event_holds(condition, facts, moment)
    else:
        seen, held = person_seen(condition, facts, moment), person_holds(condition, facts, moment)
    return Reason(condition=condition, seen=seen, held=held)


def _joined(group: AllOf | AnyOf | NoneOf, children: Sequence[Reason]) -> bool:
    match group:
        case AllOf():
            return all(child.held for child in children)
        case AnyOf():
            return any(child.held for child in children)
        case NoneOf():
            return not any(child.held for child in children)
