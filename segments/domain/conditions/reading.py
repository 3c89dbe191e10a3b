"""What a condition asks for, found without asking it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from typing import assert_never

from segments.domain.conditions.nodes import (
    Between,
    Condition,
    ConsentIs,
    ContextTest,
    During,
    Engagement,
    EventCount,
    EventHad,
    EventLeaf,
    EventSequence,
    EventTotal,
    Group,
    HasBeen,
    IdentityKnown,
    InBucket,
    InSegment,
    Last,
    Leaf,
    OnList,
    PersonLeaf,
    SinceEntry,
    Test,
    TraitTest,
)
from segments.domain.operators import needs_clock
from segments.domain.values import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """What has to be at hand before a condition can be asked."""

    event_names: frozenset[str] = frozenset()  # as written; a closing * stands for any continuation
    window: timedelta | None = timedelta()  # how far back the events must reach; None: to the beginning
    trait_keys: frozenset[str] = frozenset()
    trait_histories: frozenset[str] = frozenset()  # trait keys whose past values are asked about
    segments: frozenset[str] = frozenset()  # slugs
    lists: frozenset[str] = frozenset()  # slugs
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
            trait_histories=self.trait_histories | other.trait_histories,
            segments=self.segments | other.segments,
            lists=self.lists | other.lists,
            consents=self.consents | other.consents,
            identity_kinds=self.identity_kinds | other.identity_kinds,
            needs_context=self.needs_context or other.needs_context,
            needs_entry=self.needs_entry or other.needs_entry,
            needs_zone=self.needs_zone or other.needs_zone,
        )


def reads(condition: Condition) -> Reads:
    """Say what a condition asks for."""
    if isinstance(condition, Group):
        return reduce(Reads.__or__, map(reads, condition.of), Reads())
    return _event_reads(condition) if isinstance(condition, EventLeaf) else _person_reads(condition)


def _person_reads(leaf: PersonLeaf) -> Reads:
    match leaf:
        case TraitTest():
            return Reads(trait_keys=frozenset(leaf.path[:1]), needs_zone=needs_clock(leaf.comparison))
        case HasBeen():
            keys, is_zoned = frozenset(leaf.path[:1]), needs_clock(leaf.comparison)
            return Reads(trait_keys=keys, trait_histories=keys, needs_zone=is_zoned)
        case InSegment():
            return Reads(
                segments=frozenset({leaf.slug}),
                needs_entry=isinstance(leaf.during, SinceEntry),
                needs_zone=_is_local(leaf.during),
            )
        case OnList():
            return Reads(lists=frozenset({leaf.slug}))
        case InBucket():
            return Reads()
        case ConsentIs():
            return Reads(consents=frozenset({leaf.category}))
        case IdentityKnown():
            return Reads(identity_kinds=frozenset({leaf.kind}))
        case ContextTest():
            return Reads(needs_context=True, needs_zone=needs_clock(leaf.comparison))
        case _:
            assert_never(leaf)


def _event_reads(leaf: EventLeaf) -> Reads:
    match leaf:
        case EventCount() | EventTotal():
            return _reads_of([leaf.name], leaf.where, leaf.during)
        case EventHad():
            return _reads_of([leaf.name], [*leaf.where, *leaf.had], leaf.during)
        case EventSequence():
            tests = [test for step in leaf.steps for test in step.where]
            return _reads_of([step.name for step in leaf.steps], tests, leaf.during)
        case Engagement():
            return _event_reads(leaf.as_events())
        case _:
            assert_never(leaf)


def _reads_of(names: Iterable[str], tests: Iterable[Test], during: During) -> Reads:
    asked = list(tests)
    return Reads(
        event_names=frozenset(names),
        window=during.length.exact() if isinstance(during, Last) else None,
        needs_entry=isinstance(during, SinceEntry) or any(test.is_about_entry for test in asked),
        needs_zone=_is_local(during) or any(needs_clock(test.comparison) for test in asked),
    )


def _is_local(during: During) -> bool:
    return isinstance(during, Between) and not (
        isinstance(during.start, Instant) and isinstance(during.end, Instant)
    )


def leaves(condition: Condition) -> Iterator[Leaf]:
    """All leaves, from left to right."""
    if isinstance(condition, Group):
        for part in condition.of:
            yield from leaves(part)
    else:
        yield condition


def name_fits(name: str, *, wanted: str) -> bool:
    """Whether an event's name is the wanted one, or starts with what stands before its closing `*`."""
    return name.startswith(wanted[:-1]) if wanted.endswith("*") else name == wanted
