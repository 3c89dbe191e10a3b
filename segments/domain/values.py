"""Values that conditions compare: numbers, lower case, calendar days, instants, lengths of time.

Contract: a value taken from a person's JSON is read as exactly one type or as nothing at all (`None`);
nothing here raises on data. Each function has a twin in SQL (`segments.compiler`), and a generated test
keeps both equal.

- Numbers are exact decimals between -10^308 and 10^308; true and false are no numbers.
- A date is ISO 8601 text (`2024-03-01`, `2024-03-01T10:00`, with `Z` or an offset if it has a time) or a
  number: seconds since 1970, or milliseconds from 10^11 on. Years before 1000 and after 9998 are nothing.
- Text without an offset is read on the person's own clock. A time that the clock skips is read with the
  offset before the gap, a time that it shows twice is the second pass.
"""

import calendar
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from math import isfinite
from typing import Any, Final
from zoneinfo import ZoneInfo

Json = Any  # None, bool, int, float, Decimal, str, list, dict as JSON gives them
Number = int | Decimal
Scalar = str | bool | Decimal
Path = tuple[str, ...]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_YEAR: Final = 1000
LAST_YEAR: Final = 9998
MILLISECONDS_FROM: Final = 10**11  # a number from here on counts milliseconds, not seconds
LARGEST: Final = 10**308
LONGEST_DAYS: Final = 36_600  # a hundred years: keeps now plus a length within the calendar

