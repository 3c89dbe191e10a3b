"""The nodes of a condition, and what they mean at the edges.

A condition asks about one person (`profiles.domain.facts.Facts`) at one moment, `now`. It is true or
false, never unknown; whatever cannot be asked at all (an entry where no run has begun) is an error.

Missing
    A value is missing when nothing stands at the path, when null stands there, or when the operator is
    about another type: nothing is converted, so the text "12" is no number, true is no 1, and a number is
    no text. For a missing value each operator is false. Those that are written as opposites (`is_not`,
    `not_one_of`, `not_contains`, `includes_none`, `no_item`, `unknown`) are true exactly when their
    counterpart is false, and therefore true for a missing value. The empty text is a value.
Groups
    An empty `all` and an empty `none` are true, an empty `any` is false.
Text
    Compared sign by sign, with no language's rules. `ignore_case` lowers both sides by one table that maps
    each sign to one sign. `matches` looks anywhere in the text (see `segments.domain.patterns`).
Numbers
    Exact decimals up to 10^308 either way; what lies beyond is missing.
Dates
    See `segments.domain.values` for what can be read as a date. With a plain day, `before`, `after` and `on`
    compare the day on the person's calendar; with a time of day, `before` and `after` compare moments.
    `within_last d` is now - d < date <= now, `more_than_ago d` is date <= now - d, `within_next d` is
    now < date <= now + d, `more_than_ahead d` is date > now + d: a date passes exactly one of the four.
    The length moves the person's calendar and clock, so a day may have 23 or 25 hours. `anniversary` is
    about days: the date's return is today, or from today up to the last of the days ahead; 29 February
    returns on the 28th where the year has no 29th.
Lists
    `includes…` compare by type. `every_item` is false for an empty list. An item that is no object has
    nothing at any path.
Events
    An event counts when its name fits (exactly, or by what stands before a closing `*`), all of `where`
    holds, and it lies in the window; nothing later than `now` counts, except the message being processed,
    whose clock may run a little ahead. `last d` is ts > now - d, `before_last d` is ts <= now - d, a day
    being 24 hours; `between` is from <= ts < to, plain days being the person's; `since entry` is strictly
    after the entry message in the order of (ts, arrival).
Segments
    A stay lasts from its entering up to, not including, its leaving. `member` is to be in a stay now, with
    `during` one that began in the window. `left` is to be in none while one ended (in the window).
Consent
    A category never mentioned is `unset`.

To add a node: a class here and in `Condition`, a row in `reads`, and one function in each reader
(parse, evaluate, describe, the compiler, the network); mypy names every place that still lacks it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import reduce
from typing import assert_never

from segments.domain.operators import Comparison, EntryValue, needs_clock
from segments.domain.values import DateValue, Instant, Length, Path


class Source(StrEnum):
    """Where in an event a test looks."""

    PROPERTY = "property"
    CONTEXT = "context"


class CountOperator(StrEnum):
    """How a number of events is compared."""

    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    EXACTLY = "exactly"


class Standing(StrEnum):
    """How somebody stands to a segment."""

    MEMBER = "member"
    NOT_MEMBER = "not_member"
    LEFT = "left"


class ConsentState(StrEnum):
    """What is known about a consent."""

    GRANTED = "granted"
    DENIED = "denied"
    UNSET = "unset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ever:
    """At any time up to now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Last:
    """Less than a length of time ago."""

    length: Length


@dataclass(frozen=True, slots=True, kw_only=True)
class BeforeLast:
    """A length of time ago or longer."""

    length: Length


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """From `start` up to, not including, `end`."""

    start: DateValue
    end: DateValue


@dataclass(frozen=True, slots=True, kw_only=True)
class SinceEntry:
    """After the message that began the run."""


