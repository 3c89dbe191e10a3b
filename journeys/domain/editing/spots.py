"""Where a step can be put: a sequence and a place in it.

A sequence has an address that outlives changes elsewhere: "" is the journey's own, "goal" the goal's,
`<step>/then`, `<step>/else`, `<step>/steps`, `<step>/cases/0` and `<step>/variants/0` belong to steps.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from journeys.domain.layout import Way, ways_of
from journeys.domain.outline import Document, step_in
from profiles.domain.facts import Json

MAIN: Final = ""
OF_GOAL: Final = "goal"


class NotThere(LookupError):
    """What an operation speaks of is not in the document, or cannot be changed in this way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A place between steps."""

    sequence: str = MAIN
    index: int

    def __str__(self) -> str:
        return f"{self.sequence}:{self.index}"

    @classmethod
    def read(cls, text: str) -> "Spot":
        """Read what `str` wrote. Raises NotThere."""
        sequence, colon, index = text.rpartition(":")
        if not colon or not (index.isascii() and index.isdigit()) or len(index) > 4:
            raise NotThere(text)
        return cls(sequence=sequence, index=int(index))


def sequence_at(document: Document, address: str) -> list[Any]:
    """The list of steps at an address, made where it was left out. Raises NotThere."""
    if address == MAIN:
        return _list_in(document, "steps")
    if address == OF_GOAL:
        goal = document.get("goal")
        return _list_in(goal, "steps") if isinstance(goal, Mapping) and "if" in goal else _missing(address)
    owner, _slash, key = address.partition("/")
    step = step_in(document, owner)
    if step is None or key not in {way.key for way in ways_of(step.part) if way.key} | _hidden(step.part):
        return _missing(address)
    name, _slash, number = key.partition("/")
    return _list_in(step.part[name][int(number)], "steps") if number else _list_in(step.part, name)


def _hidden(step: Document) -> set[str]:
    """Sequences that a step may hold though the canvas draws no way to them."""
    return {"then"} if step.get("kind") == "wait_until" else set()


def _missing(address: str) -> list[Any]:
    raise NotThere(address)


def _list_in(holder: Any, key: str) -> list[Any]:
    steps = holder.setdefault(key, [])
    if not isinstance(steps, list):
        raise NotThere(key)
    return steps


def sequences_in(document: Document) -> Iterator[tuple[str, list[Any]]]:
    """Every sequence with its address, in the order of the document."""
    yield from _sequences(document.get("steps"), MAIN)
    goal = document.get("goal")
    if isinstance(goal, Mapping) and "if" in goal:
        yield from _sequences(goal.get("steps"), OF_GOAL)


def _sequences(steps: Json, address: str) -> Iterator[tuple[str, list[Any]]]:
    if not isinstance(steps, list):
        return
    yield address, steps
    for step in steps:
        if isinstance(step, Mapping):
            for way in ways_of(step):
                if way.key:
                    yield from _sequences(_raw(step, way.key), f"{step.get('id')}/{way.key}")


def _raw(step: Document, key: str) -> Json:
    name, _slash, number = key.partition("/")
    return step[name][int(number)].get("steps") if number else step.get(name)


def spot_of(document: Document, step_id: str) -> Spot:
    """Where a step stands. Raises NotThere."""
    for address, steps in sequences_in(document):
        for index, step in enumerate(steps):
            if isinstance(step, Mapping) and step.get("id") == step_id:
                return Spot(sequence=address, index=index)
    raise NotThere(step_id)


def kept_ways(step: Document) -> list[Way]:
    """The ways of a step that hold steps: what is asked about before the step is removed."""
    return [way for way in ways_of(step) if way.steps]
