"""Operators with what stands beside them."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Final

from segments.domain.operators import (
    OPERATORS,
    Comparison,
    EntryValue,
    ItemTest,
    Operator,
    Range,
    StepValue,
    Takes,
    Today,
    Value,
)
from segments.domain.parse.keys import (
    Budget,
    ConditionError,
    Keys,
    read_list,
    read_path,
    read_text,
    read_word,
)
from segments.domain.patterns import Pattern, PatternError
from segments.domain.phrases import gettext_noop
from segments.domain.values import (
    DateValue,
    Day,
    Json,
    Length,
    Scalar,
    json_number,
    number,
    parse_date,
    parse_length,
)

SameAs = Callable[[Json, str], "EntryValue | StepValue"]

_NUMBER_OPERATORS: Final = frozenset(
    {
        Operator.IS,
        Operator.IS_NOT,
        Operator.GREATER,
        Operator.AT_LEAST,
        Operator.LESS,
        Operator.AT_MOST,
        Operator.BETWEEN,
    }
)


def read_comparison(keys: Keys, depth: int, budget: Budget, *, same_as: SameAs | None = None) -> Comparison:
    """Read an operator with its value.

    Args:
        same_as: reads what the value may be compared with instead of a value; None: nothing.
    """
    op = read_word(Operator, keys.take("op"), keys.where("op"))
    row = OPERATORS[op]
    ignore_case = _ignore_case(keys, has_case=row.has_case)
    value: Value
    if same_as is not None and row.takes_entry and keys.has("same_as"):
        value = same_as(keys.take("same_as"), keys.where("same_as"))
    elif row.takes is Takes.NOTHING:
        value = None
    elif row.takes is Takes.TESTS:
        value = _item_tests(keys, depth, budget)
    else:
        value = _VALUES[row.takes](keys.take("value"), keys.where("value"))
    if ignore_case and not _has_text(value):
        raise ConditionError(keys.where("ignore_case"), gettext_noop("is for texts only"))
    return Comparison(op=op, value=value, ignore_case=ignore_case)


def _ignore_case(keys: Keys, *, has_case: bool) -> bool:
    if not has_case or not keys.has("ignore_case"):
        return False
    value = keys.take("ignore_case")
    if not isinstance(value, bool):
        raise ConditionError(keys.where("ignore_case"), gettext_noop("must be true or false"))
    return value


def _has_text(value: Value) -> bool:
    if isinstance(value, tuple):
        return any(isinstance(one, str) for one in value)
    return isinstance(value, str | Pattern | EntryValue)


def read_entry(document: Json, path: str, *, budget: Budget) -> EntryValue:
    """Read what stands in the message that began the run."""
    budget.need_entry(path)
    entry = Keys(document, path)
    looked_at = read_path(entry.take("entry"), entry.where("entry"))
    entry.finish()
    if looked_at[0] not in ("properties", "context") or len(looked_at) < 2:
        raise ConditionError(
            f"{path}.entry",
            gettext_noop("must begin with properties. or context., and name something there"),
        )
    return EntryValue(path=looked_at)


def _item_tests(keys: Keys, depth: int, budget: Budget) -> tuple[ItemTest, ...]:
    where = keys.where("tests")
    documents = read_list(keys.take("tests"), where)
    if not documents:
        raise ConditionError(where, gettext_noop("must hold at least one test"))
    return tuple(
        _item_test(document, f"{where}[{place}]", depth + 1, budget)
        for place, document in enumerate(documents)
    )


def _item_test(document: Json, path: str, depth: int, budget: Budget) -> ItemTest:
    budget.spend(path, depth=depth)
    keys = Keys(document, path)
    looked_at = read_path(keys.take("property"), keys.where("property"))
    test = ItemTest(path=looked_at, comparison=read_comparison(keys, depth, budget))
    keys.finish()
    return test


def read_number(value: Json, path: str) -> Decimal:
    exact = number(value)
    if exact is None:
        raise ConditionError(path, gettext_noop("must be a number"))
    decimal = Decimal(exact)
    if type(value) is Decimal and number(json_number(decimal)) != decimal:
        raise ConditionError(path, gettext_noop("has more digits than can be kept"))
    return decimal


def _scalar(value: Json, path: str) -> Scalar:
    if isinstance(value, str):
        return read_text(value, path, may_be_empty=True)
    if isinstance(value, bool):
        raise ConditionError(
            path, gettext_noop("must be a text or a number; for yes and no use is_true, is_false")
        )
    if value is None or isinstance(value, list | dict):
        raise ConditionError(path, gettext_noop("must be a text or a number"))
    return read_number(value, path)


def _item(value: Json, path: str) -> Scalar:
    return value if isinstance(value, bool) else _scalar(value, path)


def _items(value: Json, path: str) -> tuple[Scalar, ...]:
    values = read_list(value, path)
    if not values:
        raise ConditionError(path, gettext_noop("must hold at least one value"))
    return tuple(_item(one, f"{path}[{place}]") for place, one in enumerate(values))


def _pattern(value: Json, path: str) -> Pattern:
    try:
        return Pattern(source=read_text(value, path))
    except PatternError as error:
        raise ConditionError(path, error.phrase) from error


def _range(value: Json, path: str) -> Range:
    ends = read_list(value, path)
    if len(ends) != 2:
        raise ConditionError(path, gettext_noop("must hold two numbers"))
    low, high = (read_number(end, f"{path}[{place}]") for place, end in enumerate(ends))
    if low > high:
        raise ConditionError(path, gettext_noop("must begin with the smaller number"))
    return Range(low=low, high=high)


def read_date(value: Json, path: str) -> DateValue:
    date = parse_date(value) if isinstance(value, str) else None
    if date is None:
        raise ConditionError(path, gettext_noop("must be a date such as 2024-03-01 or 2024-03-01T10:00Z"))
    return date


def _day(value: Json, path: str) -> Day:
    date = read_date(value, path)
    if not isinstance(date, Day):
        raise ConditionError(path, gettext_noop("must be a day such as 2024-03-01"))
    return date


def read_length(value: Json, path: str) -> Length:
    length = parse_length(value) if isinstance(value, str) else None
    if length is None:
        raise ConditionError(
            path, gettext_noop("must be a length of time such as P7D or PT4H, up to a hundred years")
        )
    return length


def exact_length(value: Json, path: str) -> Length:
    length = read_length(value, path)
    if length.months:
        raise ConditionError(path, gettext_noop("must be in weeks, days, hours, minutes or seconds"))
    return length


def _return(value: Json, path: str) -> Value:
    if value == "today":
        return Today()
    keys = Keys(value, path)
    length = read_length(keys.take("within_next"), keys.where("within_next"))
    keys.finish()
    if length.seconds or length.months > 12 or length.months * 30 + length.days > 366:
        raise ConditionError(f"{path}.within_next", gettext_noop("must be whole days, at most 366"))
    return length


def _item_count(value: Json, path: str) -> Comparison:
    keys = Keys(value, path)
    comparison = read_number_comparison(keys)
    keys.finish()
    return comparison


def read_number_comparison(keys: Keys) -> Comparison:
    """Read an operator that compares with numbers."""
    comparison = read_comparison(keys, 0, Budget(allow_entry=False))
    if comparison.op not in _NUMBER_OPERATORS or isinstance(comparison.value, str):
        raise ConditionError(keys.path, gettext_noop("must compare numbers"))
    return comparison


_VALUES: Final[Mapping[Takes, Callable[[Json, str], Value]]] = {
    Takes.SCALAR: _scalar,
    Takes.ITEM: _item,
    Takes.ITEMS: _items,
    Takes.TEXT: partial(read_text, may_be_empty=False),
    Takes.PATTERN: _pattern,
    Takes.NUMBER: read_number,
    Takes.RANGE: _range,
    Takes.DATE: read_date,
    Takes.DAY: _day,
    Takes.LENGTH: read_length,
    Takes.RETURN: _return,
    Takes.COUNT: _item_count,
}