During = Ever | Last | BeforeLast | Between | SinceEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many events there must be."""

    op: CountOperator = CountOperator.AT_LEAST
    value: int = 1

    def holds_for(self, number: int) -> bool:
        match self.op:
            case CountOperator.AT_LEAST:
                return number >= self.value
            case CountOperator.AT_MOST:
                return number <= self.value
            case CountOperator.EXACTLY:
                return number == self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """A comparison of one part of an event."""

    source: Source
    path: Path
    comparison: Comparison

    @property
    def is_about_entry(self) -> bool:
        return isinstance(self.comparison.value, EntryValue)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf:
    """Every one holds."""

    of: tuple["Condition", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    """At least one holds."""

    of: tuple["Condition", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoneOf:
    """None holds."""

    of: tuple["Condition", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraitTest:
    """A comparison of one of the person's traits; the first key of the path is the trait's."""

    path: Path
    comparison: Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCount:
    """So many events of a name passed the tests in a time."""

    name: str  # may end in * for every name that starts so
    where: tuple[Test, ...] = ()
    count: Count = field(default_factory=Count)
    during: During = field(default_factory=Ever)


@dataclass(frozen=True, slots=True, kw_only=True)
class InSegment:
    """How the person stands to a segment."""

    slug: str
    standing: Standing
    during: During = field(default_factory=Ever)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentIs:
    """What the person said about a category of consent."""

    category: str
    state: ConsentState


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityKnown:
    """The person has an identity of a kind."""

    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextTest:
    """A comparison in the context of the message being processed; without one everything is missing."""

    path: Path
    comparison: Comparison


Group = AllOf | AnyOf | NoneOf
Leaf = TraitTest | EventCount | InSegment | ConsentIs | IdentityKnown | ContextTest
Condition = Group | Leaf


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """What has to be at hand before a condition can be asked."""

    event_names: frozenset[str] = frozenset()  # as written; a closing * stands for any continuation
    window: timedelta | None = timedelta()  # how far back the events must reach; None: to the beginning
    trait_keys: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()  # slugs
    consents: frozenset[str] = frozenset()  # categories
    identity_kinds: frozenset[str] = frozenset()
    needs_context: bool = False  # asks about the message being processed
    needs_entry: bool = False  # asks about the message that began the run
    needs_zone: bool = False  # the answer depends on where the person lives

    def __or__(self, other: "Reads") -> "Reads":
        is_endless = self.window is None or other.window is None
        return Reads(
            event_names=self.event_names | other.event_names,
            window=None if is_endless else max(self.window or timedelta(), other.window or timedelta()),
            trait_keys=self.trait_keys | other.trait_keys,
            segments=self.segments | other.segments,
            consents=self.consents | other.consents,
            identity_kinds=self.identity_kinds | other.identity_kinds,
            needs_context=self.needs_context or other.needs_context,
            needs_entry=self.needs_entry or other.needs_entry,
            needs_zone=self.needs_zone or other.needs_zone,
        )


def reads(condition: Condition) -> Reads:
    """Say what a condition asks for."""
    match condition:
        case AllOf() | AnyOf() | NoneOf():
            return reduce(Reads.__or__, map(reads, condition.of), Reads())
        case TraitTest():
            zoned = needs_clock(condition.comparison)
            return Reads(trait_keys=frozenset(condition.path[:1]), needs_zone=zoned)
        case EventCount():
            return _event_reads(condition)
        case InSegment():
            return Reads(
                segments=frozenset({condition.slug}),
                needs_entry=isinstance(condition.during, SinceEntry),
                needs_zone=_is_local(condition.during),
            )
        case ConsentIs():
            return Reads(consents=frozenset({condition.category}))
        case IdentityKnown():
            return Reads(identity_kinds=frozenset({condition.kind}))
        case ContextTest():
            return Reads(needs_context=True, needs_zone=needs_clock(condition.comparison))
        case _:
            assert_never(condition)


def _event_reads(condition: EventCount) -> Reads:
    during = condition.during
    return Reads(
        event_names=frozenset({condition.name}),
        window=during.length.exact() if isinstance(during, Last) else None,
        needs_entry=isinstance(during, SinceEntry) or any(test.is_about_entry for test in condition.where),
        needs_zone=_is_local(during) or any(needs_clock(test.comparison) for test in condition.where),
    )


def _is_local(during: During) -> bool:
    return isinstance(during, Between) and not (
        isinstance(during.start, Instant) and isinstance(during.end, Instant)
    )


def leaves(condition: Condition) -> Iterator[Leaf]:
    """All leaves, from left to right."""
    match condition:
        case AllOf() | AnyOf() | NoneOf():
            for part in condition.of:
                yield from leaves(part)
        case _:
            yield condition


def name_fits(name: str, *, wanted: str) -> bool:
    """Whether an event's name is the wanted one, or starts with what stands before its closing `*`."""
    return name.startswith(wanted[:-1]) if wanted.endswith("*") else name == wanted
