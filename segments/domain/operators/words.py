"""The words of the operator table, and a comparison: an operator with what it compares to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import TypeAlias

from segments.domain.patterns import Pattern
from segments.domain.values import (
    DateValue,
    Json,
    Length,
    Path,
    Scalar,
)


class Operator(StrEnum):
    """The word in a condition's `op`."""

    IS = "is"
    IS_NOT = "is_not"
    ONE_OF = "one_of"
    NOT_ONE_OF = "not_one_of"
    CONTAINS = "contains"
    NOT_CONTAINS = "not_contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    MATCHES = "matches"
    GREATER = "greater"
    AT_LEAST = "at_least"
    LESS = "less"
    AT_MOST = "at_most"
    BETWEEN = "between"
    IS_TRUE = "is_true"
    IS_FALSE = "is_false"
    BEFORE = "before"
    AFTER = "after"
    ON = "on"
    WITHIN_LAST = "within_last"
    WITHIN_NEXT = "within_next"
    MORE_THAN_AGO = "more_than_ago"
    MORE_THAN_AHEAD = "more_than_ahead"
    ANNIVERSARY = "anniversary"
    INCLUDES = "includes"
    INCLUDES_ANY = "includes_any"
    INCLUDES_ALL = "includes_all"
    INCLUDES_NONE = "includes_none"
    LENGTH = "length"
    ANY_ITEM = "any_item"
    EVERY_ITEM = "every_item"
    NO_ITEM = "no_item"
    KNOWN = "known"
    UNKNOWN = "unknown"


class ValueType(Enum):
    """What a stored value can be; says which operators a form offers."""

    TEXT = "text"
    NUMBER = "number"
    YES_NO = "yes_no"
    DATE = "date"
    LIST = "list"


class Takes(Enum):
    """What stands beside an operator in a condition."""

    NOTHING = "nothing"
    SCALAR = "a text or a number"
    ITEM = "a text, a number or yes/no"
    ITEMS = "a list of texts, numbers or yes/no"
    TEXT = "a text"
    PATTERN = "a regular expression"
    NUMBER = "a number"
    RANGE = "two numbers"
    DATE = "a date"
    DAY = "a day"
    LENGTH = "a length of time"
    RETURN = "today, or a length of time ahead"
    COUNT = "a comparison of the number of items"
    TESTS = "tests that one item passes together"


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Numbers from `low` to `high`, both included."""

    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """The anniversary is today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryValue:
    """Whatever stands at `path` of the message that began the run."""

    path: Path  # begins with properties or context


@dataclass(frozen=True, slots=True, kw_only=True)
class StepValue:
    """Whatever stands at `path` of the event that an earlier step of a sequence matched."""

    step: int
    path: Path  # among the properties


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemTest:
    """A comparison of one part of a list's item."""

    path: Path
    comparison: "Comparison"


Value: TypeAlias = (
    "Scalar | tuple[Scalar, ...] | Range | Pattern | DateValue | Length | Today | EntryValue | StepValue"
    " | tuple[ItemTest, ...] | Comparison | None"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """An operator with what it compares to."""

    op: Operator
    value: Value = None
    ignore_case: bool = False
    # In Python True equals 1; as JSON they differ, and so must comparisons that tables are keyed by.
    _types: tuple[type, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        values = self.value if isinstance(self.value, tuple) else (self.value,)
        object.__setattr__(self, "_types", tuple(type(value) for value in values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When and where a date is looked at."""

    now: datetime
    zone: str


Predicate = Callable[[Json, Comparison, Moment], bool]
