"""The way through a batch: people move forward message by message, and rules are asked between."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cdp_site.pipeline.deciding import Decider, Desk, due_rules, load_due, load_facts
from cdp_site.pipeline.feeds import decided
from cdp_site.pipeline.rules import RuleId, Rules
from profiles import store
from profiles.domain.arrival import Arrived, known_zone
from profiles.domain.history import PersonState
from profiles.domain.identity import ANONYMOUS, Merge, group_people
from profiles.store.changes import Changes, ConsentEntry, TraitEntry
from segments.network import (
    ConsentStimulus,
    IdentityStimulus,
    MergeStimulus,
    Stimulus,
    TraitStimulus,
    ZoneStimulus,
)

_NOTHING: Final[frozenset[RuleId]] = frozenset()


@dataclass(slots=True)
class Walk:
    """The way through a batch, message by message."""

    changes: Changes
    rules: Rules
    clock: datetime | None  # what time it is; None: that of each message
    desk: Desk = field(init=False)
    decider: Decider = field(init=False)
    marks: dict[int, frozenset[RuleId]] = field(default_factory=dict)  # arrival -> rules its event touches
    born: set[int] = field(default_factory=set)  # new people whose first message was looked at

    def __post_init__(self) -> None:
        self.desk = Desk(self.rules, self.changes.states, self.changes.traits, clock=self.clock)
        self.decider = Decider(self.desk)

    def prepare(self) -> None:
        """Find out whom rules will be asked about, and read what they need to know of them."""
        states = self.changes.states
        existing = [person for person, state in states.items() if not state.is_new]
        moments = [item.received_at for item in self.changes.arrived]
        called = load_due(self.desk, existing, until=max(moments))
        marked: dict[int, set[RuleId]] = defaultdict(set)
        need_values = {person for merge, _ in self.changes.merges for person in (merge.old, merge.new)}
        for item in self.changes.arrived:
            rules = self.mark(item) | self._person_wide_marks(item)
            if self.rules.feeds:
                rules |= {("feed", feed.id) for feed in self.rules.feeds.touched(item)}
            if item.person in called:
                rules |= due_rules(self.desk, item.person, until=item.received_at)
            if rules:
                marked[item.person] |= rules
            if self._changes_values(item, states[item.person]):
                need_values.add(item.person)
        store.load_values(states, [person for person in need_values if not states[person].has_values])
        if marked:
            load_facts(self.desk, self._with_merged(marked), now=min(moments), until=max(moments))

    def mark(self, item: Arrived) -> frozenset[RuleId]:
        """Note the rules that the event itself touches, and those that somebody new may be born into."""
        touched = _NOTHING
        if self.rules.network.mentions(item.name):
            touched = self.rules.touched_by_message(item.event())
        if self.rules.at_birth and self.changes.states[item.person].is_new and item.person not in self.born:
            self.born.add(item.person)
            touched |= self.rules.at_birth
        if touched:
            self.marks[item.arrival] = touched
        return touched

    def _person_wide_marks(self, item: Arrived) -> frozenset[RuleId]:
        """Rules that a trait, consent, identity or merge of this message may concern."""
        resolution = item.resolution
        is_linked = resolution is not None and bool(resolution.links or resolution.merges)
        if not (item.traits or item.consent or item.time_zone or is_linked):
            return _NOTHING  # as most are
        reading = self.rules.readers
        found: set[RuleId] = set()
        if item.traits:
            found |= reading.of_traits(item.traits)
        if item.consent:
            found |= reading.of_consents(item.consent)
        if item.time_zone and item.time_zone != self.changes.states[item.person].time_zone:
            found |= reading.zone
        if resolution and resolution.links:
            found |= reading.of_identities(kind for (kind, _), _ in resolution.links)
        if resolution and resolution.merges:
            found |= reading.everything
        return frozenset(found)

    def _changes_values(self, item: Arrived, state: PersonState) -> bool:
        return bool(
            item.traits
            or item.consent
            or (item.time_zone and item.time_zone != state.time_zone)
            or (
                item.resolution
                and item.resolution.links
                and any(kind != ANONYMOUS for (kind, _), _ in item.resolution.links)
            )
        )

    def _with_merged(self, marked: Mapping[int, set[RuleId]]) -> dict[int, set[RuleId]]:
        """Ask the same about everybody whom a merge unites: what one did counts for the other."""
        if not self.changes.merges:
            return dict(marked)
        groups = group_people(self.changes.states, [merge for merge, _ in self.changes.merges])
        found: dict[int, set[RuleId]] = {}
        for group in groups.values():
            rules = set().union(*(marked.get(person, ()) for person in group))
            if rules or any(person in marked for person in group):
                found |= dict.fromkeys(group, rules)
        return found

    def take(self, item: Arrived) -> None:
        """Move the person forward by one message and ask the rules it touches."""
        assert item.resolution is not None
        stimuli: list[Stimulus] = []
        for merge in item.resolution.merges:
            self.absorb(merge, now=item.received_at)
            stimuli.append(MergeStimulus())
        state = self.changes.states[item.person]
        is_asked = item.person in self.desk.watched  # of others nothing is due either
        if is_asked:
            self.decider.run_timers(item.person, until=item.received_at)
        before = dict(state.consent) if self.rules.feeds and item.consent else state.consent
        self._apply(item, state, stimuli)
        if not is_asked:
            return
        if self.decider.sees(item.person, item.name):
            state.add_event(item.event())
        if marks := self.marks.get(item.arrival, _NOTHING).union(*map(self.rules.touched, stimuli)):
            self.decider.at_moment(
                item.person,
                marks,
                event=item.event(),
                now=item.received_at,
                may_enter=not item.is_historical,
            )
        if self.rules.feeds:
            self._feed(item, state, before=before)

    def _feed(self, item: Arrived, state: PersonState, *, before: Mapping[str, bool]) -> None:
        """Tell connections what their gates let pass."""
        feeds = self.rules.feeds.touched(item)
        if not feeds:
            return
        changed = {key: value for key, value in state.consent.items() if before.get(key) is not value}
        facts = self.desk.facts(item.person, event=item.event())
        self.desk.deliveries += decided(feeds, item, facts, changed=changed, now=item.received_at)

    def absorb(self, merge: Merge, *, now: datetime) -> None:
        """Make two persons one, each having been moved forward to this moment."""
        states = self.changes.states
        for person in (merge.old, merge.new):
            self.decider.run_timers(person, until=now)
        states[merge.new].absorb(states[merge.old])
        self.decider.absorb(old=merge.old, new=merge.new, now=now)

    def _apply(self, item: Arrived, state: PersonState, stimuli: list[Stimulus]) -> None:
        if item.resolution and item.resolution.links:
            keys = frozenset(key for key, _ in item.resolution.links)
            state.keys |= keys
            stimuli.append(IdentityStimulus(kinds=frozenset(kind for kind, _ in keys)))
        zone = state.time_zone
        if (
            item.time_zone
            and item.ts >= state.last_seen_at
            and not known_zone(str(state.traits.get("timezone", "")))
        ):
            state.time_zone = item.time_zone
        if item.locale and item.ts >= state.last_seen_at:
            state.locale = item.locale
        state.see(item.ts)
        if item.traits:
            self._apply_traits(item, state, stimuli)
        if item.consent:
            self._apply_consent(item, state, stimuli)
        if state.time_zone != zone:
            stimuli.append(ZoneStimulus())

    def _apply_traits(self, item: Arrived, state: PersonState, stimuli: list[Stimulus]) -> None:
        changed: dict[str, tuple[object, object]] = {}
        micros = item.micros
        for key, value in item.traits.items():
            is_entry, before = state.set_trait(key, value, micros=micros, arrival=item.arrival)
            if not is_entry:
                continue
            self.changes.traits.append(
                TraitEntry(
                    person=item.person,
                    key=key,
                    at=item.ts,
                    arrival=item.arrival,
                    value=value,
                    source_id=item.source_id,
                    identity_id=item.identity_id,
                )
            )
            changed[key] = (before, state.traits.get(key))
        if changed:
            stimuli.append(TraitStimulus(changes=changed))

    def _apply_consent(self, item: Arrived, state: PersonState, stimuli: list[Stimulus]) -> None:
        for category, is_granted in item.consent.items():
            if state.set_consent(category, is_granted, micros=item.micros):
                self.changes.consents.append(
                    ConsentEntry(
                        person=item.person,
                        category=category,
                        at=item.ts,
                        arrival=item.arrival,
                        is_granted=is_granted,
                        source_id=item.source_id,
                        identity_id=item.identity_id,
                    )
                )
        stimuli.append(ConsentStimulus(categories=frozenset(item.consent)))
