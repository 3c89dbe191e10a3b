"""The table of operators in SQL, with the keys of `segments.domain.operators`, which says the meaning."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from psycopg.sql import SQL, Composable, Identifier, Literal
from psycopg.types.json import Jsonb

from segments.compiler.values import (
    at_path,
    instant,
    instant_of,
    local_day,
    lowered,
    number_of,
    shifted,
    text_of,
)
from segments.domain.operators import (
    OPERATORS,
    Comparison,
    Operator,
    Range,
    item_tests,
)
from segments.domain.patterns import Pattern
from segments.domain.values import LARGEST, DateValue, Day, Length, Scalar, json_number, lower

Join = Callable[[Iterable[Composable]], Composable]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a value stands in a query, and the clock it is looked at with."""

    value: Composable  # jsonb
    zone: Composable  # text, the person's
    now: datetime
    number: Composable | None = None  # numeric, where a column holds the value's number
    depth: int = 0  # of lists in lists, so that each has a name of its own


def holds(place: Place, comparison: Comparison) -> Composable:
    """A boolean, never null, that says whether the comparison holds."""
    base = OPERATORS[comparison.op].opposite_of
    answer = SQL("coalesce({}, false)").format(COMPILED[comparison.op](place, comparison))
    return answer if base is None else SQL("(NOT {})").format(answer)


def _json(value: Scalar) -> Composable:
    plain: Any = json_number(value) if isinstance(value, Decimal) else value
    return SQL("{}::jsonb").format(Literal(Jsonb(plain)))


def _either(parts: Iterable[Composable]) -> Composable:
    return SQL("({})").format(SQL(" OR ").join(parts))


def _both(parts: Iterable[Composable]) -> Composable:
    return SQL("({})").format(SQL(" AND ").join(parts))


def _scalars(comparison: Comparison) -> tuple[Scalar, ...]:
    value = comparison.value
    values = value if isinstance(value, tuple) else (value,)
    return tuple(one for one in values if isinstance(one, str | bool | Decimal))


def _one_of(place: Place, comparison: Comparison) -> Composable:
    wanted = _scalars(comparison)
    texts = [lower(one) for one in wanted if isinstance(one, str)] if comparison.ignore_case else []
    others = [one for one in wanted if not (comparison.ignore_case and isinstance(one, str))]
    parts = []
    if texts:
        parts.append(SQL("{} = ANY({}::text[])").format(lowered(text_of(place.value)), Literal(texts)))
    if len(others) == 1:
        parts.append(SQL("{} = {}").format(place.value, _json(others[0])))
    elif others:
        listed = SQL(", ").join(_json(one) for one in others)
        parts.append(SQL("{} = ANY(ARRAY[{}])").format(place.value, listed))
    return _either(parts)


def _texts(place: Place, comparison: Comparison) -> tuple[Composable, str]:
    wanted = comparison.value
    assert isinstance(wanted, str)
    text = text_of(place.value)
    return (lowered(text), lower(wanted)) if comparison.ignore_case else (text, wanted)


def _contains(place: Place, comparison: Comparison) -> Composable:
    text, wanted = _texts(place, comparison)
    return SQL("strpos({}, {}) > 0").format(text, Literal(wanted))


def _starts_with(place: Place, comparison: Comparison) -> Composable:
    text, wanted = _texts(place, comparison)
    return SQL("starts_with({}, {})").format(text, Literal(wanted))


def _ends_with(place: Place, comparison: Comparison) -> Composable:
    text, wanted = _texts(place, comparison)
    return SQL("right({}, {}) = {}").format(text, Literal(len(wanted)), Literal(wanted))


def _matches(place: Place, comparison: Comparison) -> Composable:
    pattern = comparison.value
    assert isinstance(pattern, Pattern)
    text = text_of(place.value)
    if comparison.ignore_case:
        text = lowered(text)
    # "C": the classes are written out sign by sign and need no language's rules.
    written = pattern.postgresql(ignore_case=comparison.ignore_case)
    return SQL('({} COLLATE "C") ~ {}').format(text, Literal(written))


def _number_holds(number: Composable, comparison: Comparison) -> Composable:
    """A comparison of a numeric expression; numbers beyond the largest are missing."""
    wanted = comparison.value
    if isinstance(wanted, Range):
        return SQL("{} BETWEEN {} AND {}").format(number, _number(wanted.low), _number(wanted.high))
    assert isinstance(wanted, Decimal)
    sign, beyond = _SIGNS[comparison.op]
    within = SQL("{number} {sign} {wanted} AND {number} {beyond}").format(
        number=number, sign=sign, wanted=_number(wanted), beyond=beyond
    )
    return SQL("({})").format(within)


