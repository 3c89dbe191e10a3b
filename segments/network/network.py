"""The network of one set of live rules."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Final, Literal, assert_never

from profiles.domain.facts import Event
from segments.network.closures import ClosureMatcher
from segments.network.durable import IS_INSTALLED, EngineFailed, Shard, shards_of
from segments.network.plan import ZONE_TRAIT, Terms, plan_of
from segments.network.projection import Outside
from segments.network.stimuli import (
    ConsentStimulus,
    IdentityStimulus,
    ListStimulus,
    LiveRule,
    MergeStimulus,
    MessageStimulus,
    RuleId,
    SegmentStimulus,
    Stimulus,
    TraitStimulus,
    ZoneStimulus,
)

logger = logging.getLogger(__name__)

Engine = Literal["durable", "closures"]
_NOTHING: Final[frozenset[RuleId]] = frozenset()
_MOST_REBUILDS: Final = 3  # of one event name's rulesets; then the closures keep it


@dataclass(slots=True, kw_only=True)
class Counters:
    """What went otherwise than planned, since the network was built."""

    outside: int = 0  # messages answered by closures because of what they held
    failures: int = 0  # errors of the extension; each was answered by closures
    checks: int = 0  # messages answered by both
    differences: int = 0  # checks in which they disagreed: must stay 0


class _Matcher:
    """The terms of one event name (or prefix), on durable_rules where it runs and on closures beside it."""

    def __init__(self, terms: Terms, *, is_durable: bool, counters: Counters) -> None:
        self._terms = terms
        self._closures = ClosureMatcher(terms)
        self._counters = counters
        self._rebuilds = 0
        self._shards: list[Shard] | None = None
        if is_durable and terms.terms:
            self._build()

    def touched(self, event: Event, *, is_checked: bool) -> frozenset[RuleId]:
        if self._shards is None:
            return self._closures.touched(event)
        try:
            found = [rules for shard in self._shards for rules in shard.touched(event)]
        except Outside:
            self._counters.outside += 1
            return self._closures.touched(event)
        except EngineFailed:
            logger.exception("durable_rules failed for a message; the closures answer it")
            self._recover()
            return self._closures.touched(event)
        answer = self._terms.always.union(*found) if found else self._terms.always
        return self._checked(answer, event) if is_checked else answer

    def close(self) -> None:
        shards, self._shards = self._shards, None
        for shard in shards or ():
            shard.close()

    def _checked(self, answer: frozenset[RuleId], event: Event) -> frozenset[RuleId]:
        reference = self._closures.touched(event)
        self._counters.checks += 1
        if answer != reference:
            self._counters.differences += 1
            logger.error("durable_rules and closures differ on message %s", event.message_id)
        return reference

    def _build(self) -> None:
        try:
            self._shards = shards_of(self._terms.terms)
        except EngineFailed:
            logger.exception("durable_rules refused rules; the closures take them")
            self._counters.failures += 1
            self._shards = None

    def _recover(self) -> None:
        self._counters.failures += 1
        self._rebuilds += 1
        self.close()
        if self._rebuilds <= _MOST_REBUILDS:
            self._build()


class RuleNetwork:
    """Finds the rules that a stimulus can touch.

    Args:
        rules: ids are unique.
        engine: "durable", "closures", or "auto" for the first of them that is installed.
        check_every: every how many messages both engines answer and are compared.
    """

    def __init__(self, rules: Iterable[LiveRule], *, engine: str = "auto", check_every: int = 1000) -> None:
        self.engine: Engine = "durable" if engine != "closures" and IS_INSTALLED else "closures"
        if engine == "durable" and not IS_INSTALLED:
            logger.warning("durable_rules is not installed; the closures engine runs instead")
        self.counters = Counters()
        self._check_every = check_every
        self._numbers = count(1)
        self._plan = plan_of(rules)
        self._matchers = {name: self._matcher(terms) for name, terms in self._plan.names.items()}
        self._by_prefix = {prefix: self._matcher(terms) for prefix, terms in self._plan.prefixes.items()}
        self._prefixes = tuple(self._by_prefix)

    def mentions(self, name: str) -> bool:
        """Whether any rule asks for events of this name."""
        return name in self._matchers or name.startswith(self._prefixes)

    def touched(self, stimulus: Stimulus) -> frozenset[RuleId]:
        """The rules whose answer may change by the stimulus."""
        match stimulus:
            case MessageStimulus():
                return self.touched_by_message(stimulus.event)
            case TraitStimulus():
                return self._touched_by_traits(stimulus)
            case ConsentStimulus():
                found = [self._plan.consents.get(category, _NOTHING) for category in stimulus.categories]
                return _NOTHING.union(*found)
            case IdentityStimulus():
                return _NOTHING.union(*(self._plan.kinds.get(kind, _NOTHING) for kind in stimulus.kinds))
            case SegmentStimulus():
                return self._plan.segments.get(stimulus.slug, _NOTHING)
            case ListStimulus():
                return self._plan.lists.get(stimulus.slug, _NOTHING)
            case ZoneStimulus():
                return self._plan.zoned
            case MergeStimulus():
                return self._plan.everything
            case _:
                assert_never(stimulus)

    def close(self) -> None:
        """Free what the engine holds. The network answers by closures afterwards."""
        for matcher in [*self._matchers.values(), *self._by_prefix.values()]:
            matcher.close()

    def _matcher(self, terms: Terms) -> _Matcher:
        return _Matcher(terms, is_durable=self.engine == "durable", counters=self.counters)

    def touched_by_message(self, event: Event) -> frozenset[RuleId]:
        """The rules whose answer may change because this event happened."""
        matcher = self._matchers.get(event.name)
        if matcher is None and not event.name.startswith(self._prefixes):
            return _NOTHING
        is_checked = next(self._numbers) % self._check_every == 0
        if matcher is not None:
            return matcher.touched(event, is_checked=is_checked)
        return _NOTHING.union(
            *(
                found.touched(event, is_checked=is_checked)
                for prefix, found in self._by_prefix.items()
                if event.name.startswith(prefix)
            )
        )

    def _touched_by_traits(self, stimulus: TraitStimulus) -> frozenset[RuleId]:
        found = [
            leaf.rules
            for key, (before, after) in stimulus.changes.items()
            for leaf in self._plan.traits.get(key, ())
            if leaf.is_touched(before, after)
        ]
        found += [self._plan.histories.get(key, _NOTHING) for key in stimulus.changes]
        if ZONE_TRAIT in stimulus.changes:
            found.append(self._plan.zoned)
        return _NOTHING.union(*found)
