"""The form of trying a journey out: what happens to a person, and when."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.utils.translation import gettext as _

from cdp_site.backtest.trying import MOST_EVENTS, Invented
from profiles.domain.facts import Json

UNITS: Final = {"minutes": timedelta(minutes=1), "hours": timedelta(hours=1), "days": timedelta(days=1)}
SHOWN: Final = 3  # events a fresh form has room for
LONGEST: Final = 20_000  # characters of properties


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One event of the form as it was typed."""

    name: str = ""
    after: str = "0"
    unit: str = "hours"
    properties: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TryForm:
    """What was typed, and what it means."""

    person: str = ""
    is_called_in: bool = False
    rows: tuple[EventRow, ...] = ()
    events: tuple[Invented, ...] = ()

    @property
    def is_sound(self) -> bool:
        return not any(row.error for row in self.rows)


def empty_form(*, person: str = "", event: str = "") -> TryForm:
    """A form in which the journey's own message comes first."""
    rows = [EventRow(name=event), *(EventRow(after=str(number)) for number in range(1, SHOWN))]
    return TryForm(person=person, rows=tuple(rows[:SHOWN]))


def read_form(data: Mapping[str, Any]) -> TryForm:
    """Read what was sent: a mapping with lists, as Django's."""
    rows, events = [], []
    for row in _rows(data):
        try:
            invented = _invented(row)
        except ValueError as error:
            rows.append(
                EventRow(
                    name=row.name, after=row.after, unit=row.unit, properties=row.properties, error=str(error)
                )
            )
            continue
        rows.append(row)
        if invented is not None:
            events.append(invented)
    return TryForm(
        person=str(data.get("person", ""))[:512],
        is_called_in=data.get("begin") == "now",
        rows=tuple(rows),
        events=tuple(events),
    )


def _rows(data: Any) -> Iterator[EventRow]:
    columns = [data.getlist(name)[:MOST_EVENTS] for name in ("name", "after", "unit", "properties")]
    for name, after, unit, properties in zip(*columns, strict=False):
        yield EventRow(
            name=name.strip()[:200], after=after.strip(), unit=unit, properties=properties[:LONGEST]
        )


def _invented(row: EventRow) -> Invented | None:
    if not row.name:
        return None
    if not (row.after.isascii() and row.after.isdigit() and len(row.after) < 7):
        raise ValueError(_("After how long? Write a whole number."))
    length = UNITS.get(row.unit, UNITS["hours"]) * int(row.after)
    return Invented(after=length, name=row.name, properties=properties_of(row.properties))


def properties_of(text: str) -> dict[str, Json]:
    """Read lines of `name = value`; a value that is JSON is taken as that, any other as text.

    Raises:
        ValueError: a line has no equals sign.
    """
    found: dict[str, Json] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        name, sign, value = line.partition("=")
        if not sign or not name.strip():
            raise ValueError(_("Write one property a line, as in: value = 60"))
        try:
            found[name.strip()] = json.loads(value)
        except (json.JSONDecodeError, RecursionError):
            found[name.strip()] = value.strip()
    return found
