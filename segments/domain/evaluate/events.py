"""The parts of a condition about what the person did."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from typing import Final, assert_never

from profiles.domain.facts import Event, Facts
from segments.domain.conditions import (
    CountOperator,
    During,
    Engagement,
    EventCount,
    EventHad,
    EventLeaf,
    EventSequence,
    EventTotal,
    Position,
    Source,
    Test,
    TotalKind,
    name_fits,
)
from segments.domain.evaluate.reasons import short
from segments.domain.evaluate.sequences import by_type, has_chain
from segments.domain.evaluate.tests import passes
from segments.domain.evaluate.windows import in_window, order_of, window_takes
from segments.domain.operators import OPERATORS, Comparison, Moment, Operator, Range, holds_for
from segments.domain.values import Json, number, value_at

_EXACT: Final = Context(prec=20_000)  # more digits than PostgreSQL can store


def event_holds(leaf: EventLeaf, facts: Facts, moment: Moment) -> bool:
    match leaf:
        case EventCount():
            return enough(leaf, facts, moment)
        case EventTotal():
            return _total_holds(leaf, _values(leaf, facts, moment), moment)
        case EventHad():
            found = _found(leaf, facts, moment)
            return found is not None and all(
                passes(test, found, facts=facts, moment=moment) for test in leaf.had
            )
        case EventSequence():
            return has_chain(leaf, facts, moment)
        case Engagement():
            return enough(leaf.as_events(), facts, moment)
        case _:
            assert_never(leaf)


def event_seen(leaf: EventLeaf, facts: Facts, moment: Moment) -> Json:
    """What stands in the ledger beside the answer."""
    match leaf:
        case EventCount():
            return counted(leaf, facts, moment)
        case Engagement():
            return counted(leaf.as_events(), facts, moment)
        case EventTotal():
            return _total_seen(leaf, _values(leaf, facts, moment))
        case EventHad():
            found = _found(leaf, facts, moment)
            return None if found is None else short([_looked_at(test, found) for test in leaf.had])
        case EventSequence():
            return has_chain(leaf, facts, moment)
        case _:
            assert_never(leaf)


def _looked_at(test: Test, event: Event) -> Json:
    return value_at(event.properties if test.source is Source.PROPERTY else event.context, test.path)


def enough(condition: EventCount, facts: Facts, moment: Moment) -> bool:
    """Count no further than the answer needs."""
    wanted = condition.count.value
    limit = wanted if condition.count.op is CountOperator.AT_LEAST else wanted + 1
    return condition.count.holds_for(counted(condition, facts, moment, limit=limit))


def counted(condition: EventCount, facts: Facts, moment: Moment, *, limit: int | None = None) -> int:
    """How many events count, no further than `limit`; the one being processed belongs to the history."""
    history = facts.events_of(condition.name)
    found = in_window(history, condition.during, facts, moment)
    current = facts.event
    if (
        current is not None
        and name_fits(current.name, wanted=condition.name)
        and (current.ts > moment.now or not _holds_event(history, current))
        and window_takes(condition.during, current, facts, moment)
    ):
        found = [*found, current]
    if not condition.where:
        return len(found)
    number = 0
    for event in found:
        if number == limit:
            break
        for test in condition.where:
            if not passes(test, event, facts=facts, moment=moment):
                break
        else:
            number += 1
    return number


def _holds_event(history: Sequence[Event], event: Event) -> bool:
    if history and history[-1] is event:
        return True  # as nearly always: it came in last
    place = bisect_left(history, event.order, key=order_of)
    while place < len(history) and history[place].order == event.order:
        if history[place].message_id == event.message_id:
            return True
        place += 1
    return False


def _passing(
    name: str, where: Sequence[Test], during: During, *, facts: Facts, moment: Moment
) -> Iterator[Event]:
    """The events that count, from the latest to the first."""
    history = facts.events_of(name)
    found = in_window(history, during, facts, moment)
    current = facts.event
    if (
        current is not None
        and name_fits(current.name, wanted=name)
        and (current.ts > moment.now or not _holds_event(history, current))
        and window_takes(during, current, facts, moment)
    ):
        found = list(found)
        insort(found, current, key=order_of)
    for event in reversed(found):
        if all(passes(test, event, facts=facts, moment=moment) for test in where):
            yield event


def _found(leaf: EventHad, facts: Facts, moment: Moment) -> Event | None:
    passing = _passing(leaf.name, leaf.where, leaf.during, facts=facts, moment=moment)
    if leaf.position is Position.LAST:
        return next(passing, None)
    first = None
    for event in passing:
        first = event
    return first


def _values(leaf: EventTotal, facts: Facts, moment: Moment) -> list[Json]:
    passing = _passing(leaf.name, leaf.where, leaf.during, facts=facts, moment=moment)
    return [value_at(event.properties, leaf.path) for event in passing]


def _total_holds(leaf: EventTotal, values: list[Json], moment: Moment) -> bool:
    if leaf.kind is TotalKind.AVERAGE:
        return _average_holds(_numbers(values), leaf.comparison)
    return holds_for(_total(leaf, values), leaf.comparison, moment)


def _total(leaf: EventTotal, values: list[Json]) -> Json:
    if leaf.kind is TotalKind.DISTINCT:
        return _distinct(values)
    numbers = _numbers(values)
    if leaf.kind is TotalKind.SUM:
        return _sum(numbers)
    if not numbers:
        return None
    return min(numbers) if leaf.kind is TotalKind.MIN else max(numbers)


def _numbers(values: list[Json]) -> list[Decimal]:
    exact = (number(value) for value in values)
    return [Decimal(one) for one in exact if one is not None]


def _sum(numbers: list[Decimal]) -> Decimal:
    total = Decimal(0)
    for one in numbers:
        total = _EXACT.add(total, one)
    return total


def _distinct(values: list[Json]) -> int:
    return len({shared for value in values if (shared := by_type(value)) is not None})


def _average_holds(numbers: list[Decimal], comparison: Comparison) -> bool:
    """Compare an average as the fraction it is: digits without end cannot be written out."""
    base = OPERATORS[comparison.op].opposite_of
    if base is not None:
        return not _average_holds(numbers, Comparison(op=base, value=comparison.value))
    if not numbers:
        return False
    average = Fraction(_sum(numbers)) / len(numbers)
    wanted = comparison.value
    if isinstance(wanted, Range):
        return Fraction(wanted.low) <= average <= Fraction(wanted.high)
    assert isinstance(wanted, Decimal)
    return {
        Operator.IS: average == Fraction(wanted),
        Operator.GREATER: average > Fraction(wanted),
        Operator.AT_LEAST: average >= Fraction(wanted),
        Operator.LESS: average < Fraction(wanted),
        Operator.AT_MOST: average <= Fraction(wanted),
    }[comparison.op]


def _total_seen(leaf: EventTotal, values: list[Json]) -> Json:
    if leaf.kind is not TotalKind.AVERAGE:
        return short(_total(leaf, values))
    numbers = _numbers(values)
    if not numbers:
        return None
    average = float(Fraction(_sum(numbers)) / len(numbers))
    return short(Decimal(repr(average)))
