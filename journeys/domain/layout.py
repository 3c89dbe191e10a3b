"""Where the parts of a journey lie on the canvas, in columns of one card each.

A step that owns sequences is as wide as all of them side by side and stands over their middle. The wires
to a sequence reach from that middle to its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from journeys.domain import nodes


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
    name: str = ""  # of a case or a variant
    steps: nodes.Sequence


def ways_of(step: nodes.Step) -> list[Way]:
    """The ways out of a step; none where everybody just goes on below it."""
    match step:
        case nodes.WaitUntil(then=(), otherwise=()):
            return []
        case nodes.WaitUntil(timeout=None):
            return [Way(kind=WayKind.THEN, steps=step.then)]
        case nodes.WaitUntil():
            return [
                Way(kind=WayKind.THEN, steps=step.then),
                Way(kind=WayKind.TIMED_OUT, steps=step.otherwise),
            ]
        case nodes.Branch():
            cases = [Way(kind=WayKind.CASE, name=case.name, steps=case.steps) for case in step.cases]
            return [*cases, Way(kind=WayKind.ELSE, steps=step.otherwise)]
        case nodes.Split():
            variants = [
                Way(kind=WayKind.VARIANT, name=variant.name, steps=variant.steps) for variant in step.variants
            ]
            return [*variants, Way(kind=WayKind.HELD_OUT, steps=())] if step.hold_out else variants
        case nodes.Repeat():
            return [Way(kind=WayKind.ROUND, steps=step.steps)]
        case _:
            return []


def columns(steps: nodes.Sequence) -> int:
    """How many columns a sequence is wide."""
    return max((_width(step) for step in steps), default=1)


def _width(step: nodes.Step) -> int:
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
