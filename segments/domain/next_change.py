"""When can one person's answer change by the passing of time alone?

`next_change` gives the earliest moment after `now` from which on a condition may be answered otherwise,
though nothing new arrives. It may be early, never late; None is never. Whoever asks again at that moment,
and asks for the next one then, misses no change. A message being processed counts as it does for `now`.

Each part names the moments at which its own answer may turn; the whole is asked at the first of them, then
at the next, until it answers otherwise or `MOST_STEPS` were tried.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, assert_never
from zoneinfo import ZoneInfo

from profiles.domain.facts import Event, Facts, Json, Stay
from segments.domain.conditions import (
    BeforeLast,
    Condition,
    ConsentIs,
    ContextTest,
    CountOperator,
    During,
    Engagement,
    EventCount,
    EventHad,
    EventLeaf,
    EventSequence,
    EventTotal,
    HasBeen,
    IdentityKnown,
    InBucket,
    InSegment,
    Last,
    Leaf,
    OnList,
    PersonLeaf,
    Source,
    TraitTest,
    leaves,
)
from segments.domain.evaluate import holds, passes
from segments.domain.operators import (
    OPERATORS,
    Comparison,
    Moment,
    Operator,
    Takes,
    Value,
    item_tests,
    moves,
)
from segments.domain.values import (
    Length,
    add_months,
    anniversary,
    date_value,
    instant,
    items,
    local_day,
    value_at,
)

MOST_STEPS: Final = 32  # moments looked at before an early answer is given
_QUARTER: Final = timedelta(minutes=15)  # clocks of today change at whole quarters of an hour
_AROUND: Final = range(-16, 17)  # quarters: no clock is set by more than four hours


def next_change(condition: Condition, facts: Facts, now: datetime) -> datetime | None:
    """The earliest moment after `now` at which the answer can change without a new message."""
    due = [(found, leaf) for leaf in leaves(condition) if (found := _leaf_turn(leaf, facts, now)) is not None]
    if not due:
        return None  # as for most
    answer = holds(condition, facts, now)
    at = None
    for _ in range(MOST_STEPS):
        if not due:
            return None
        at = min(moment for moment, _ in due)
        if holds(condition, facts, at) is not answer:
            return at
        due = [
            (found, leaf)
            for moment, leaf in due
            if (found := moment if moment > at else _leaf_turn(leaf, facts, at)) is not None
        ]
    return at


def _leaf_turn(leaf: Leaf, facts: Facts, now: datetime) -> datetime | None:
    """The first moment after `now` at which one part may turn."""
    if isinstance(leaf, Engagement):
        leaf = leaf.as_events()
    if isinstance(leaf, EventCount) and _is_settled_by_newest(leaf, facts, now):
        return _newest_turn(leaf, facts, now)
    moment = Moment(now=now, zone=facts.zone)
    if isinstance(leaf, EventLeaf):
        return _first_turn(leaf, facts, now, _event_turns(leaf, facts, moment))
    return _first_turn(leaf, facts, now, _person_turns(leaf, facts, moment))


def _first_turn(leaf: Leaf, facts: Facts, now: datetime, turns: Iterable[datetime]) -> datetime | None:
    answer = None
    for step, at in enumerate(sorted({at for at in turns if at > now})):
        if answer is None:
            answer = holds(leaf, facts, now)
        if step == MOST_STEPS or holds(leaf, facts, at) is not answer:
            return at
    return None


# Each of these names moments that include every one after now at which the answer turns.


def _person_turns(leaf: PersonLeaf, facts: Facts, moment: Moment) -> Iterator[datetime]:
    match leaf:
        case TraitTest():
            yield from _value_turns(value_at(facts.traits, leaf.path), leaf.comparison, moment)
        case ContextTest():
            if facts.event is not None:
                seen = value_at(facts.event.context, leaf.path)
                yield from _value_turns(seen, leaf.comparison, moment)
        case HasBeen():
            for change in facts.trait_history.get(leaf.path[0], ()):
                yield from (change.at, change.at + leaf.length.exact())
        case InSegment():
            for edge in _edges(facts.stays.get(leaf.slug, ())):
                yield from _window_turns(edge, leaf.during)
        case OnList():
            yield from _edges(facts.lists.get(leaf.slug, ()))
        case InBucket() | ConsentIs() | IdentityKnown():
            return
        case _:
            assert_never(leaf)


def _edges(stays: Iterable[Stay]) -> Iterator[datetime]:
    for stay in stays:
        yield stay.entered_at
        if stay.left_at is not None:
            yield stay.left_at


# -- events --------------------------------------------------------------------------------------------


def _event_turns(leaf: EventLeaf, facts: Facts, moment: Moment) -> Iterator[datetime]:
    match leaf:
        case EventCount() | EventTotal():
            asked = [(leaf.name, leaf.where)]
        case EventHad():
            asked = [(leaf.name, (*leaf.where, *leaf.had))]
        case EventSequence():
            asked = [(step.name, step.tests) for step in leaf.steps]
            yield from _time_outs(leaf, facts)
        case Engagement():
            raise AssertionError("asked as the events it stands for")
        case _:
            assert_never(leaf)
    for name, tests in asked:
        moving = [test for test in tests if moves(test.comparison)]
        for event in _all_events(name, facts):
            turns = list(_window_turns(event.ts, leaf.during))
            if not moving and turns[-1] <= moment.now and event is not facts.event:
                break  # those before it have turned as well
            yield from turns
            for test in moving:
                document = event.properties if test.source is Source.PROPERTY else event.context
                yield from _value_turns(value_at(document, test.path), test.comparison, moment)


def _time_outs(leaf: EventSequence, facts: Facts) -> Iterator[datetime]:
    """When it is certain that something did not follow an event in its time."""
    for place, step in enumerate(leaf.steps):
        if step.is_not and step.within is not None:
            before = next(one for one in reversed(leaf.steps[:place]) if not one.is_not)
            for event in _all_events(before.name, facts):
                yield event.ts + step.within.exact()


def _all_events(name: str, facts: Facts) -> Iterator[Event]:
    """The events of a name, the latest first, and the one being processed."""
    if facts.event is not None:
        yield facts.event
    yield from reversed(facts.events_of(name))


def _window_turns(at: datetime, during: During) -> Iterator[datetime]:
    """When something that happens at `at` begins to count, and when it comes into a window or goes."""
    yield at
    if isinstance(during, Last | BeforeLast):
        yield at + during.length.exact()


def _is_settled_by_newest(leaf: EventCount, facts: Facts, now: datetime) -> bool:
    """Whether the newest events alone say when at least n in the last while is over."""
    if not isinstance(leaf.during, Last) or leaf.count.op is not CountOperator.AT_LEAST:
        return False
    if facts.event is not None or any(moves(test.comparison) for test in leaf.where):
        return False
    history = facts.events_of(leaf.name)
    return not history or history[-1].ts <= now


def _newest_turn(leaf: EventCount, facts: Facts, now: datetime) -> datetime | None:
    """When the n-th newest is too old."""
    assert isinstance(leaf.during, Last)
    length = leaf.during.length.exact()
    moment = Moment(now=now, zone=facts.zone)
    missing = leaf.count.value
    for event in reversed(facts.events_of(leaf.name)):
        if missing == 0 or event.ts + length <= now:
            return None
        if all(passes(test, event, facts=facts, moment=moment) for test in leaf.where):
            missing -= 1
            if missing == 0:
                return event.ts + length
    return None


# -- values that are dates -----------------------------------------------------------------------------


def _value_turns(value: Json, comparison: Comparison, moment: Moment) -> Iterator[datetime]:
    """Moments that include each at which the passing of time turns a comparison of this value."""
    if not moves(comparison):
        return
    if OPERATORS[comparison.op].takes is Takes.TESTS:
        for test in item_tests(comparison):
            for item in items(value) or ():
                yield from _value_turns(value_at(item, test.path), test.comparison, moment)
    elif (seen := date_value(value)) is not None:
        try:
            yield from _date_turns(instant(seen, zone=moment.zone), comparison, moment)
        except (OverflowError, ValueError):  # beyond the calendar: nobody will ask then
            return


def _date_turns(at: datetime, comparison: Comparison, moment: Moment) -> Iterator[datetime]:
    if comparison.op is Operator.ANNIVERSARY:
        today = local_day(moment.now, zone=moment.zone)
        turn = _return_turn(local_day(at, zone=moment.zone), comparison.value, today)
        yield from _readings(datetime.combine(turn, time()), zone=moment.zone)
        return
    assert isinstance(comparison.value, Length)
    yield at
    is_past = comparison.op in (Operator.WITHIN_LAST, Operator.MORE_THAN_AGO)
    yield from _crossings(at, comparison.value, zone=moment.zone, is_past=is_past)


def _crossings(at: datetime, length: Length, *, zone: str, is_past: bool) -> Iterator[datetime]:
    """Moments that include each at which now, moved by the length, passes `at`; `is_past`: moved backwards.

    Days and months move the reading of a clock. Where that clock is set, and where a month lacks a day, the
    moved now leaps, so all quarters of an hour near the crossing and the midnights around it are named.
    """
    sign = 1 if is_past else -1
    at += sign * timedelta(seconds=length.seconds)
    if not (length.months or length.days):
        yield at
        return
    reading = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    if length.months:
        base = add_months(reading.date() + sign * timedelta(days=length.days), sign * length.months)
        days = [base + timedelta(days=around) for around in range(-5, 6)]
        for day in days:
            yield from _readings(datetime.combine(day, time()), zone=zone)
    else:
        days = [reading.date() + sign * timedelta(days=length.days)]
    for day in days:
        for near in _readings(datetime.combine(day, reading.time()), zone=zone):
            yield near
            quarter = datetime.fromtimestamp(near.timestamp() // 900 * 900, tz=UTC)
            for around in _AROUND:
                yield quarter + around * _QUARTER


def _readings(reading: datetime, *, zone: str) -> tuple[datetime, datetime]:
    """The moments at which clocks of a zone can show a reading."""
    first = reading.replace(tzinfo=ZoneInfo(zone))
    return first.astimezone(UTC), first.replace(fold=1).astimezone(UTC)


def _return_turn(day: date, wanted: Value, today: date) -> date:
    """The next day on which an anniversary may begin or cease to be as near as wanted."""
    upcoming = next(
        back for year in (today.year, today.year + 1) if (back := anniversary(day, year=year)) >= today
    )
    length = wanted if isinstance(wanted, Length) else Length()

    def is_near(one: date) -> bool:
        return add_months(one, length.months) + timedelta(days=length.days) >= upcoming

    if is_near(today):
        return upcoming + timedelta(days=1)
    days = range((upcoming - today).days + 1)
    return today + timedelta(
        days=bisect_left(days, True, key=lambda ahead: is_near(today + timedelta(days=ahead)))
    )
