"""Reasons: what each part of a condition needed, what was seen, and whether it held."""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from segments.domain.conditions import (
    AllOf,
    AnyOf,
    Condition,
    ConsentIs,
    ContextTest,
    Engagement,
    EventCount,
    EventHad,
    EventSequence,
    EventTotal,
    Group,
    HasBeen,
    IdentityKnown,
    InBucket,
    InSegment,
    Leaf,
    NoneOf,
    OnList,
    TraitTest,
)
from segments.domain.parse import to_json
from segments.domain.values import Json, json_number, number

LONGEST_SEEN: Final = 200  # characters of a text kept as a reason
MOST_SEEN: Final = 20  # items of a list or object kept as a reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a part of a condition holds or not: what it needed and what was seen."""

    condition: Condition
    seen: Json  # None for groups: their parts say it
    held: bool
    children: tuple["Reason", ...] = ()

    @property
    def node(self) -> str:
        """The word that names the kind of part: all, trait, event, …"""
        if isinstance(self.condition, EventHad):
            return str(self.condition.position)
        return _LABELS[type(self.condition)]

    @property
    def needed(self) -> dict[str, Any] | None:
        """The part as JSON, for describing it in any language later; None for groups."""
        return None if isinstance(self.condition, Group) else _needed(self.condition)

    def to_json(self) -> dict[str, Any]:
        """What the ledger keeps: node, held, and needed and seen or children."""
        document: dict[str, Any] = {"node": self.node, "held": self.held}
        if isinstance(self.condition, Group):
            return document | {"children": [child.to_json() for child in self.children]}
        return document | {"needed": self.needed, "seen": self.seen}


@lru_cache(maxsize=4096)
def _needed(leaf: Leaf) -> dict[str, Any]:
    """A leaf as JSON, shared by all reasons about it: nobody may change it."""
    return to_json(leaf)


_LABELS: Final = {
    AllOf: "all",
    AnyOf: "any",
    NoneOf: "none",
    TraitTest: "trait",
    HasBeen: "has_been",
    EventCount: "event",
    EventTotal: "total",
    EventSequence: "sequence",
    Engagement: "engagement",
    InSegment: "segment",
    OnList: "list",
    InBucket: "bucket",
    ConsentIs: "consent",
    IdentityKnown: "known",
    ContextTest: "context",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Whether a condition holds, and why."""

    holds: bool
    reason: Reason


def short(value: Json) -> Json:
    """A value as the ledger may keep it: JSON-ready and bounded."""
    match value:
        case str():
            return value if len(value) <= LONGEST_SEEN else value[:LONGEST_SEEN] + "…"
        case Decimal():
            return str(value) if number(value) is None else json_number(value)
        case list() | tuple():
            return [short(item) for item in value[:MOST_SEEN]]
        case dict():
            return {key: short(item) for key, item in list(value.items())[:MOST_SEEN]}
        case _:
            return value
