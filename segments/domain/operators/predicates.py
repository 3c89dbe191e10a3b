"""When each operator holds for a value; None stands for a missing one. Opposites have no predicate."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from segments.domain.operators.words import (
    Comparison,
    Moment,
    Predicate,
    Range,
)
from segments.domain.patterns import Pattern
from segments.domain.values import (
    DateValue,
    Day,
    Json,
    Length,
    Scalar,
    add_months,
    anniversary,
    date_value,
    instant,
    is_same,
    items,
    local_day,
    lower,
    number,
    shift,
)


def is_equal(value: Json, comparison: Comparison, moment: Moment) -> bool:
    wanted = comparison.value
    if not isinstance(wanted, str | bool | Decimal):
        return False
    return _same(value, wanted, comparison)


def _same(value: Json, wanted: Scalar, comparison: Comparison) -> bool:
    if comparison.ignore_case and isinstance(value, str) and isinstance(wanted, str):
        return lower(value) == lower(wanted)
    return is_same(value, wanted)


def _scalars(comparison: Comparison) -> tuple[Scalar, ...]:
    wanted = comparison.value
    assert isinstance(wanted, tuple)
    return tuple(one for one in wanted if isinstance(one, str | bool | Decimal))


def is_one_of(value: Json, comparison: Comparison, moment: Moment) -> bool:
    return any(_same(value, wanted, comparison) for wanted in _scalars(comparison))


def _texts(value: Json, comparison: Comparison) -> tuple[str, str] | None:
    wanted = comparison.value
    if not isinstance(value, str) or not isinstance(wanted, str):
        return None
    return (lower(value), lower(wanted)) if comparison.ignore_case else (value, wanted)


def contains(value: Json, comparison: Comparison, moment: Moment) -> bool:
    texts = _texts(value, comparison)
    return texts is not None and texts[1] in texts[0]


def starts_with(value: Json, comparison: Comparison, moment: Moment) -> bool:
    texts = _texts(value, comparison)
    return texts is not None and texts[0].startswith(texts[1])


def ends_with(value: Json, comparison: Comparison, moment: Moment) -> bool:
    texts = _texts(value, comparison)
    return texts is not None and texts[0].endswith(texts[1])


def matches(value: Json, comparison: Comparison, moment: Moment) -> bool:
    pattern = comparison.value
    assert isinstance(pattern, Pattern)
    if not isinstance(value, str):
        return False
    text = lower(value) if comparison.ignore_case else value
    return pattern.is_found_in(text, ignore_case=comparison.ignore_case)


def compares(compare: Callable[[int | Decimal, Decimal], bool]) -> Predicate:
    def holds(value: Json, comparison: Comparison, moment: Moment) -> bool:
        wanted = comparison.value
        # A comparison with the entry message can meet a text there: it is no number, so nothing holds.
        return isinstance(wanted, Decimal) and (exact := number(value)) is not None and compare(exact, wanted)

    return holds


def is_between(value: Json, comparison: Comparison, moment: Moment) -> bool:
    wanted = comparison.value
    assert isinstance(wanted, Range)
    return (exact := number(value)) is not None and wanted.low <= exact <= wanted.high


def is_true(value: Json, comparison: Comparison, moment: Moment) -> bool:
    return value is True


def is_false(value: Json, comparison: Comparison, moment: Moment) -> bool:
    return value is False


def _order(value: Json, comparison: Comparison, moment: Moment) -> int | None:
    """Where a date lies: before (-1), on (0) or after (1) the wanted one; days are compared as days."""
    if (seen := date_value(value)) is None:
        return None
    wanted = comparison.value
    at = instant(seen, zone=moment.zone)
    if isinstance(wanted, Day):
        day = local_day(at, zone=moment.zone)
        return (day > wanted.day) - (day < wanted.day)
    other = instant(_date(comparison), zone=moment.zone)
    return (at > other) - (at < other)


def _date(comparison: Comparison) -> DateValue:
    wanted = comparison.value
    assert isinstance(wanted, DateValue)
    return wanted


def is_before(value: Json, comparison: Comparison, moment: Moment) -> bool:
    return _order(value, comparison, moment) == -1


def is_after(value: Json, comparison: Comparison, moment: Moment) -> bool:
    return _order(value, comparison, moment) == 1


def is_on(value: Json, comparison: Comparison, moment: Moment) -> bool:
    return _order(value, comparison, moment) == 0


def _distance(is_inside: Callable[[datetime, datetime, Callable[[bool], datetime]], bool]) -> Predicate:
    """A predicate on a date, now, and the end of the length counted from now, backwards or not."""

    def holds(value: Json, comparison: Comparison, moment: Moment) -> bool:
        length = comparison.value
        assert isinstance(length, Length)
        if (seen := date_value(value)) is None:
            return False
        at = instant(seen, zone=moment.zone)
        return is_inside(
            at,
            moment.now,
            lambda backwards: shift(moment.now, length, zone=moment.zone, backwards=backwards),
        )

    return holds


def has_anniversary(value: Json, comparison: Comparison, moment: Moment) -> bool:
    if (seen := date_value(value)) is None:
        return False
    day = local_day(instant(seen, zone=moment.zone), zone=moment.zone)
    today = local_day(moment.now, zone=moment.zone)
    length = comparison.value
    if not isinstance(length, Length):
        return anniversary(day, year=today.year) == today
    last = add_months(today, length.months) + timedelta(days=length.days)
    return any(today <= anniversary(day, year=year) <= last for year in (today.year, today.year + 1))


def includes(value: Json, comparison: Comparison, moment: Moment) -> bool:
    wanted = comparison.value
    assert isinstance(wanted, str | bool | Decimal)
    return any(is_same(item, wanted) for item in items(value) or ())


def includes_any(value: Json, comparison: Comparison, moment: Moment) -> bool:
    found = items(value) or ()
    return any(is_same(item, wanted) for wanted in _scalars(comparison) for item in found)


def includes_all(value: Json, comparison: Comparison, moment: Moment) -> bool:
    if (found := items(value)) is None:
        return False
    return all(any(is_same(item, wanted) for item in found) for wanted in _scalars(comparison))


def is_known(value: Json, comparison: Comparison, moment: Moment) -> bool:
    return value is not None


is_within_last = _distance(lambda at, now, end: end(True) < at <= now)
is_within_next = _distance(lambda at, now, end: now < at <= end(False))
is_more_than_ago = _distance(lambda at, now, end: at <= end(True))
is_more_than_ahead = _distance(lambda at, now, end: at > end(False))
