"""Computed traits: what a definition makes of the events of one person.

A definition is stored as `{"language": 1, "compute": kind, "event": name, "property": path, "where": [tests],
"during": window}`; the last three as in conditions. The value becomes an ordinary trait:

count, sum, average, min, max, distinct    a number; the count and sum of nothing are 0
first, last                                the property of the first or last event that has it
most_frequent                              the value of the property seen most; of equals the one seen last
days_since                                 days on the person's calendar since the last event
rfm                                        {"recency", "frequency", "monetary", "score"}: fifths of all
                                           customers from 1 to 5, five being the latest, most and dearest

What nothing can be said of is no value: the trait is removed. `value_of` and `turns_at` are pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import chain
from typing import Any, Final, assert_never

from profiles.domain.exact import encode_json
from profiles.domain.facts import Event, Facts
from segments.domain.conditions import BeforeLast, EventCount, Last, Reads, SinceEntry, reads
from segments.domain.evaluate.tests import passes
from segments.domain.evaluate.windows import in_window
from segments.domain.operators import Moment, needs_clock
from segments.domain.parse import ConditionError, parse_condition, to_json
from segments.domain.phrases import Phrase, gettext_noop
from segments.domain.values import Json, Path, json_number, local_day, number, on_the_clock, value_at

LANGUAGE: Final = 1
_LONGEST: Final = 2_000  # signs of a text taken over


class Compute(StrEnum):
    """What is made of the events."""

    COUNT = "count"
    SUM = "sum"
    AVERAGE = "average"
    MIN = "min"
    MAX = "max"
    DISTINCT = "distinct"
    FIRST = "first"
    LAST = "last"
    MOST_FREQUENT = "most_frequent"
    DAYS_SINCE = "days_since"
    RFM = "rfm"


WITHOUT_PROPERTY: Final = frozenset({Compute.COUNT, Compute.DAYS_SINCE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """How a trait is computed."""

    compute: Compute
    events: EventCount  # which events: name, tests and window
    path: Path = ()

    @property
    def reads(self) -> Reads:
        return reads(self.events)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fifths:
    """Where fifths of all customers begin: four bounds each, from low to high."""

    last: Sequence[datetime] = field(default_factory=tuple)
    count: Sequence[int] = field(default_factory=tuple)
    sum: Sequence[Decimal] = field(default_factory=tuple)


def parse_computed(document: Json) -> Definition:
    """Read a definition.

    Raises:
        ConditionError: with the path of what is wrong.
    """
    if not isinstance(document, dict):
        raise ConditionError("", gettext_noop("must be an object"))
    parts = dict(document)
    if parts.pop("language", LANGUAGE) != LANGUAGE:
        raise ConditionError("language", Phrase(gettext_noop("must be {language}"), {"language": LANGUAGE}))
    compute = _compute(parts.pop("compute", None))
    path = _path(parts.pop("property", None), compute)
    if "count" in parts:
        raise ConditionError("count", gettext_noop("is not known here"))
    events = parse_condition({"event": parts.pop("event", None)} | parts)
    if not isinstance(events, EventCount) or isinstance(events.during, SinceEntry):
        raise ConditionError("event", gettext_noop("is missing"))
    for place, test in enumerate(events.where):
        if needs_clock(test.comparison):
            raise ConditionError(f"where[{place}]", gettext_noop("must not depend on the day it is asked"))
    return Definition(compute=compute, events=events, path=path)


def _compute(word: Json) -> Compute:
    if word not in list(Compute):
        words = ", ".join(Compute)
        raise ConditionError("compute", Phrase(gettext_noop("must be one of: {words}"), {"words": words}))
    return Compute(word)


def _path(text: Json, compute: Compute) -> Path:
    if compute in WITHOUT_PROPERTY:
        if text is not None:
            raise ConditionError("property", gettext_noop("is not known here"))
        return ()
    if not isinstance(text, str) or not all(text.split(".")):
        raise ConditionError("property", gettext_noop("must be the path of a property"))
    return tuple(text.split("."))


def computed_json(definition: Definition) -> dict[str, Any]:
    """Write a definition as it is stored."""
    document = {"language": LANGUAGE, "compute": definition.compute.value} | to_json(definition.events)
    return document | ({"property": ".".join(definition.path)} if definition.path else {})


def value_of(definition: Definition, facts: Facts, *, now: datetime, fifths: Fifths | None = None) -> Json:
    """What the trait is at a moment; None for no value."""
    events = _events(definition, facts, now=now)
    match definition.compute:
        case Compute.COUNT:
            return len(events)
        case Compute.DAYS_SINCE:
            return _days_since(events, facts, now=now)
        case Compute.RFM:
            return _rfm(definition, events, fifths or Fifths())
        case Compute.FIRST | Compute.LAST | Compute.MOST_FREQUENT | Compute.DISTINCT:
            return _of_values(definition.compute, _values(definition, events))
        case Compute.SUM | Compute.AVERAGE | Compute.MIN | Compute.MAX:
            return _of_numbers(definition.compute, _numbers(definition, events))
        case _:
            assert_never(definition.compute)


def _events(definition: Definition, facts: Facts, *, now: datetime) -> list[Event]:
    """The events that count, oldest first."""
    asked = definition.events
    moment = Moment(now=now, zone=facts.zone)
    found = in_window(facts.events_of(asked.name), asked.during, facts, moment)
    return [
        event
        for event in found
        if all(passes(test, event, facts=facts, moment=moment) for test in asked.where)
    ]


def _values(definition: Definition, events: Sequence[Event]) -> list[Json]:
    found = (value_at(event.properties, definition.path) for event in events)
    return [value[:_LONGEST] if isinstance(value, str) else value for value in found if value is not None]


def _numbers(definition: Definition, events: Sequence[Event]) -> list[Decimal]:
    found = (number(value) for value in _values(definition, events))
    return [Decimal(value) for value in found if value is not None]


def _of_numbers(compute: Compute, numbers: Sequence[Decimal]) -> Json:
    if compute is Compute.SUM:
        return json_number(sum(numbers, Decimal(0)))
    if not numbers:
        return None
    if compute is Compute.AVERAGE:
        return json_number(sum(numbers, Decimal(0)) / len(numbers))
    return json_number(min(numbers) if compute is Compute.MIN else max(numbers))


def _of_values(compute: Compute, values: Sequence[Json]) -> Json:
    if compute is Compute.DISTINCT:
        return len({_spelt(value) for value in values})
    if not values:
        return None
    if compute is Compute.MOST_FREQUENT:
        return _most_frequent(values)
    return values[0] if compute is Compute.FIRST else values[-1]


def _most_frequent(values: Sequence[Json]) -> Json:
    seen: dict[object, tuple[int, int]] = {}  # how often, and where last
    for place, value in enumerate(values):
        key = _spelt(value)
        seen[key] = (seen.get(key, (0, 0))[0] + 1, place)
    return values[max(seen.values())[1]]


def _spelt(value: Json) -> object:
    """What values have in common that are the same JSON: 7 and 7.0, but not true and 1."""
    read = number(value)
    return Decimal(read).normalize() if read is not None else encode_json(value)


def _days_since(events: Sequence[Event], facts: Facts, *, now: datetime) -> int | None:
    if not events:
        return None
    return (local_day(now, zone=facts.zone) - local_day(events[-1].ts, zone=facts.zone)).days


def _rfm(definition: Definition, events: Sequence[Event], fifths: Fifths) -> Json:
    if not events:
        return None
    total = sum(_numbers(definition, events), Decimal(0))
    recency = _fifth(events[-1].ts, fifths.last)
    frequency = _fifth(len(events), fifths.count)
    monetary = _fifth(total, fifths.sum)
    return {
        "recency": recency,
        "frequency": frequency,
        "monetary": monetary,
        "score": f"{recency}{frequency}{monetary}",
    }


def _fifth(value: Any, bounds: Sequence[Any]) -> int:
    """In which fifth a value lies, from 1 for the lowest; a bound itself still lies below."""
    return 1 + sum(1 for bound in bounds if value > bound)


def turns_at(definition: Definition, facts: Facts, *, now: datetime) -> datetime | None:
    """The first moment after `now` at which the value may be another though nothing happens; None: never."""
    events = facts.events_of(definition.events.name)
    during = definition.events.during
    moments: Iterator[datetime] = (event.ts for event in events)
    if isinstance(during, Last | BeforeLast):
        length = during.length.exact()
        moments = chain(moments, (event.ts + length for event in events))
    ahead = [at for at in moments if at > now]
    if definition.compute is Compute.DAYS_SINCE and events:
        ahead.append(_midnight(facts, now=now))
    return min(ahead, default=None)


def _midnight(facts: Facts, *, now: datetime) -> datetime:
    tomorrow = local_day(now, zone=facts.zone) + timedelta(days=1)
    return on_the_clock(datetime.combine(tomorrow, time()), zone=facts.zone)


def fifths_json(fifths: Fifths) -> dict[str, Json]:
    """Write bounds as they are stored."""
    return {
        "last": [at.isoformat() for at in fifths.last],
        "count": list(fifths.count),
        "sum": [str(bound) for bound in fifths.sum],
    }


def read_fifths(document: Mapping[str, Json]) -> Fifths:
    """Read what `fifths_json` wrote."""
    return Fifths(
        last=tuple(datetime.fromisoformat(at) for at in document.get("last", ())),
        count=tuple(document.get("count", ())),
        sum=tuple(Decimal(bound) for bound in document.get("sum", ())),
    )
