"""The twins of `segments.domain.values` in SQL: text, numbers and dates out of jsonb.

Each takes an expression of type jsonb and gives null for a value of another type. A CASE decides before
anything is cast: PostgreSQL raises on a cast that fails, and may ask both sides of an AND.
"""

from datetime import timedelta
from typing import Final

from psycopg import sql
from psycopg.sql import SQL, Composable, Literal

from segments.domain.values import (
    EPOCH,
    FIRST_YEAR,
    LARGEST,
    LAST_YEAR,
    LOWER,
    MILLISECONDS_FROM,
    Clock,
    DateValue,
    Day,
    Instant,
    Length,
    Path,
)

_UPPER_SIGNS: Final = "".join(chr(code) for code in LOWER)
_LOWER_SIGNS: Final = "".join(chr(code) for code in LOWER.values())
_DATE: Final = (
    r"\A[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,12})?)?"
    r"(?:Z|[+-](?:0[0-9]|1[0-5])(?::?[0-5][0-9])?)?)?\Z"
)
_MICROSECOND: Final = timedelta(microseconds=1)
_FIRST: Final = (EPOCH.replace(year=FIRST_YEAR, month=1, day=1) - EPOCH) // _MICROSECOND
_END: Final = (EPOCH.replace(year=LAST_YEAR + 1, month=1, day=1) - EPOCH) // _MICROSECOND


def at_path(value: Composable, path: Path) -> Composable:
    """What stands at a path below any jsonb value; in a list, keys are places."""
    return SQL("({} #> {}::text[])").format(value, Literal(list(path))) if path else value


def at_key(document: Composable, path: Path) -> Composable:
    """As `at_path`, below a document that is an object: quicker for a single key."""
    if len(path) > 1:
        return at_path(document, path)
    return SQL("({} -> {})").format(document, Literal(path[0]))


def text_of(value: Composable) -> Composable:
    return SQL("(CASE jsonb_typeof({value}) WHEN 'string' THEN {value} #>> '{{}}' END)").format(value=value)


def number_of(value: Composable) -> Composable:
    return SQL("(CASE jsonb_typeof({value}) WHEN 'number' THEN ({value})::numeric END)").format(value=value)


def bounded(number: Composable) -> Composable:
    """A number that is not beyond what counts as one."""
    return SQL("(CASE WHEN abs({number}) <= {largest} THEN {number} END)").format(
        number=number, largest=SQL("{}::numeric").format(Literal(LARGEST))
    )


def shared_of(value: Composable) -> Composable:
    """A text, number, yes or no as jsonb, which is equal by type; null for anything else."""
    return SQL(
        "(CASE jsonb_typeof({value}) WHEN 'string' THEN {value} WHEN 'boolean' THEN {value}"
        " WHEN 'number' THEN CASE WHEN abs(({value})::numeric) <= {largest} THEN {value} END END)"
    ).format(value=value, largest=SQL("{}::numeric").format(Literal(LARGEST)))


def lowered(text: Composable) -> Composable:
    """Text in lower case by the one-to-one table; text in ASCII, nearly all of it, by the quick way."""
    return SQL(
        "lower((CASE WHEN octet_length({text}) = length({text}) THEN {text}"
        ' ELSE translate({text}, {upper}, {lower}) END) COLLATE "C")'
    ).format(text=text, upper=Literal(_UPPER_SIGNS), lower=Literal(_LOWER_SIGNS))


def instant_of(value: Composable, *, zone: Composable) -> Composable:
    """The moment that a date in JSON means at a place."""
    return SQL(
        """(SELECT CASE jsonb_typeof(d.v)
            WHEN 'string' THEN CASE WHEN d.t ~ {pattern} THEN
                CASE WHEN substr(d.t, 1, 4)::int BETWEEN {first_year} AND {last_year} THEN
                CASE WHEN substr(d.t, 9, 2) <= '28' OR substr(d.t, 9, 2)::int <= date_part('day',
                    (substr(d.t, 1, 8) || '01')::date + interval '1 month' - interval '1 day') THEN
                CASE
                    WHEN length(d.t) = 10 THEN d.t::timestamp AT TIME ZONE {zone}
                    WHEN substr(d.t, 17) ~ '[Z+-]' THEN {cut}::timestamptz
                    ELSE {cut}::timestamp AT TIME ZONE {zone}
                END END END END
            WHEN 'number' THEN {from_number}
        END FROM (SELECT x.v, x.v #>> '{{}}' AS t FROM (SELECT {value} AS v OFFSET 0) AS x OFFSET 0) AS d)"""
    ).format(
        pattern=Literal(_DATE),
        first_year=Literal(FIRST_YEAR),
        last_year=Literal(LAST_YEAR),
        zone=zone,
        cut=SQL(r"regexp_replace(d.t, '(\.[0-9]{6})[0-9]+', '\1')"),
        value=value,
        from_number=_instant_of_number(SQL("d.v::numeric")),
    )


def _instant_of_number(number: Composable) -> Composable:
    # Whole days and the rest apart: an interval of microseconds alone would go through a double.
    return SQL(
        """(SELECT CASE WHEN n.m >= {first} AND n.m < {end} THEN
            ((date '1970-01-01' + floor(n.m / 86400000000)::int)::timestamp
             + (n.m - floor(n.m / 86400000000) * 86400000000)::float8 * interval '1 microsecond')
            AT TIME ZONE 'UTC' END
        FROM (SELECT floor({number} * CASE WHEN abs({number}) >= {milliseconds_from} THEN 1000
            ELSE 1000000 END) AS m OFFSET 0) AS n)"""
    ).format(
        first=Literal(_FIRST), end=Literal(_END), number=number, milliseconds_from=Literal(MILLISECONDS_FROM)
    )


def instant(value: DateValue, *, zone: Composable) -> Composable:
    """The moment that a date of a condition means at a place; a day is its midnight."""
    match value:
        case Instant():
            return SQL("{}::timestamptz").format(Literal(value.at))
        case Clock():
            return SQL("({}::timestamp AT TIME ZONE {})").format(Literal(value.reading), zone)
        case Day():
            return SQL("({}::date::timestamp AT TIME ZONE {})").format(Literal(value.day), zone)


def local_day(at: Composable, *, zone: Composable) -> Composable:
    return SQL("({} AT TIME ZONE {})::date").format(at, zone)


def shifted(at: Composable, length: Length, *, zone: Composable, sign: sql.SQL) -> Composable:
    """An instant moved on the person's calendar, then by elapsed time."""
    if length.months or length.days:
        at = SQL(
            "(({at} AT TIME ZONE {zone}) {sign} make_interval(months => {months}, days => {days}))"
            " AT TIME ZONE {zone}"
        ).format(at=at, zone=zone, sign=sign, months=Literal(length.months), days=Literal(length.days))
    return SQL("(({}) {} {})").format(at, sign, Literal(timedelta(seconds=length.seconds)))
