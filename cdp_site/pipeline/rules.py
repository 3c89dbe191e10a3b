"""The live rules as this process knows them, renewed when somebody publishes.

A drain or sweep holds the shared advisory lock while it decides; a publication takes it alone, so that no
transaction decides by rules of two revisions.
"""

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce
from typing import cast
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils import timezone

from cdp_site.pipeline.feeds import Feeds, live_feeds
from journeys.domain.definition import date_condition
from journeys.domain.nodes import ApiEntry, Crossing, DateEntry, Present, ScheduleEntry, SegmentEntry
from journeys.domain.settings import Company as CompanyRules
from journeys.domain.settings import longest_cap
from journeys.live import LiveVersion, company_rules, live_versions
from profiles.domain.facts import Event, Facts
from segments.domain.conditions import EventCount, InBucket, Reads, leaves
from segments.domain.evaluate import holds
from segments.live import LiveComputed, LiveSegment, live_computed, live_segments
from segments.network import LiveRule, RuleNetwork, Stimulus

RULES_LOCK = 7302

_NOTHING = Reads()

# ("computed", trait), ("segment", id), ("entry", journey version id), ("run", journey version id),
# ("feed", connection id)
RuleId = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Everything that is asked about people now."""

    revision: int
    network: RuleNetwork
    segments: Mapping[int, LiveSegment]  # by id, dependants after what they depend on
    computed: Mapping[int, LiveComputed]  # by id
    versions: Mapping[int, LiveVersion]  # by id
    reads: Mapping[RuleId, Reads]  # rule id -> what its full evaluation may ask for
    readers: "Readers"
    open_by_slug: Mapping[str, int]  # journey -> the version that people may enter
    crossed: Mapping[tuple[str, Crossing], Sequence[LiveVersion]]  # those that begin with a segment
    at_birth: frozenset[RuleId]  # segments that somebody of whom nothing is known may belong to
    company: CompanyRules
    feeds: Feeds = field(default_factory=Feeds)

    _needs: dict[RuleId, Reads] = field(default_factory=dict)
    _followers: dict[RuleId, frozenset[RuleId]] = field(default_factory=dict)

    def touched(self, stimulus: Stimulus) -> frozenset[RuleId]:
        """Name the rules whose answer a stimulus may change."""
        return cast(frozenset[RuleId], self.network.touched(stimulus))

    def touched_by_message(self, event: Event) -> frozenset[RuleId]:
        """Name the rules whose answer a message may change."""
        return cast(frozenset[RuleId], self.network.touched_by_message(event))

    def needs_of(self, marked: Iterable[RuleId]) -> Reads:
        """What must be at hand to evaluate these rules and all that may follow from them."""
        parts = [self._needs.get(rule) or self._find_needs(rule) for rule in marked]
        return reduce(Reads.__or__, parts) if parts else _NOTHING

    def _find_needs(self, rule: RuleId) -> Reads:
        followers = self._with_followers(rule)
        found = self._needs[rule] = reduce(Reads.__or__, (self.reads[one] for one in followers))
        return found

    def _with_followers(self, rule: RuleId) -> frozenset[RuleId]:
        """Add the rules that a change of membership, a written trait or a list may lead to."""
        found = self._followers.get(rule)
        if found is None:
            found = self._followers[rule] = self._find_followers(rule)
        return found

    def _find_followers(self, rule: RuleId) -> frozenset[RuleId]:
        wanted: set[RuleId] = set()
        fresh = {rule}
        while fresh:
            wanted |= fresh
            slugs = {self.segments[id_].slug for kind, id_ in fresh if kind == "segment"}
            keys = {key for kind, id_ in fresh for key in self._sets(kind, id_)}
            versions = [self.versions[id_] for kind, id_ in fresh if kind in ("run", "entry")]
            slugs |= {slug for version in versions for slug in version.lists}
            fresh = {
                one
                for one, reads in self.reads.items()
                if (reads.segments | reads.lists) & slugs or reads.trait_keys & keys
            }
            fresh |= {("segment", id_) for id_, one in self.segments.items() if one.slug in slugs}
            fresh |= {("entry", id_) for version in versions for id_ in self._goes_to(version)}
            fresh -= wanted
        return frozenset(wanted)

    def _goes_to(self, version: LiveVersion) -> Iterator[int]:
        """The versions that people enter from this one."""
        return (id_ for slug in version.definition.journeys() if (id_ := self.open_by_slug.get(slug)))

    def journeys_entered(self, marked: Iterable[RuleId]) -> set[int]:
        """The journeys that people may come to enter when these rules are asked."""
        followers = {one for rule in marked for one in self._with_followers(rule)}
        return {self.versions[id_].journey_id for kind, id_ in followers if kind == "entry"}

    def longest_cap(self, marked: Iterable[RuleId]) -> timedelta | None:
        """How far back sent messages must be known when these rules are asked."""
        followers = {one for rule in marked for one in self._with_followers(rule)}
        versions = [self.versions[id_] for kind, id_ in followers if kind in ("run", "entry")]
        caps = [cap for version in versions for cap in version.definition.settings.caps]
        return longest_cap([*self.company.caps, *caps]) if versions else None

    def entered_by(self, slug: str, *, is_entered: bool) -> Sequence[LiveVersion]:
        """The versions that begin with somebody entering or leaving a segment."""
        return self.crossed.get((slug, Crossing.ENTERED if is_entered else Crossing.LEFT), ())

    @property
    def journeys_that_call(self) -> list[int]:
        """The journeys that people may enter though no message of theirs says so."""
        return [
            version.journey_id
            for version in self.open_versions
            if isinstance(version.definition.entry.on, DateEntry | ScheduleEntry | ApiEntry)
            or version.definition.entry.present is not Present.NEW
        ]

    @property
    def open_versions(self) -> Iterator[LiveVersion]:
        """The versions that people may enter now."""
        return (self.versions[id_] for id_ in self.open_by_slug.values())

    def open_version(self, journey: int) -> LiveVersion | None:
        """The version of a journey that people may enter now."""
        return next((version for version in self.open_versions if version.journey_id == journey), None)

    def _sets(self, kind: str, id_: int) -> Iterable[str]:
        """The traits that a rule may write."""
        match kind:
            case "segment" | "feed":
                return ()
            case "computed":
                return (self.computed[id_].key,)
            case _:
                return self.versions[id_].sets


@dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    """Which rules ask for a trait, a consent, a kind of identity: whose facts must be read for a message."""

    traits: Mapping[str, frozenset[RuleId]]
    consents: Mapping[str, frozenset[RuleId]]
    identities: Mapping[str, frozenset[RuleId]]
    zone: frozenset[RuleId]
    everything: frozenset[RuleId]

    def of_traits(self, keys: Iterable[str]) -> set[RuleId]:
        """Rules that read any of these traits; `timezone` is read by every rule about days."""
        return {rule for key in keys for rule in self.traits.get(key, ())}

    def of_consents(self, categories: Iterable[str]) -> set[RuleId]:
        """Rules that read any of these consents."""
        return {rule for category in categories for rule in self.consents.get(category, ())}

    def of_identities(self, kinds: Iterable[str]) -> set[RuleId]:
        """Rules that ask for any of these kinds of identity."""
        return {rule for kind in kinds for rule in self.identities.get(kind, ())}


def _readers(reads: Mapping[RuleId, Reads]) -> Readers:
    traits: dict[str, set[RuleId]] = defaultdict(set)
    consents: dict[str, set[RuleId]] = defaultdict(set)
    identities: dict[str, set[RuleId]] = defaultdict(set)
    for rule, one in reads.items():
        for key in one.trait_keys | ({"timezone"} if one.needs_zone else set()):
            traits[key].add(rule)
        for category in one.consents:
            consents[category].add(rule)
        for kind in one.identity_kinds:
            identities[kind].add(rule)
    return Readers(
        traits={key: frozenset(rules) for key, rules in traits.items()},
        consents={key: frozenset(rules) for key, rules in consents.items()},
        identities={key: frozenset(rules) for key, rules in identities.items()},
        zone=frozenset(rule for rule, one in reads.items() if one.needs_zone),
        everything=frozenset(reads),
    )


def _crossed(versions: Iterable[LiveVersion]) -> dict[tuple[str, Crossing], list[LiveVersion]]:
    found: dict[tuple[str, Crossing], list[LiveVersion]] = defaultdict(list)
    for version in versions:
        entry = version.definition.entry
        if version.is_open and isinstance(entry.on, SegmentEntry) and entry.present is not Present.PRESENT:
            found[entry.on.segment, entry.on.change].append(version)
    return found


def _at_birth(segments: Iterable[LiveSegment], *, zone: str) -> frozenset[RuleId]:
    """Find segments that a new person may enter without anything having happened ("never ordered")."""
    nobody = Facts(person_id=0, uuid=UUID(int=0), zone=zone)
    now = timezone.now()
    found: set[RuleId] = set()
    for one in segments:
        if any(isinstance(leaf, InBucket) for leaf in leaves(one.condition)):
            found.add(("segment", one.id))  # what holds for one public id need not for another
            continue
        try:
            is_inside = holds(one.condition, nobody, now=now)
        except Exception:  # asked of somebody new, it is shown on the segment
            is_inside = True
        if is_inside:
            found.add(("segment", one.id))
    return frozenset(found)


def since(reads: Reads, *, now: datetime) -> datetime | None:
    """The earliest event that a rule asked at `now` can need; None: all of them."""
    if reads.window is None:
        return None
    return now - reads.window - timedelta(seconds=1)


class _Cache(threading.local):
    """The rules of a thread: the networks of durable_rules belong to one thread at a time."""

    rules: Rules | None = None


_cache = _Cache()


def current_rules() -> Rules:
    """Take the shared lock for this transaction and give the rules in force."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, 1)", [RULES_LOCK])
        cursor.execute("SELECT revision FROM segments_rulesrevision WHERE id = 1")
        row = cursor.fetchone()
    revision = row[0] if row else 0
    if _cache.rules is None or _cache.rules.revision != revision:
        forget_rules()
        _cache.rules = _load(revision)
    return _cache.rules


