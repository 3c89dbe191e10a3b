"""What events and traits look like: which properties there are, of which types, with which usual values.

Forms suggest from it; no rule ever depends on it. It is learned from samples, so its numbers compare and do
not count. A value is kept only when it reads like one of a few choices and two people at least had it: what
names, addresses or numbers say about somebody stays with that person.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Final

from profiles.domain.exact import encode_json
from profiles.domain.facts import Json

TRAITS: Final = ""  # stands for the traits of people where otherwise an event's name stands
DEEPEST: Final = 3
MOST_PATHS: Final = 200  # of one event name
MOST_PLACES: Final = 10_000  # that one worker has in mind
MOST_VALUES: Final = 40  # of one property; beyond it only the usual ones stay
KEPT_VALUES: Final = 20
LONGEST_PATH: Final = 120
LONGEST_VALUE: Final = 60
MOST_WORDS: Final = 5
MOST_ITEMS: Final = 3  # of a list that are looked into
EACH: Final = "[]"  # after the path of a list of objects: any of them

_DATE: Final = re.compile(r"[12][0-9]{3}-[01][0-9]-[0-3][0-9]([T ][0-9:.]+(Z|[+-][0-9:]+)?)?")
_DIGITS: Final = re.compile(r"[0-9]")
_MOST_DIGITS: Final = 6  # more look like a number of somebody or something
_OWN: Final = re.compile(
    r"name$|mail|phone|mobile|street|address|zip|postal|birth|passw|token|secret|iban|card|^ip$|_ip$"
    r"|latitude|longitude|^lat$|^lng$|comment|message|note|text|title$|url|referrer|(^|_|[a-z])ids?$",
    re.IGNORECASE,
)
_NOT_OWN: Final = frozenset({"product_name", "event_name", "plan_name", "category_name", "brand_name"})
_SHARED: Final = 0  # no person has this id
_ODD_KEY: Final = re.compile(r"[@\s.\[\]]|[0-9]{4}")


class Shape(StrEnum):
    """What a value is; the words are those of the condition language."""

    TEXT = "text"
    NUMBER = "number"
    YES_NO = "yes_no"
    DATE = "date"
    LIST = "list"


@dataclass(slots=True)
class Sighting:
    """What was seen at one place since it was last written down."""

    seen: int = 0
    at: datetime | None = None
    types: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)  # as JSON text
    owners: dict[str, int] = field(default_factory=dict)  # value -> who alone had it so far, else _SHARED


@dataclass(slots=True)
class Gathering:
    """What a worker has seen and not yet written down."""

    counts: Counter[str] = field(default_factory=Counter)  # event name -> messages
    latest: dict[str, datetime] = field(default_factory=dict)
    sampled: Counter[str] = field(default_factory=Counter)
    parts: dict[tuple[str, str], Sighting] = field(default_factory=dict)  # (event name or TRAITS, path)

    def look(self, name: str, document: Mapping[str, Json], *, person: int, at: datetime) -> None:
        """Take in one event's properties, or one person's traits."""
        self.sampled[name] += 1
        for path, value in places_of(document):
            sighting = self.parts.get((name, path))
            if sighting is None:
                if len(self.parts) >= MOST_PLACES:
                    return
                sighting = self.parts[(name, path)] = Sighting()
            _see(sighting, path, value, person=person, at=at)

    def take(self) -> "Gathering":
        """Hand over what there is to be written down; who had which value stays here."""
        taken = Gathering(counts=self.counts, latest=self.latest)
        for key, one in self.parts.items():
            if one.seen:
                taken.parts[key] = Sighting(one.seen, one.at, one.types, one.values)
                self.parts[key] = Sighting(owners=one.owners)
        self.counts, self.latest = Counter(), {}
        return taken


def _see(sighting: Sighting, path: str, value: Json, *, person: int, at: datetime) -> None:
    sighting.seen += 1
    sighting.at = max(at, sighting.at or at)
    shape = shape_of(value)
    if shape is None:
        return
    sighting.types[shape] += 1
    for one in value[:MOST_ITEMS] if isinstance(value, list) else (value,):
        if is_shareable(path, one):
            _count(sighting, _written(one), person=person)


def _written(value: Json) -> str:
    return encode_json(value).decode()


def _count(sighting: Sighting, text: str, *, person: int) -> None:
    if text in sighting.values:
        sighting.values[text] += 1
        return
    owner = sighting.owners.get(text)
    if owner is None:
        if len(sighting.owners) < MOST_VALUES * 4:
            sighting.owners[text] = person
    elif owner != person:
        sighting.owners[text] = _SHARED
        sighting.values[text] += 1


def places_of(
    document: Mapping[str, Json], *, before: str = "", depth: int = 1
) -> Iterator[tuple[str, Json]]:
    """The values of a document with their paths; of lists of objects the parts of the first few."""
    for key, value in list(document.items())[:MOST_PATHS]:
        path = f"{before}{key}"
        if value is None or len(path) > LONGEST_PATH or _is_odd(key):
            continue
        if isinstance(value, dict):
            if depth < DEEPEST:
                yield from places_of(value, before=f"{path}.", depth=depth + 1)
            continue
        yield path, value
        if isinstance(value, list) and depth < DEEPEST:
            for item in value[:MOST_ITEMS]:
                if isinstance(item, dict):
                    yield from places_of(item, before=f"{path}{EACH}.", depth=depth + 1)


@lru_cache(maxsize=4096)
def _is_odd(key: str) -> bool:
    return not key or _ODD_KEY.search(key) is not None


def shape_of(value: Json) -> Shape | None:
    """What a value is."""
    if isinstance(value, bool):
        return Shape.YES_NO
    if isinstance(value, int | float | Decimal):
        return Shape.NUMBER
    if isinstance(value, str):
        return Shape.DATE if _DATE.fullmatch(value) else Shape.TEXT
    return Shape.LIST if isinstance(value, list) else None


def is_shareable(path: str, value: Json) -> bool:
    """Whether a value may be suggested to others: a choice, not something about one person."""
    if _is_own(path) or isinstance(value, bool):  # both of yes and no are known beforehand
        return False
    if isinstance(value, int | float | Decimal):
        return -1000 < value < 1000
    return (
        isinstance(value, str)
        and 0 < len(value) <= LONGEST_VALUE
        and "@" not in value
        and (value.isalpha() or len(_DIGITS.findall(value)) <= _MOST_DIGITS)
        and len(value.split()) <= MOST_WORDS
        and not _DATE.fullmatch(value)
    )


@lru_cache(maxsize=4096)
def _is_own(path: str) -> bool:
    """Whether values at this place tell who somebody is."""
    key = path.rpartition(".")[2].removesuffix(EACH)
    return _OWN.search(key) is not None and key.lower() not in _NOT_OWN


def usual_values(values: Mapping[str, int]) -> dict[str, int] | None:
    """The values worth keeping; None: hardly any comes again, so none of them is a choice."""
    if len(values) <= MOST_VALUES:
        return dict(values)
    if max(values.values()) <= 2:
        return None
    return dict(sorted(values.items(), key=_often)[:KEPT_VALUES])


def _often(one: tuple[str, int]) -> tuple[int, str]:
    return (-one[1], one[0])
