"""Where the parts of a journey lie on the canvas, in columns of one card each.

A step that owns sequences is as wide as all of them side by side and stands over their middle. The wires
to a sequence reach from that middle to its own. All of it is read from the document as it was written:
a draft has its picture before it is sound.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from journeys.domain.outline import Document
from profiles.domain.facts import Json


class WayKind(Enum):
    """Which way out of a step."""

    THEN = "then"
    TIMED_OUT = "timed_out"
    CASE = "case"
    ELSE = "else"
    VARIANT = "variant"
    HELD_OUT = "held_out"
    ROUND = "round"


class Side(Enum):
    """On which side of its step's middle a sequence lies."""

    LEFT = "l"
    MIDDLE = "m"
    RIGHT = "r"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The place of one of the sequences that a step owns."""

    width: int  # columns
    reach: int  # half columns between its middle and the step's
    side: Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way out of a step that the canvas draws."""

    kind: WayKind
    key: str = ""  # of its sequence inside of the step: "then", "cases/0"; "" where it can hold none
    name: str = ""  # of a case or a variant
    steps: Sequence[Document]


def steps_at(sequence: Json) -> list[Document]:
    """What of a sequence can be drawn."""
    return [step for step in sequence if isinstance(step, Mapping)] if isinstance(sequence, list) else []


def ways_of(step: Document) -> list[Way]:
    """The ways out of a step; none where everybody just goes on below it."""
    return list(_ways(step))


def _ways(step: Document) -> Iterator[Way]:
    match step.get("kind"):
        case "wait_until":
            yield from _ways_of_wait(step)
        case "branch":
            yield from _named(step, "cases", WayKind.CASE)
            yield Way(kind=WayKind.ELSE, key="else", steps=steps_at(step.get("else")))
        case "split":
            yield from _named(step, "variants", WayKind.VARIANT)
            if step.get("hold_out"):
                yield Way(kind=WayKind.HELD_OUT, steps=())
        case "repeat":
            yield Way(kind=WayKind.ROUND, key="steps", steps=steps_at(step.get("steps")))


def _ways_of_wait(step: Document) -> Iterator[Way]:
    then, otherwise = steps_at(step.get("then")), steps_at(step.get("else"))
    ends = "timeout" in step
    if ends or then or otherwise:
        yield Way(kind=WayKind.THEN, key="then", steps=then)
    if ends or otherwise:
        yield Way(kind=WayKind.TIMED_OUT, key="else", steps=otherwise)


def _named(step: Document, key: str, kind: WayKind) -> Iterator[Way]:
    ways = step.get(key)
    for number, way in enumerate(ways if isinstance(ways, list) else ()):
        if isinstance(way, Mapping):
            name = way.get("name") or f"{kind.value} {number + 1}"
            steps = steps_at(way.get("steps"))
            yield Way(kind=kind, key=f"{key}/{number}", name=str(name), steps=steps)


def ends(step: Document) -> bool:
    """Whether nobody goes on below this step."""
    match step.get("kind"):
        case "exit" | "go_to_journey":
            return True
        case "repeat" if "until" in step:
            return False
        case _:
            ways = ways_of(step)
            waits_for_ever = step.get("kind") == "wait_until" and "timeout" not in step
            return bool(ways) and all(
                runs_out(way.steps) for way in ways if not (waits_for_ever and way.kind is WayKind.TIMED_OUT)
            )


def runs_out(steps: Sequence[Document]) -> bool:
    """Whether everybody on a sequence leaves the journey."""
    return bool(steps) and ends(steps[-1])


def columns(steps: Sequence[Document]) -> int:
    """How many columns a sequence is wide."""
    return max((_width(step) for step in steps), default=1)


def _width(step: Document) -> int:
    return sum(columns(way.steps) for way in ways_of(step)) or 1


def places(widths: Sequence[int]) -> list[Place]:
    """The places of sequences of these widths, from left to right."""
    middle, begin, found = sum(widths), 0, []
    for width in widths:
        distance = 2 * begin + width - middle  # twice the way from the step's middle, in columns
        side = Side.LEFT if distance < 0 else Side.RIGHT if distance else Side.MIDDLE
        found.append(Place(width=width, reach=abs(distance), side=side))
        begin += width
    return found