PLACE: Final = re.compile(r"0|[1-9][0-9]{0,8}")
_DATE: Final = re.compile(
    r"([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"(?:[T ]([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:\.([0-9]{1,12}))?)?"
    r"(Z|[+-](?:0[0-9]|1[0-5])(?::?[0-5][0-9])?)?)?"
)
_LENGTH: Final = re.compile(
    r"P(?:([0-9]{1,6})Y)?(?:([0-9]{1,6})M)?(?:([0-9]{1,6})W)?(?:([0-9]{1,6})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,7})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,10})S)?)?"
)

_LAST_WITH_CASE: Final = 0x1FFFF  # no script with upper and lower case lies in higher planes
# One character to one character, so that lengths stay and PostgreSQL's translate() can do the same.
LOWER: Final[dict[int, int]] = {
    code: ord(chr(code).lower())
    for code in range(_LAST_WITH_CASE)
    if not 0xD800 <= code < 0xE000 and len(chr(code).lower()) == 1 and chr(code).lower() != chr(code)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """A length of time as written: months and days follow the calendar where they move a date."""

    months: int = 0
    days: int = 0
    seconds: int = 0

    def exact(self) -> timedelta:
        """The length as elapsed time: a day is 24 hours. Only for lengths without months."""
        if self.months:
            raise ValueError("a month has no exact length")
        return timedelta(days=self.days, seconds=self.seconds)

    def __str__(self) -> str:
        hours, rest = divmod(self.seconds, 3600)
        minutes, seconds = divmod(rest, 60)
        day_parts = "".join(f"{n}{unit}" for n, unit in ((self.months, "M"), (self.days, "D")) if n)
        clock = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if n)
        return f"P{day_parts}" + (f"T{clock}" if clock else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A calendar day, the same for everybody, at each person's own place."""

    day: date

    def __str__(self) -> str:
        return self.day.isoformat()


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """What a clock on the wall shows at the person's place."""

    reading: datetime  # naive

    def __str__(self) -> str:
        return self.reading.isoformat()


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """One moment in time."""

    at: datetime  # aware, UTC

    def __str__(self) -> str:
        return self.at.isoformat().replace("+00:00", "Z")


DateValue = Day | Clock | Instant


def value_at(document: Json, path: Path) -> Json:
    """Find what stands at `path`: keys of objects, and places in lists written 0, 1, 2…; else None."""
    for key in path:
        if isinstance(document, dict):
            document = document.get(key)
        elif isinstance(document, list | tuple):
            if PLACE.fullmatch(key) is None or int(key) >= len(document):
                return None
            document = document[int(key)]
        elif isinstance(document, Mapping):
            document = document.get(key)
        else:
            return None
    return document


def number(value: Json) -> Number | None:
    """Read a number exactly; a float is the shortest decimal that stands for it."""
    exact: Number
    if isinstance(value, int):
        if isinstance(value, bool):
            return None
        exact = value
    elif isinstance(value, float):
        if not isfinite(value):
            return None
        exact = Decimal(repr(value))
    elif isinstance(value, Decimal):
        if not value.is_finite():
            return None
        exact = value
    else:
        return None
    return exact if -LARGEST <= exact <= LARGEST else None


def json_number(value: Decimal) -> int | float:
    """Write an exact number as JSON."""
    return int(value) if value == value.to_integral_value() else float(value)


def items(value: Json) -> Sequence[Json] | None:
    """Read a list."""
    return value if isinstance(value, list | tuple) else None


def lower(text: str) -> str:
    """Lower the case by the one-to-one table."""
    return text.lower() if text.isascii() else text.translate(LOWER)


def is_same(value: Json, wanted: Scalar) -> bool:
    """Compare by type: text with text, number with number, yes/no with yes/no."""
    if isinstance(wanted, str):
        return isinstance(value, str) and value == wanted
    if isinstance(wanted, bool):
        return value is wanted
    return (exact := number(value)) is not None and exact == wanted


def parse_length(text: str) -> Length | None:
    """Read an ISO 8601 duration of whole units, longer than nothing and up to a hundred years."""
    if (match := _LENGTH.fullmatch(text)) is None:
        return None
    years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    length = Length(
        months=years * 12 + months, days=weeks * 7 + days, seconds=hours * 3600 + minutes * 60 + seconds
    )
    total_days = length.months * 31 + length.days + length.seconds // 86400
    return length if length != Length() and total_days <= LONGEST_DAYS else None


def parse_date(text: str) -> DateValue | None:
    """Read ISO 8601 text; digits beyond the microsecond are cut off."""
    if (match := _DATE.fullmatch(text)) is None:
        return None
    year, month, day = (int(part) for part in match.groups()[:3])
    if not FIRST_YEAR <= year <= LAST_YEAR or day > calendar.monthrange(year, month)[1]:
        return None
    hour, minute, second, fraction, offset = match.groups()[3:]
    if hour is None:
        return Day(day=date(year, month, day))
    micros = int((fraction or "0")[:6].ljust(6, "0"))
    reading = datetime(year, month, day, int(hour), int(minute), int(second or 0), micros)
    if offset is None:
        return Clock(reading=reading)
    return Instant(at=(reading - _offset(offset)).replace(tzinfo=UTC))


def _offset(text: str) -> timedelta:
    if text == "Z":
        return timedelta()
    digits = text[1:].replace(":", "")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return size if text[0] == "+" else -size


def date_value(value: Json) -> DateValue | None:
    """Read a date from JSON: ISO 8601 text, or seconds or milliseconds since 1970."""
    if isinstance(value, str):
        return parse_date(value)
    if (exact := number(value)) is None:
        return None
    size = exact if exact >= 0 else -exact
    scale = 1000 if size >= MILLISECONDS_FROM else 1_000_000
    if size * scale > 10**18:  # far outside the calendar, and too long for the arithmetic below
        return None
    with localcontext() as context:
        context.prec = 400
        micros = int((Decimal(exact) * scale).to_integral_value(rounding="ROUND_FLOOR"))
    try:
        at = EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return None
    return Instant(at=at) if FIRST_YEAR <= at.year <= LAST_YEAR else None


def instant(value: DateValue, *, zone: str) -> datetime:
    """The moment meant at a place; a day is its midnight."""
    match value:
        case Instant():
            return value.at
        case Clock():
            return on_the_clock(value.reading, zone=zone)
        case Day():
            return on_the_clock(datetime(value.day.year, value.day.month, value.day.day), zone=zone)


def on_the_clock(reading: datetime, *, zone: str) -> datetime:
    """The UTC instant at which clocks of `zone` show `reading`.

    The smaller of the two possible offsets gives both rules of the module at once: in a gap it is the one
    before, in a doubled hour the one after.
    """
    first = reading.replace(tzinfo=ZoneInfo(zone))
    offsets = (first.utcoffset(), first.replace(fold=1).utcoffset())
    return (reading - min(offset for offset in offsets if offset is not None)).replace(tzinfo=UTC)


def local_day(at: datetime, *, zone: str) -> date:
    """The calendar day at a place."""
    return at.astimezone(ZoneInfo(zone)).date()


def add_months(day: date, months: int) -> date:
    """Move by whole months; a day that the month lacks becomes its last."""
    index = day.year * 12 + day.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def shift(at: datetime, length: Length, *, zone: str, backwards: bool = False) -> datetime:
    """Move an instant: months and days on the person's calendar, then hours as elapsed time."""
    sign = -1 if backwards else 1
    if length.months or length.days:
        reading = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        day = add_months(reading.date(), sign * length.months) + timedelta(days=sign * length.days)
        at = on_the_clock(datetime.combine(day, reading.time()), zone=zone)
    return at + sign * timedelta(seconds=length.seconds)


def anniversary(day: date, *, year: int) -> date:
    """The day's return in `year`; 29 February returns on the 28th where there is no 29th."""
    return add_months(day, (year - day.year) * 12)
