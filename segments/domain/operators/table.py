"""The table of operators, and how it is asked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from segments.domain.operators import predicates as has
from segments.domain.operators.words import (
    Comparison,
    ItemTest,
    Moment,
    Operator,
    Predicate,
    Takes,
    ValueType,
)
from segments.domain.phrases import gettext_noop
from segments.domain.values import (
    Json,
    items,
    number,
    value_at,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorRow:
    """One row of the table."""

    label: str  # a sentence with the places {what} and {value}
    takes: Takes
    types: tuple[ValueType, ...]
    holds: Predicate
    has_case: bool = False  # takes "ignore_case"
    opposite_of: Operator | None = None  # holds exactly when that one does not, missing values included
    takes_entry: bool = False  # may compare with the message that began the run
    needs_clock: bool = False  # the answer depends on now or on the person's time zone
    moves: bool = False  # it depends on now: time alone can change it


def holds_for(value: Json, comparison: Comparison, moment: Moment) -> bool:
    """Whether the comparison holds for a value; None stands for a missing one."""
    row = OPERATORS[comparison.op]
    if row.opposite_of is None:
        return row.holds(value, comparison, moment)
    return not OPERATORS[row.opposite_of].holds(value, comparison, moment)


def with_entry_value(comparison: Comparison, value: Json) -> Comparison | None:
    """Put the entry message's value in place; None if it is nothing that could be compared."""
    if isinstance(value, bool | str):
        return replace(comparison, value=value)
    exact = number(value)
    return None if exact is None else replace(comparison, value=Decimal(exact))


def passes_together(item: Json, tests: tuple[ItemTest, ...], moment: Moment) -> bool:
    return all(holds_for(value_at(item, test.path), test.comparison, moment) for test in tests)


def needs_clock(comparison: Comparison) -> bool:
    """Whether the answer depends on more than the value: on now, or on where the person lives."""
    return any(OPERATORS[op].needs_clock for op in _operators(comparison))


def moves(comparison: Comparison) -> bool:
    """Whether the answer can change as time goes by, though the value stays."""
    return any(OPERATORS[op].moves for op in _operators(comparison))


def _operators(comparison: Comparison) -> Iterator[Operator]:
    yield comparison.op
    match comparison.value:
        case Comparison():
            yield from _operators(comparison.value)
        case (ItemTest(), *_):
            for test in item_tests(comparison):
                yield from _operators(test.comparison)


def _length(value: Json, comparison: Comparison, moment: Moment) -> bool:
    count = comparison.value
    assert isinstance(count, Comparison)
    return (found := items(value)) is not None and holds_for(len(found), count, moment)


def item_tests(comparison: Comparison) -> tuple[ItemTest, ...]:
    tests = comparison.value
    assert isinstance(tests, tuple)
    return tuple(test for test in tests if isinstance(test, ItemTest))


def _any_item(value: Json, comparison: Comparison, moment: Moment) -> bool:
    tests = item_tests(comparison)
    return any(passes_together(item, tests, moment) for item in items(value) or ())


def _every_item(value: Json, comparison: Comparison, moment: Moment) -> bool:
    tests = item_tests(comparison)
    found = items(value)
    return bool(found) and all(passes_together(item, tests, moment) for item in found or ())


_T, _N, _Y, _D, _L = ValueType.TEXT, ValueType.NUMBER, ValueType.YES_NO, ValueType.DATE, ValueType.LIST

