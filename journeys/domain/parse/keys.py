"""What every part of the parser uses: faults with their place, and readers of single values."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import TypeVar

from journeys.domain.schedule import exact_length
from profiles.domain.facts import Json
from segments.domain.conditions import Condition
from segments.domain.parse import ConditionError, parse_condition
from segments.domain.phrases import Phrase, gettext_noop

MOST_STEPS = 500

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}", re.ASCII)
ID_FAULT = gettext_noop("must be 1 to 60 letters, digits, dots, dashes or underscores")
_NAME_LENGTH = 120

Choice = TypeVar("Choice", bound=Enum)
Document = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a document. `path` is "" for the document itself."""

    path: str
    message: Phrase

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else str(self.message)


class JourneyError(ValueError):
    """A document that is no journey. Carries all of its faults."""

    def __init__(self, faults: Collection[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)


def below(path: str, key: str) -> str:
    """The path of `key` inside the object at `path`."""
    return f"{path}.{key}" if path else key


@dataclass(slots=True)
class Reader:
    """Reads parts of one document and remembers what was wrong with them."""

    faults: list[Fault] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    def fault(self, path: str, message: str, values: Mapping[str, str | int] | None = None) -> None:
        self.faults.append(Fault(path, Phrase(message, values or {})))

    def object(self, value: Json, path: str, *, known: Collection[str]) -> Document | None:
        """An object with no other keys than the known ones; None if it is something else."""
        if not isinstance(value, Mapping):
            self.fault(path, gettext_noop("must be an object"))
            return None
        for key in value:
            if key not in known:
                self.fault(below(path, str(key)), gettext_noop("is not a known key here"))
        return value

    def text(self, document: Document, key: str, path: str, *, required: bool = True, most: int = 300) -> str:
        value = document.get(key)
        if value is None and not required:
            return ""
        if not isinstance(value, str) or (required and not value.strip()):
            self.fault(below(path, key), gettext_noop("must be a text"))
            return ""
        if len(value) > most:
            self.fault(below(path, key), gettext_noop("has at most {most} characters"), {"most": most})
        return value

    def length(self, document: Document, key: str, path: str, *, required: bool = True) -> timedelta | None:
        value = document.get(key)
        if value is None and not required:
            return None
        length = exact_length(value) if isinstance(value, str) else None
        if length is None:
            self.fault(
                below(path, key),
                gettext_noop("must be a length of time such as PT4H or P3D, without months and years"),
            )
        return length

    def number(self, document: Document, key: str, path: str, *, least: int, most: int) -> int:
        value = document.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            message = gettext_noop("must be a whole number from {least} to {most}")
            self.fault(below(path, key), message, {"least": least, "most": most})
            return least
        return value

    def choice(self, document: Document, key: str, path: str, *, default: Choice) -> Choice:
        value = document.get(key, default.value)
        kinds = type(default)
        if isinstance(value, str) and value in {kind.value for kind in kinds}:
            return kinds(value)
        names = ", ".join(str(kind.value) for kind in kinds)
        self.fault(below(path, key), gettext_noop("must be one of {choices}"), {"choices": names})
        return default

    def mapping(self, document: Document, key: str, path: str) -> Document:
        value = document.get(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.fault(below(path, key), gettext_noop("must be an object"))
            return {}
        return value

    def condition(self, value: Json, path: str) -> Condition | None:
        try:
            return parse_condition(value, path=path, allow_entry=True)
        except ConditionError as error:
            self.faults.append(Fault(error.path, error.phrase))
            return None

    def id(self, document: Document, path: str) -> str:
        value = document.get("id")
        place = below(path, "id")
        if not isinstance(value, str) or not ID.fullmatch(value):
            self.fault(place, ID_FAULT)
            return ""
        if value in self.ids:
            self.fault(place, gettext_noop("the id “{id}” is used by another step"), {"id": value})
        self.ids.add(value)
        if len(self.ids) == MOST_STEPS + 1:
            self.fault("", gettext_noop("a journey has at most {most} steps"), {"most": MOST_STEPS})
        return value

    def name(self, document: Document, path: str) -> str:
        return self.text(document, "name", path, required=False, most=_NAME_LENGTH)
