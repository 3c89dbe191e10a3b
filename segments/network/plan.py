"""Rules turned inside out: from what can happen to the rules that it can touch."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, assert_never

from segments.domain.conditions import (
    ConsentIs,
    ContextTest,
    Engagement,
    EventCount,
    EventHad,
    EventLeaf,
    EventSequence,
    EventTotal,
    HasBeen,
    IdentityKnown,
    InBucket,
    InSegment,
    Leaf,
    OnList,
    PersonLeaf,
    Source,
    Test,
    TraitTest,
    leaves,
    name_fits,
    reads,
)
from segments.domain.operators import OPERATORS, Comparison, Moment, holds_for, needs_clock
from segments.domain.values import Json, Path, value_at
from segments.network.stimuli import LiveRule, RuleId

ANYWHERE: Final = Moment(now=datetime(1970, 1, 1, tzinfo=UTC), zone="UTC")  # for tests that need no clock
ZONE_TRAIT: Final = "timezone"

Tests = tuple[Test, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A message that passes all tests touches these rules."""

    tests: Tests
    rules: frozenset[RuleId]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What one event name touches."""

    always: frozenset[RuleId]  # whatever the message holds
    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraitLeaf:
    """A change of the trait touches the rules if it changes this comparison's answer."""

    path: Path  # below the trait's key
    comparison: Comparison
    rules: frozenset[RuleId]

    def is_touched(self, before: Json, after: Json) -> bool:
        if needs_clock(self.comparison):
            return True
        return self._holds(before) is not self._holds(after)

    def _holds(self, value: Json) -> bool:
        return holds_for(value_at(value, self.path), self.comparison, ANYWHERE)


@dataclass(slots=True, kw_only=True)
class Plan:
    """All tables of one set of rules."""

    names: dict[str, Terms] = field(default_factory=dict)  # exact name, with what its prefixes touch
    prefixes: dict[str, Terms] = field(default_factory=dict)  # for names not in `names`
    traits: dict[str, tuple[TraitLeaf, ...]] = field(default_factory=dict)
    consents: dict[str, frozenset[RuleId]] = field(default_factory=dict)
    kinds: dict[str, frozenset[RuleId]] = field(default_factory=dict)
    segments: dict[str, frozenset[RuleId]] = field(default_factory=dict)
    histories: dict[str, frozenset[RuleId]] = field(default_factory=dict)  # of a trait: any change counts
    lists: dict[str, frozenset[RuleId]] = field(default_factory=dict)
    zoned: frozenset[RuleId] = frozenset()
    everything: frozenset[RuleId] = frozenset()


def plan_of(rules: Iterable[LiveRule]) -> Plan:
    """Read the rules and build the tables."""
    gathering = _Gathering()
    listed = list(rules)
    for rule in listed:
        for leaf in leaves(rule.condition):
            gathering.take(leaf, rule.id)
    plan = gathering.plan()
    plan.zoned = frozenset(rule.id for rule in listed if reads(rule.condition).needs_zone)
    plan.everything = frozenset(rule.id for rule in listed)
    return plan