def number_holds(
    number: Composable, comparison: Comparison, *, times: Composable | None = None
) -> Composable:
    """A boolean, never null, about a numeric expression; with `times`, about the number divided by that."""
    base = OPERATORS[comparison.op].opposite_of
    compared = _multiple_holds(number, comparison, times) if times else _number_holds(number, comparison)
    answer = SQL("coalesce({}, false)").format(compared)
    return answer if base is None else SQL("(NOT {})").format(answer)


def _multiple_holds(number: Composable, comparison: Comparison, times: Composable) -> Composable:
    wanted = comparison.value
    if isinstance(wanted, Range):
        low, high = _number(wanted.low), _number(wanted.high)
        between = SQL("({times} > 0 AND {number} BETWEEN {low} * {times} AND {high} * {times})")
        return between.format(number=number, low=low, high=high, times=times)
    assert isinstance(wanted, Decimal)
    sign, _ = _SIGNS[comparison.op]
    compared = SQL("({times} > 0 AND {number} {sign} {wanted} * {times})")
    return compared.format(number=number, sign=sign, wanted=_number(wanted), times=times)


def _number(value: Decimal) -> Composable:
    return SQL("{}::numeric").format(Literal(value))


_LARGEST: Final = SQL("<= {}::numeric").format(Literal(LARGEST))
_SMALLEST: Final = SQL(">= {}::numeric").format(Literal(-LARGEST))
_SIGNS: Final[Mapping[Operator, tuple[SQL, Composable]]] = {
    Operator.IS: (SQL("="), _LARGEST),
    Operator.IS_NOT: (SQL("="), _LARGEST),
    Operator.GREATER: (SQL(">"), _LARGEST),
    Operator.AT_LEAST: (SQL(">="), _LARGEST),
    Operator.LESS: (SQL("<"), _SMALLEST),
    Operator.AT_MOST: (SQL("<="), _SMALLEST),
}


def _numbers(place: Place, comparison: Comparison) -> Composable:
    return _number_holds(place.number or number_of(place.value), comparison)


def _is_true(place: Place, comparison: Comparison) -> Composable:
    return SQL("{} = 'true'::jsonb").format(place.value)


def _is_false(place: Place, comparison: Comparison) -> Composable:
    return SQL("{} = 'false'::jsonb").format(place.value)


def _date(comparison: Comparison) -> DateValue:
    value = comparison.value
    assert isinstance(value, DateValue)
    return value


def _ordered(sign: SQL) -> "Compiled":
    def compiled(place: Place, comparison: Comparison) -> Composable:
        wanted = _date(comparison)
        seen = instant_of(place.value, zone=place.zone)
        if isinstance(wanted, Day):
            day = local_day(seen, zone=place.zone)
            return SQL("{} {} {}::date").format(day, sign, Literal(wanted.day))
        return SQL("{} {} {}").format(seen, sign, instant(wanted, zone=place.zone))

    return compiled


def _length(comparison: Comparison) -> Length:
    value = comparison.value
    assert isinstance(value, Length)
    return value


def _now(place: Place) -> Composable:
    return SQL("{}::timestamptz").format(Literal(place.now))


def _end(place: Place, comparison: Comparison, sign: SQL) -> Composable:
    return shifted(_now(place), _length(comparison), zone=place.zone, sign=sign)


def _seen(place: Place, form: SQL, **parts: Composable) -> Composable:
    """A test of the moment seen, computed once."""
    seen = instant_of(place.value, zone=place.zone)
    return SQL("(SELECT {} FROM (SELECT {} AS at OFFSET 0) AS seen)").format(form.format(**parts), seen)


def _within_last(place: Place, comparison: Comparison) -> Composable:
    end = _end(place, comparison, SQL("-"))
    return _seen(place, SQL("seen.at > {end} AND seen.at <= {now}"), end=end, now=_now(place))


def _within_next(place: Place, comparison: Comparison) -> Composable:
    end = _end(place, comparison, SQL("+"))
    return _seen(place, SQL("seen.at > {now} AND seen.at <= {end}"), end=end, now=_now(place))


def _more_than_ago(place: Place, comparison: Comparison) -> Composable:
    return _seen(place, SQL("seen.at <= {end}"), end=_end(place, comparison, SQL("-")))


def _more_than_ahead(place: Place, comparison: Comparison) -> Composable:
    return _seen(place, SQL("seen.at > {end}"), end=_end(place, comparison, SQL("+")))


