"""Times of day, windows, and moments counted from a date."""

import re
from collections.abc import Iterable
from datetime import time
from typing import Final

from journeys.domain.clock import EVERY_DAY, MIDNIGHT, DateRule, TimeOfDay, Window
from journeys.domain.parse.keys import Document, Reader, below
from profiles.domain.facts import Json
from segments.domain.phrases import gettext_noop
from segments.domain.values import parse_length

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_LONGEST_PATH: Final = 200


def read_until(reader: Reader, value: Json, path: str) -> TimeOfDay | Window | None:
    """`{"at", "days"}` or `{"from", "to", "days"}`."""
    document = reader.object(value, path, known=("at", "from", "to", "days"))
    if document is None:
        return None
    if "at" not in document:
        return read_window(reader, document, path)
    if "from" in document or "to" in document:
        reader.fault(below(path, "at"), gettext_noop("cannot stand beside “from” and “to”"))
    at = _time(reader, document, "at", path, default=MIDNIGHT)
    return TimeOfDay(at=at, days=_days(reader, document, path))


def read_window(reader: Reader, document: Document, path: str) -> Window:
    """From, to and days, of which any may be left out, but not all."""
    if not {"from", "to", "days"} & document.keys():
        reader.fault(path, gettext_noop("must say from when, to when or on which days"))
    return Window(
        start=_time(reader, document, "from", path, default=MIDNIGHT),
        end=_time(reader, document, "to", path, default=MIDNIGHT, may_be_24=True),
        days=_days(reader, document, path),
    )


def _time(
    reader: Reader, document: Document, key: str, path: str, *, default: time, may_be_24: bool = False
) -> time:
    value = document.get(key)
    if value is None:
        return default
    if may_be_24 and value == "24:00":
        return MIDNIGHT
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        reader.fault(below(path, key), gettext_noop("must be a time of day such as 08:00 or 21:30"))
        return default
    return time(int(match[1]), int(match[2]))


def _days(reader: Reader, document: Document, path: str) -> frozenset[int]:
    value = document.get("days")
    if value is None:
        return EVERY_DAY
    place = below(path, "days")
    if not isinstance(value, list) or not value or any(day not in DAYS for day in _texts(value)):
        reader.fault(
            place, gettext_noop("must be a list of at least one of {choices}"), {"choices": ", ".join(DAYS)}
        )
        return EVERY_DAY
    return frozenset(DAYS.index(day) for day in value)


def _texts(values: Iterable[Json]) -> Iterable[str]:
    return (value if isinstance(value, str) else "" for value in values)


def read_date_rule(reader: Reader, document: Document, path: str) -> DateRule:
    """The keys `offset`, `at` and, where it is known there, `every`."""
    text = document.get("offset")
    offset, is_before = None, False
    if text is not None:
        is_before = isinstance(text, str) and text.startswith("-")
        offset = parse_length(text.lstrip("+-")) if isinstance(text, str) else None
        if offset is None:
            message = gettext_noop("must be a length of time such as P7D, or -P7D for so long before")
            reader.fault(below(path, "offset"), message)
    every = document.get("every")
    if every not in (None, "year"):
        reader.fault(below(path, "every"), gettext_noop("must be “year”"))
    at = _time(reader, document, "at", path, default=MIDNIGHT) if document.get("at") is not None else None
    return DateRule(offset=offset, is_before=is_before, at=at, is_yearly=every == "year")


def read_trait_path(reader: Reader, document: Document, key: str, path: str) -> tuple[str, ...]:
    """The way to a value among somebody's traits, in words between dots."""
    parts = tuple(reader.text(document, key, path, most=_LONGEST_PATH).split("."))
    if parts != ("",) and not all(parts):
        reader.fault(below(path, key), gettext_noop("must name a trait"))
    return parts