class _Gathering:
    """Tables while they grow."""

    def __init__(self) -> None:
        self.names: dict[str, dict[frozenset[Test], set[RuleId]]] = defaultdict(lambda: defaultdict(set))
        self.traits: dict[str, dict[tuple[Path, Comparison], set[RuleId]]] = defaultdict(
            lambda: defaultdict(set)
        )
        self.consents: dict[str, set[RuleId]] = defaultdict(set)
        self.kinds: dict[str, set[RuleId]] = defaultdict(set)
        self.segments: dict[str, set[RuleId]] = defaultdict(set)
        self.histories: dict[str, set[RuleId]] = defaultdict(set)
        self.lists: dict[str, set[RuleId]] = defaultdict(set)

    def take(self, leaf: Leaf, rule: RuleId) -> None:
        if isinstance(leaf, EventLeaf):
            self.take_events(leaf, rule)
        else:
            self.take_person(leaf, rule)

    def take_events(self, leaf: EventLeaf, rule: RuleId) -> None:
        match leaf:
            case EventCount() | EventTotal() | EventHad():
                self.take_tests(leaf.name, leaf.where, rule)
            case EventSequence():
                for step in leaf.steps:
                    self.take_tests(step.name, step.where, rule)
            case Engagement():
                self.take_events(leaf.as_events(), rule)
            case _:
                assert_never(leaf)

    def take_tests(self, name: str, tests: Iterable[Test], rule: RuleId) -> None:
        self.names[name][frozenset(test for test in tests if _is_projectable(test))].add(rule)

    def take_person(self, leaf: PersonLeaf, rule: RuleId) -> None:
        match leaf:
            case ContextTest():
                self.names["*"][_context_tests(leaf)].add(rule)
            case TraitTest():
                self.traits[leaf.path[0]][leaf.path[1:], leaf.comparison].add(rule)
            case HasBeen():
                self.histories[leaf.path[0]].add(rule)
            case ConsentIs():
                self.consents[leaf.category].add(rule)
            case IdentityKnown():
                self.kinds[leaf.kind].add(rule)
            case InSegment():
                self.segments[leaf.slug].add(rule)
            case OnList():
                self.lists[leaf.slug].add(rule)
            case InBucket():
                pass  # the public id stays, but for a merge
            case _:
                assert_never(leaf)

    def plan(self) -> Plan:
        exact = [name for name in self.names if not name.endswith("*")]
        prefixes = [name for name in self.names if name.endswith("*")]
        return Plan(
            names={name: self._terms([name, *_fitting(name, prefixes)]) for name in exact},
            prefixes={name[:-1]: self._terms([name]) for name in prefixes},
            traits={key: _trait_leaves(found) for key, found in self.traits.items()},
            consents=_frozen(self.consents),
            kinds=_frozen(self.kinds),
            segments=_frozen(self.segments),
            histories=_frozen(self.histories),
            lists=_frozen(self.lists),
        )

    def _terms(self, names: Iterable[str]) -> Terms:
        joined: dict[frozenset[Test], set[RuleId]] = defaultdict(set)
        for name in names:
            for tests, rules in self.names[name].items():
                joined[tests] |= rules
        always = frozenset(joined.pop(frozenset(), ()))
        terms = (
            Term(tests=tuple(sorted(tests, key=repr)), rules=frozenset(rules) - always)
            for tests, rules in joined.items()
        )
        return Terms(always=always, terms=tuple(term for term in terms if term.rules))


def _fitting(name: str, prefixes: Iterable[str]) -> list[str]:
    return [prefix for prefix in prefixes if name_fits(name, wanted=prefix)]


def _trait_leaves(found: Mapping[tuple[Path, Comparison], set[RuleId]]) -> tuple[TraitLeaf, ...]:
    return tuple(
        TraitLeaf(path=path, comparison=comparison, rules=frozenset(rules))
        for (path, comparison), rules in found.items()
    )


def _frozen(table: Mapping[str, set[RuleId]]) -> dict[str, frozenset[RuleId]]:
    return {key: frozenset(rules) for key, rules in table.items()}


def _is_projectable(test: Test) -> bool:
    """Whether the message alone tells the answer: not the clock, a run's entry, or another event."""
    return not test.is_about_entry and not test.is_about_step and not needs_clock(test.comparison)


def _context_tests(leaf: ContextTest) -> frozenset[Test]:
    """A message that passes these answers the leaf otherwise than no message does.

    Without a message everything is missing. An opposite is true then, so it is the passing of its
    counterpart that makes the difference.
    """
    row = OPERATORS[leaf.comparison.op]
    comparison = leaf.comparison if row.opposite_of is None else replace(leaf.comparison, op=row.opposite_of)
    test = Test(source=Source.CONTEXT, path=leaf.path, comparison=comparison)
    return frozenset({test}) if _is_projectable(test) else frozenset()