def _anniversary(place: Place, comparison: Comparison) -> Composable:
    day = local_day(instant_of(place.value, zone=place.zone), zone=place.zone)
    today = local_day(_now(place), zone=place.zone)
    # Adding years clamps 29 February to the 28th where there is none.
    returns = SQL(
        "(d.day + make_interval(years =>"
        " (date_part('year', d.today) - date_part('year', d.day))::int + {later}))::date"
    )
    this_year, next_year = returns.format(later=Literal(0)), returns.format(later=Literal(1))
    if not isinstance(comparison.value, Length):
        return SQL("(SELECT {} = d.today FROM (SELECT {} AS day, {} AS today OFFSET 0) AS d)").format(
            this_year, day, today
        )
    length = comparison.value
    last = SQL("(d.today + make_interval(months => {}, days => {}))::date").format(
        Literal(length.months), Literal(length.days)
    )
    return SQL(
        "(SELECT {this_year} BETWEEN d.today AND {last} OR {next_year} BETWEEN d.today AND {last}"
        " FROM (SELECT {day} AS day, {today} AS today OFFSET 0) AS d)"
    ).format(this_year=this_year, next_year=next_year, last=last, day=day, today=today)


def _includes_each(join: Join) -> "Compiled":
    def compiled(place: Place, comparison: Comparison) -> Composable:
        parts = [
            SQL("{} @> jsonb_build_array({})").format(place.value, _json(one)) for one in _scalars(comparison)
        ]
        return _both([SQL("jsonb_typeof({}) = 'array'").format(place.value), join(parts)])

    return compiled


def _items(place: Place) -> Composable:
    return SQL("(CASE jsonb_typeof({value}) WHEN 'array' THEN {value} END)").format(value=place.value)


def _item_count(place: Place, comparison: Comparison) -> Composable:
    count = comparison.value
    assert isinstance(count, Comparison)
    answer = _number_holds(SQL("jsonb_array_length({})").format(_items(place)), count)
    if OPERATORS[count.op].opposite_of is not None:
        answer = SQL("NOT {}").format(answer)  # of no list it stays null
    return answer


def _item_passes(place: Place, comparison: Comparison) -> tuple[Composable, Composable]:
    """The items of a list by a name of their own, and whether one passes all tests."""
    name = Identifier(f"item{place.depth}")
    inner = replace(place, number=None, depth=place.depth + 1)  # the column holds no item of a list
    passes = _both(
        holds(replace(inner, value=at_path(SQL("{}.value").format(name), test.path)), test.comparison)
        for test in item_tests(comparison)
    )
    listed = SQL("jsonb_array_elements({}) AS {} (value)").format(_items(place), name)
    return listed, passes


def _any_item(place: Place, comparison: Comparison) -> Composable:
    listed, passes = _item_passes(place, comparison)
    return SQL("EXISTS (SELECT FROM {} WHERE {})").format(listed, passes)


def _every_item(place: Place, comparison: Comparison) -> Composable:
    listed, passes = _item_passes(place, comparison)
    return SQL("(SELECT bool_and({}) FROM {})").format(passes, listed)


def _known(place: Place, comparison: Comparison) -> Composable:
    return SQL("jsonb_typeof({}) <> 'null'").format(place.value)


Compiled = Callable[[Place, Comparison], Composable]

# An opposite has its counterpart's expression: `holds` negates it.
COMPILED: Final[Mapping[Operator, Compiled]] = {
    Operator.IS: _one_of,
    Operator.IS_NOT: _one_of,
    Operator.ONE_OF: _one_of,
    Operator.NOT_ONE_OF: _one_of,
    Operator.CONTAINS: _contains,
    Operator.NOT_CONTAINS: _contains,
    Operator.STARTS_WITH: _starts_with,
    Operator.ENDS_WITH: _ends_with,
    Operator.MATCHES: _matches,
    Operator.GREATER: _numbers,
    Operator.AT_LEAST: _numbers,
    Operator.LESS: _numbers,
    Operator.AT_MOST: _numbers,
    Operator.BETWEEN: _numbers,
    Operator.IS_TRUE: _is_true,
    Operator.IS_FALSE: _is_false,
    Operator.BEFORE: _ordered(SQL("<")),
    Operator.AFTER: _ordered(SQL(">")),
    Operator.ON: _ordered(SQL("=")),
    Operator.WITHIN_LAST: _within_last,
    Operator.WITHIN_NEXT: _within_next,
    Operator.MORE_THAN_AGO: _more_than_ago,
    Operator.MORE_THAN_AHEAD: _more_than_ahead,
    Operator.ANNIVERSARY: _anniversary,
    Operator.INCLUDES: _includes_each(_either),
    Operator.INCLUDES_ANY: _includes_each(_either),
    Operator.INCLUDES_ALL: _includes_each(_both),
    Operator.INCLUDES_NONE: _includes_each(_either),
    Operator.LENGTH: _item_count,
    Operator.ANY_ITEM: _any_item,
    Operator.EVERY_ITEM: _every_item,
    Operator.NO_ITEM: _any_item,
    Operator.KNOWN: _known,
    Operator.UNKNOWN: _known,
}