def segments_watched() -> frozenset[str]:
    """The segments that journeys ask about: who enters or leaves one by a build must be looked at again."""
    return frozenset(slug for version in live_versions() for slug in version.reads.segments)


def forget_rules() -> None:
    """Make the next transaction read the rules anew (tests change them behind the revision's back)."""
    if _cache.rules is not None:
        _cache.rules.network.close()
    _cache.rules = None


def _load(revision: int) -> Rules:
    return rules_of(
        segments=live_segments(),
        computed=live_computed(),
        versions=live_versions(),
        company=company_rules(),
        feeds=live_feeds(),
        revision=revision,
        engine=settings.RULES_ENGINE,
    )


def rules_of(
    *,
    segments: Sequence[LiveSegment],
    computed: Sequence[LiveComputed],
    versions: Sequence[LiveVersion],
    company: CompanyRules,
    feeds: Feeds | None = None,
    revision: int = 0,
    engine: str = "closures",
) -> Rules:
    """Make rules of what people are asked.

    Args:
        segments: each after those it depends on.
    """
    rules = [LiveRule(id=("segment", one.id), condition=one.condition) for one in segments]
    reads: dict[RuleId, Reads] = {("segment", one.id): one.reads for one in segments}
    for trait in computed:
        # Any event that may count touches it, whatever the value is by then.
        rules.append(LiveRule(id=("computed", trait.id), condition=trait.definition.events))
        reads["computed", trait.id] = trait.definition.reads
    for version in versions:
        if version.is_open:
            rules += _entry_rules(version.id, version)
            reads["entry", version.id] = version.reads
        if version.asks is not None:
            rules.append(LiveRule(id=("run", version.id), condition=version.asks))
        reads["run", version.id] = version.reads
    feeds = feeds or Feeds()
    return Rules(
        revision=revision,
        readers=_readers(reads),  # feeds are asked about messages alone, whatever else changes
        at_birth=_at_birth(segments, zone=company.zone),
        network=RuleNetwork(rules, engine=engine),
        segments={one.id: one for one in segments},
        computed={one.id: one for one in computed},
        versions={version.id: version for version in versions},
        reads=reads | {("feed", feed.id): feed.reads for feed in feeds.feeds},
        feeds=feeds,
        crossed=_crossed(versions),
        open_by_slug={version.slug: version.id for version in versions if version.is_open},
        company=company,
    )


def _entry_rules(id_: int, version: LiveVersion) -> Iterator[LiveRule]:
    """What touches an entry: its message, or its date. Segments tell of themselves."""
    if version.definition.entry.present is Present.PRESENT:
        return
    match version.definition.entry.on:
        case EventCount() as on:
            yield LiveRule(id=("entry", id_), condition=on)
        case DateEntry(path=path):
            yield LiveRule(id=("entry", id_), condition=date_condition(path))