OPERATORS: Final[Mapping[Operator, OperatorRow]] = {
    Operator.IS: OperatorRow(
        label=gettext_noop("{what} is {value}"),
        takes=Takes.SCALAR,
        types=(_T, _N),
        holds=has.is_equal,
        has_case=True,
        takes_entry=True,
    ),
    Operator.IS_NOT: OperatorRow(
        label=gettext_noop("{what} is not {value}"),
        takes=Takes.SCALAR,
        types=(_T, _N),
        holds=has.is_equal,
        has_case=True,
        opposite_of=Operator.IS,
        takes_entry=True,
    ),
    Operator.ONE_OF: OperatorRow(
        label=gettext_noop("{what} is one of {value}"),
        takes=Takes.ITEMS,
        types=(_T, _N),
        holds=has.is_one_of,
        has_case=True,
    ),
    Operator.NOT_ONE_OF: OperatorRow(
        label=gettext_noop("{what} is none of {value}"),
        takes=Takes.ITEMS,
        types=(_T, _N),
        holds=has.is_one_of,
        has_case=True,
        opposite_of=Operator.ONE_OF,
    ),
    Operator.CONTAINS: OperatorRow(
        label=gettext_noop("{what} contains {value}"),
        takes=Takes.TEXT,
        types=(_T,),
        holds=has.contains,
        has_case=True,
    ),
    Operator.NOT_CONTAINS: OperatorRow(
        label=gettext_noop("{what} does not contain {value}"),
        takes=Takes.TEXT,
        types=(_T,),
        holds=has.contains,
        has_case=True,
        opposite_of=Operator.CONTAINS,
    ),
    Operator.STARTS_WITH: OperatorRow(
        label=gettext_noop("{what} starts with {value}"),
        takes=Takes.TEXT,
        types=(_T,),
        holds=has.starts_with,
        has_case=True,
    ),
    Operator.ENDS_WITH: OperatorRow(
        label=gettext_noop("{what} ends with {value}"),
        takes=Takes.TEXT,
        types=(_T,),
        holds=has.ends_with,
        has_case=True,
    ),
    Operator.MATCHES: OperatorRow(
        label=gettext_noop("{what} matches {value}"),
        takes=Takes.PATTERN,
        types=(_T,),
        holds=has.matches,
        has_case=True,
    ),
    Operator.GREATER: OperatorRow(
        label=gettext_noop("{what} is greater than {value}"),
        takes=Takes.NUMBER,
        types=(_N,),
        holds=has.compares(lambda seen, wanted: seen > wanted),
        takes_entry=True,
    ),
    Operator.AT_LEAST: OperatorRow(
        label=gettext_noop("{what} is at least {value}"),
        takes=Takes.NUMBER,
        types=(_N,),
        holds=has.compares(lambda seen, wanted: seen >= wanted),
        takes_entry=True,
    ),
    Operator.LESS: OperatorRow(
        label=gettext_noop("{what} is less than {value}"),
        takes=Takes.NUMBER,
        types=(_N,),
        holds=has.compares(lambda seen, wanted: seen < wanted),
        takes_entry=True,
    ),
    Operator.AT_MOST: OperatorRow(
        label=gettext_noop("{what} is at most {value}"),
        takes=Takes.NUMBER,
        types=(_N,),
        holds=has.compares(lambda seen, wanted: seen <= wanted),
        takes_entry=True,
    ),
    Operator.BETWEEN: OperatorRow(
        label=gettext_noop("{what} is between {value}"), takes=Takes.RANGE, types=(_N,), holds=has.is_between
    ),
    Operator.IS_TRUE: OperatorRow(
        label=gettext_noop("{what} is yes"), takes=Takes.NOTHING, types=(_Y,), holds=has.is_true
    ),
    Operator.IS_FALSE: OperatorRow(
        label=gettext_noop("{what} is no"), takes=Takes.NOTHING, types=(_Y,), holds=has.is_false
    ),
    Operator.BEFORE: OperatorRow(
        label=gettext_noop("{what} is before {value}"),
        takes=Takes.DATE,
        types=(_D,),
        holds=has.is_before,
        needs_clock=True,
    ),
    Operator.AFTER: OperatorRow(
        label=gettext_noop("{what} is after {value}"),
        takes=Takes.DATE,
        types=(_D,),
        holds=has.is_after,
        needs_clock=True,
    ),
    Operator.ON: OperatorRow(
        label=gettext_noop("{what} is on {value}"),
        takes=Takes.DAY,
        types=(_D,),
        holds=has.is_on,
        needs_clock=True,
    ),
    Operator.WITHIN_LAST: OperatorRow(
        label=gettext_noop("{what} is within the last {value}"),
        takes=Takes.LENGTH,
        types=(_D,),
        holds=has.is_within_last,
        needs_clock=True,
        moves=True,
    ),
    Operator.WITHIN_NEXT: OperatorRow(
        label=gettext_noop("{what} is within the next {value}"),
        takes=Takes.LENGTH,
        types=(_D,),
        holds=has.is_within_next,
        needs_clock=True,
        moves=True,
    ),
    Operator.MORE_THAN_AGO: OperatorRow(
        label=gettext_noop("{what} is more than {value} ago"),
        takes=Takes.LENGTH,
        types=(_D,),
        holds=has.is_more_than_ago,
        needs_clock=True,
        moves=True,
    ),
    Operator.MORE_THAN_AHEAD: OperatorRow(
        label=gettext_noop("{what} is more than {value} ahead"),
        takes=Takes.LENGTH,
        types=(_D,),
        holds=has.is_more_than_ahead,
        needs_clock=True,
        moves=True,
    ),
    Operator.ANNIVERSARY: OperatorRow(
        label=gettext_noop("{what} has its anniversary {value}"),
        takes=Takes.RETURN,
        types=(_D,),
        holds=has.has_anniversary,
        needs_clock=True,
        moves=True,
    ),
    Operator.INCLUDES: OperatorRow(
        label=gettext_noop("{what} includes {value}"), takes=Takes.ITEM, types=(_L,), holds=has.includes
    ),
    Operator.INCLUDES_ANY: OperatorRow(
        label=gettext_noop("{what} includes any of {value}"),
        takes=Takes.ITEMS,
        types=(_L,),
        holds=has.includes_any,
    ),
    Operator.INCLUDES_ALL: OperatorRow(
        label=gettext_noop("{what} includes all of {value}"),
        takes=Takes.ITEMS,
        types=(_L,),
        holds=has.includes_all,
    ),
    Operator.INCLUDES_NONE: OperatorRow(
        label=gettext_noop("{what} includes none of {value}"),
        takes=Takes.ITEMS,
        types=(_L,),
        holds=has.includes_any,
        opposite_of=Operator.INCLUDES_ANY,
    ),
    Operator.LENGTH: OperatorRow(
        label=gettext_noop("{value} for the number of items in {what}"),
        takes=Takes.COUNT,
        types=(_L,),
        holds=_length,
    ),
    Operator.ANY_ITEM: OperatorRow(
        label=gettext_noop("{what} has an item of which {value}"),
        takes=Takes.TESTS,
        types=(_L,),
        holds=_any_item,
    ),
    Operator.EVERY_ITEM: OperatorRow(
        label=gettext_noop("{what} has only items of which {value}"),
        takes=Takes.TESTS,
        types=(_L,),
        holds=_every_item,
    ),
    Operator.NO_ITEM: OperatorRow(
        label=gettext_noop("{what} has no item of which {value}"),
        takes=Takes.TESTS,
        types=(_L,),
        holds=_any_item,
        opposite_of=Operator.ANY_ITEM,
    ),
    Operator.KNOWN: OperatorRow(
        label=gettext_noop("{what} is known"), takes=Takes.NOTHING, types=tuple(ValueType), holds=has.is_known
    ),
    Operator.UNKNOWN: OperatorRow(
        label=gettext_noop("{what} is not known"),
        takes=Takes.NOTHING,
        types=tuple(ValueType),
        holds=has.is_known,
        opposite_of=Operator.KNOWN,
    ),
}
