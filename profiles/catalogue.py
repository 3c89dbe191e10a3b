"""What is known of the events and traits that come in, for those who write rules."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import QuerySet

from profiles.domain.catalogue import EACH, Shape
from profiles.domain.facts import Json
from profiles.models import EventName, KnownProperty

MOST_NAMES: Final = 500
MOST_PLACES: Final = 300
_RARE: Final = 50  # one sample in so many is a slip of some client's, not a type of the property


@dataclass(frozen=True, slots=True, kw_only=True)
class NameLine:
    """An event name in use."""

    name: str
    count: int  # messages, about
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueLine:
    """A value several people had."""

    value: Json
    seen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyLine:
    """A property of an event, or a trait."""

    path: str
    types: tuple[Shape, ...]  # the commonest first
    seen: int  # samples
    values: tuple[ValueLine, ...]  # the commonest first

    @property
    def is_inside_list(self) -> bool:
        return EACH in self.path


def event_names(*, starts: str = "", limit: int = MOST_NAMES) -> list[NameLine]:
    """The event names, the commonest first."""
    rows = EventName.objects.order_by("-message_count", "name")
    if starts:
        rows = rows.filter(name__istartswith=starts)
    return [
        NameLine(name=row.name, count=row.message_count, last_seen_at=row.last_seen_at)
        for row in rows[:limit]
    ]


def unsent(names: Collection[str]) -> frozenset[str]:
    """Of names as rules write them, a closing * for any continuation, those that nobody ever sent."""
    exact = {name for name in names if not name.endswith("*")}
    sent = set(EventName.objects.filter(name__in=exact).values_list("name", flat=True)) if exact else set()
    begun = {
        name
        for name in names
        if name.endswith("*") and EventName.objects.filter(name__startswith=name[:-1]).exists()
    }
    return frozenset(names) - sent - begun


def properties_of(event: str) -> list[PropertyLine]:
    """The properties of an event; of a name that ends in * those of all names beginning so."""
    if event.endswith("*"):
        return _lines(KnownProperty.objects.filter(event_name__name__startswith=event[:-1]))
    return _lines(KnownProperty.objects.filter(event_name__name=event))


def properties_by_event(events: Sequence[str]) -> dict[str, list[PropertyLine]]:
    """The properties of several events, named as written, with one query for those without a *."""
    exact = [name for name in events if not name.endswith("*")]
    rows = KnownProperty.objects.filter(event_name__name__in=exact).select_related("event_name")
    found: dict[str, list[KnownProperty]] = {name: [] for name in exact}
    for row in rows:
        if row.event_name is not None:
            found[row.event_name.name].append(row)
    lines = {name: _merged(of_name) for name, of_name in found.items()}
    return lines | {name: properties_of(name) for name in events if name.endswith("*")}


def traits() -> list[PropertyLine]:
    """The traits of people."""
    return _lines(KnownProperty.objects.filter(event_name=None))


def _lines(rows: QuerySet[KnownProperty]) -> list[PropertyLine]:
    return _merged(list(rows.order_by("-seen", "path")[: MOST_PLACES * 4]))


def _merged(rows: Sequence[KnownProperty]) -> list[PropertyLine]:
    """One line a path, though several names may have it."""
    by_path: dict[str, list[KnownProperty]] = {}
    for row in rows:
        by_path.setdefault(row.path, []).append(row)
    lines = [_line(path, found) for path, found in by_path.items()]
    return sorted(lines, key=lambda line: (-line.seen, line.path))[:MOST_PLACES]


def _line(path: str, rows: Sequence[KnownProperty]) -> PropertyLine:
    types: dict[str, int] = {}
    values: dict[str, int] = {}
    for row in rows:
        for word, number in row.types.items():
            types[word] = types.get(word, 0) + number
        for text, number in row.values.items():
            values[text] = values.get(text, 0) + number
    seen = sum(row.seen for row in rows)
    common = [word for word, number in sorted(types.items(), key=_often) if number * _RARE >= seen]
    return PropertyLine(
        path=path,
        types=tuple(Shape(word) for word in common),
        seen=seen,
        values=tuple(
            ValueLine(value=json.loads(text), seen=number)
            for text, number in sorted(values.items(), key=_often)
        ),
    )


def _often(one: tuple[str, int]) -> tuple[int, str]:
    return (-one[1], one[0])
