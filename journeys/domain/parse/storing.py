"""What can be stored at all, sound or not: texts, numbers and depths that the database and pages bear."""

import re
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import Final

from journeys.domain.outline import steps_in
from journeys.domain.parse.keys import ID, ID_FAULT, Fault, JourneyError, below
from profiles.domain.facts import Json
from segments.domain.phrases import Phrase, gettext_noop

MOST_DEPTH: Final = 100  # objects and lists within one another
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # zero bytes, and halves of surrogate pairs
_SHOWN_PATH: Final = 60


def storable(document: Json) -> None:
    """Refuse what no draft can hold. Raises JourneyError."""
    require(unstorable(document, ""))
    require(
        Fault(f"{step.path}.id", Phrase(ID_FAULT))
        for step in steps_in(document)
        if "id" in step.part and not is_id(step.part["id"])
    )


def is_id(value: Json) -> bool:
    """Whether a step can have this id."""
    return isinstance(value, str) and ID.fullmatch(value) is not None


def require(faults: Iterable[Fault]) -> None:
    """Raise JourneyError where there is a fault."""
    if found := list(faults):
        raise JourneyError(found)


def unstorable(value: Json, path: str, *, depth: int = MOST_DEPTH) -> Iterator[Fault]:
    """What of a value cannot be stored, with its place."""
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            yield Fault(path, Phrase(gettext_noop("holds a character that cannot be stored")))
    elif isinstance(value, float):
        if not isfinite(value):
            yield Fault(path, Phrase(gettext_noop("is no number that can be stored")))
    elif isinstance(value, Mapping | list) and depth == 0:
        shown = path if len(path) <= _SHOWN_PATH else f"{path[:_SHOWN_PATH]}…"
        yield Fault(shown, Phrase(gettext_noop("has more than {most} levels"), {"most": MOST_DEPTH}))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from unstorable(str(key), path)
            yield from unstorable(inner, below(path, str(key)), depth=depth - 1)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from unstorable(inner, f"{path}[{number}]", depth=depth - 1)
