"""Decide for the people of one transaction: segments first, then runs, then entries.

The `Decider` holds the people's state in memory and moves it forward. What a decision changes (a trait,
a membership) is itself a stimulus that other rules may wait for; they are asked in the same moment.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial, reduce
from typing import Final

from cdp_site.pipeline.outgoing import delivery_of, variables_of
from cdp_site.pipeline.rules import RuleId, Rules, since
from connectors.domain.consent import Reach, may_send
from connectors.queries import suppressed_scopes
from connectors.registry import writes_to
from connectors.rendering import render_value
from connectors.services import NewDelivery, cancel_for_runs, queue_deliveries
from connectors.services import repoint_people as repoint_deliveries
from journeys.domain.clock import next_date_moment
from journeys.domain.engine import (
    Action,
    Decision,
    Ending,
    EntryDecision,
    Kind,
    LedgerEntry,
    ListWrite,
    Means,
    Outcome,
    Outgoing,
    Refusal,
    StepError,
    admit,
    advance,
    enter,
    restarted,
    started,
)
from journeys.domain.entering import carried_over, occasion
from journeys.domain.nodes import DateEntry, SegmentEntry
from journeys.domain.settings import Sent, zone_of
from journeys.live import Entrant, Entrants, LedgerLine, Limits, LiveVersion, OpenRun, Runs, write_runs
from journeys.live import repoint_people as repoint_runs
from journeys.models import EntryDue
from profiles import store
from profiles.domain.arrival import micros_of
from profiles.domain.facts import Event, Facts, Json
from profiles.domain.history import PersonState
from profiles.domain.identity import EMAIL
from profiles.store.write import TraitEntry
from segments.domain.computed import turns_at, value_of
from segments.domain.conditions import Reads
from segments.domain.values import value_at
from segments.live import (
    Change,
    Dues,
    Manual,
    Of,
    fault_of,
    load_stays,
    next_moment,
    note_faults,
    repoint_manual,
    segment_due,
    settle,
    store_changes,
)
from segments.live import repoint_people as repoint_stays
from segments.network import ListStimulus, SegmentStimulus, Stimulus, TraitStimulus

logger = logging.getLogger(__name__)

_OCCASIONS: Final = {
    EntryDue.Cause.DATE: "Date Reached",
    EntryDue.Cause.SCHEDULE: "Schedule Reached",
    EntryDue.Cause.PRESENT: "Was Present",
    EntryDue.Cause.API: "Entered by API",
}
_PUT_OFF = timedelta(hours=1)
_MOST_MOVES = 10  # journeys that send somebody to each other at one moment
_ROUNDS = 50  # how often decisions of one moment may lead to further ones


@dataclass(slots=True)
class Decider:
    """The decisions of one transaction.

    Args:
        states: the people concerned, locked; the pipeline applies messages to them.
        traits: where trait history gathers; written by the store.
        clock: what time it is; quiet hours, caps and throttles go by it. None: that of each moment.
    """

    rules: Rules
    states: dict[int, PersonState]
    traits: list[TraitEntry]
    clock: datetime | None = None
    runs: Runs = field(init=False)
    dues: Dues = field(default_factory=Dues)
    computed_dues: Dues = field(default_factory=lambda: Dues(Of.COMPUTED))
    manual: Manual = field(default_factory=Manual)
    entrants: Entrants = field(default_factory=Entrants)
    limits: Limits = field(default_factory=Limits)
    memberships: list[Change] = field(default_factory=list)
    deliveries: list[NewDelivery] = field(default_factory=list)
    cancelled: list[tuple[int, str]] = field(default_factory=list)
    taken_back: dict[int, int] = field(default_factory=dict)  # run -> how many deliveries came before that
    merged_at: dict[int, datetime] = field(default_factory=dict)
    suppressed: dict[str, frozenset[str]] = field(default_factory=dict)
    watched: dict[int, tuple[frozenset[str], tuple[str, ...]]] = field(default_factory=dict)
    _pending: set[RuleId] = field(default_factory=set)  # to be asked in this moment
    _crossings: list[tuple[str, bool]] = field(default_factory=list)  # segments, whether they were entered
    _may_enter: bool = True
    _moves: dict[tuple[int, datetime], int] = field(default_factory=lambda: defaultdict(int))
    # What was asked last of whom, at which moment: their next due moments are found when they are needed.
    # Segments by id, runs by their own.
    _asked: dict[int, dict[tuple[str, int], datetime]] = field(default_factory=lambda: defaultdict(dict))
    _faults: dict[int, str] = field(default_factory=dict)  # segment -> why it could not be asked

    def __post_init__(self) -> None:
        self.runs = Runs(self.rules.versions)

    # -- reading -----------------------------------------------------------------------------------

    def load(self, marked: Mapping[int, Collection[RuleId]], *, now: datetime, until: datetime) -> None:
        """Read what rules may ask about people, before the transaction's own messages.

        Args:
            marked: person -> the rules that will be asked about them.
            now: the earliest moment of asking, timers that are due aside.
            until: the latest.
        """
        asked = {person: self._asked_of(person, rules, until=until) for person, rules in marked.items()}
        needs = {person: self.rules.needs_of(rules) for person, rules in asked.items()}
        for person, reads in needs.items():
            self.watched[person] = _wanted_names(reads)
        old = [person for person in marked if not self.states[person].is_new]
        if self.rules.segments:
            self.dues.load(old)
            self.manual.load(old, states=self.states)
        if self.rules.computed:
            self.computed_dues.load(old)
        timers = [at for person in old if (at := self._next_due(person)) is not None]
        everything = reduce(Reads.__or__, needs.values(), Reads())
        store.load_values(self.states, [person for person in old if not self.states[person].has_values])
        store.load_events(
            self.states,
            {person: needs[person].event_names for person in old},
            since=since(everything, now=min([now, *timers])),
        )
        keys = {person: reads.trait_histories for person, reads in needs.items() if reads.trait_histories}
        store.load_histories(self.states, keys)
        if self.rules.segments:
            load_stays(self.states, old)
        every_rule = set().union(*asked.values())
        self.runs.load_past(old, self.rules.journeys_entered(every_rule))
        if (cap := self.rules.longest_cap(every_rule)) is not None:
            self.limits.load(old, since=min([now, *timers]) - cap)
        self._look_up({state.email for person in marked if (state := self.states[person]).email})

    def _look_up(self, addresses: Collection[str]) -> None:
        nothing = dict.fromkeys(addresses, frozenset[str]())
        self.suppressed |= nothing | suppressed_scopes(addresses, channel=EMAIL)

    def _asked_of(self, person: int, rules: Collection[RuleId], *, until: datetime) -> set[RuleId]:
        """The rules, and the runs that a timer or a further entry message moves."""
        asked: set[RuleId] = set(rules)
        entered = {self.rules.versions[id_].journey_id for kind, id_ in rules if kind == "entry"}
        for run in self.runs.by_person.get(person, ()):
            is_due = run.due_at is not None and run.due_at <= until
            if is_due or run.version.journey_id in entered:
                asked.add(("run", run.version.id))
        return asked

    def load_entrants(self, people: Collection[int], *, until: datetime) -> None:
        """Read whom journeys are to ask by then though no message says so; they must be locked."""
        self.entrants.load(people, journeys=self.rules.journeys_that_call, until=until)

    def due_rules(self, person: int, *, until: datetime) -> set[RuleId]:
        """The rules that the clock calls for, up to a moment."""
        due = self.dues.due(person, until=until) & self.rules.segments.keys()
        found: set[RuleId] = {("segment", id_) for id_ in due}
        due = self.computed_dues.due(person, until=until) & self.rules.computed.keys()
        found |= {("computed", id_) for id_ in due}
        if (run := self.runs.due(person, until=until)) is not None:
            found.add(("run", run.version.id))  # the others are found with it
        found |= {
            ("entry", version.id)
            for journey in self.entrants.journeys_due(person, until=until)
            if (version := self._open_version(journey)) is not None
        }
        return found

    def _open_version(self, journey: int) -> LiveVersion | None:
        return next((one for one in self.rules.open_versions if one.journey_id == journey), None)

    def _next_due(self, person: int) -> datetime | None:
        runs = self.runs.by_person.get(person, ())
        moments = [run.due_at for run in runs if run.ending is None and run.due_at is not None]
        found = [*moments, self.dues.next_of(person), self.computed_dues.next_of(person)]
        found.append(self.entrants.next_of(person))
        return min((at for at in found if at is not None), default=None)

    def sees(self, person: int, name: str) -> bool:
        """Tell whether a rule may ask this person for events of this name."""
        wanted = self.watched.get(person)
        return wanted is not None and (name in wanted[0] or name.startswith(wanted[1]))

    # -- deciding ----------------------------------------------------------------------------------

    def absorb(self, *, old: int, new: int, now: datetime) -> None:
        """Move the runs of a merged person over; of two with one key the older goes on."""
        self.merged_at[old] = now
        self.dues.drop(old)
        self.computed_dues.drop(old)
        self.manual.absorb(old=old, new=new)
        self.entrants.absorb(old=old, new=new)
        self.limits.absorb(old=old, new=new)
        self._asked.pop(old, None)
        for run_id in self.runs.absorb(old=old, new=new, now=now):
            self._take_back(run_id, reason=Outcome.MERGED.value)

    def run_timers(self, person: int, *, until: datetime) -> None:
        """Decide what is due of a person, each at its own moment, in order."""
        self._renew(person)
        self._may_enter = True
        while (now := self._next_due(person)) is not None and now <= until:
            due = self.dues.due(person, until=now)
            self._pending = {("segment", id_) for id_ in due}
            self._pending |= {("computed", id_) for id_ in self.computed_dues.due(person, until=now)}
            self._mark_moves(person, due, now=now)
            self._settle(person, event=None, now=now)
            while (run := self.runs.due(person, until=now)) is not None:
                self._advance(run, event=None, now=now)
            for entrant in self.entrants.take(person, until=now):
                self._call_in(person, entrant, now=now)
            self._follow(person, event=None, now=now)
            self._renew(person)

    def _mark_moves(self, person: int, due: Collection[int], *, now: datetime) -> None:
        """Tell other rules what a build or somebody's hand changed at this moment, leaving the rest to us."""
        said = self.manual.changed_at(person, now=now)
        for id_ in due:
            if (segment := self.rules.segments.get(id_)) is None:
                continue
            stays = self.states[person].stays.get(segment.slug) or []
            if any(now in (stay.entered_at, stay.left_at) for stay in stays):
                self._mark(SegmentStimulus(slug=segment.slug))
                self._crossings.append((segment.slug, stays[-1].left_at is None))
            if segment.slug in said:
                self._mark(ListStimulus(slug=segment.slug))

    def _renew(self, person: int) -> None:
        """Find the next due moments of what was asked of a person, before anything else changes."""
        asked = self._asked.pop(person, None)
        if not asked:
            return
        facts = self._facts(person, event=None)
        for (kind, id_), now in asked.items():
            if kind == "segment":
                self.dues.put(person, id_, self._segment_due(id_, facts, now=now))
            elif kind == "computed":
                self.computed_dues.put(person, id_, self._computed_due(id_, facts, now=now))
        for run in self.runs.by_person.get(person, ()):
            if ("run", run.id) in asked and run.ending is None:
                within = facts.within(entry=run.entry, event=None)
                run.due_at = _run_due(run, within, now=asked["run", run.id])

    def _segment_due(self, id_: int, facts: Facts, *, now: datetime) -> datetime | None:
        segment = self.rules.segments.get(id_)
        if segment is None or segment.slug in self.manual.of(facts.person_id, now=now):
            return None  # paused or put away; or said by hand, which the clock does not change
        try:
            return segment_due(segment, facts, now=now)
        except Exception as error:  # as in settling: one rule stops no other
            self._faults[id_] = fault_of(error, slug=segment.slug)
            return None

    def _computed_due(self, id_: int, facts: Facts, *, now: datetime) -> datetime | None:
        if (trait := self.rules.computed.get(id_)) is None:
            return None  # paused or given up
        try:
            return turns_at(trait.definition, facts, now=now)
        except Exception:  # as in computing it
            logger.exception("when computed trait %s may change is not known", trait.key)
            return None

    def at_moment(
        self,
        person: int,
        marked: Iterable[RuleId],
        *,
        event: Event | None,
        now: datetime,
        may_enter: bool = True,
    ) -> None:
        """Ask the marked rules about a person at one moment, and all that follow from their answers."""
        self._pending, self._may_enter = set(marked), may_enter
        self._settle(person, event=event, now=now)
        entries = [id_ for kind, id_ in self._pending if kind == "entry"]
        self._ask_runs(person, event=event, now=now)
        if event is not None and may_enter:
            for version in sorted(entries):
                self._enter(person, self.rules.versions[version], event=event, now=now)
        self._follow(person, event=event, now=now)

    def _follow(self, person: int, *, event: Event | None, now: datetime) -> None:
        """Ask what the decisions so far have changed the answer of."""
        for _ in range(_ROUNDS):
            self._cross(person, event=event, now=now)
            if not self._pending and not self._crossings:
                return
            self._settle(person, event=event, now=now)
            self._ask_runs(person, event=event, now=now)
        logger.error("decisions about person %s at %s led to each other without end", person, now)
        self._pending.clear()
        self._crossings.clear()

    def _cross(self, person: int, *, event: Event | None, now: datetime) -> None:
        """Let people enter the journeys that begin with the segments they have just entered or left."""
        crossings, self._crossings = self._crossings, []
        for slug, is_entered in crossings if self._may_enter else ():
            for version in self.rules.entered_by(slug, is_entered=is_entered):
                entry = occasion(
                    "Segment Entered" if is_entered else "Segment Left",
                    at=now,
                    cause=event,
                    facts=self._facts(person, event=event),
                    properties={"segment": slug},
                )
                self._admit(person, version, entry=entry, event=event, now=now)

    def _compute(self, person: int, *, event: Event | None, now: datetime) -> None:
        """Bring computed traits up to date; rules that ask for them follow in the same moment."""
        for _kind, id_ in sorted(one for one in self._pending if one[0] == "computed"):
            self._pending.discard(("computed", id_))
            self._asked[person]["computed", id_] = now
            trait = self.rules.computed.get(id_)
            if trait is None:  # paused
                continue
            facts = self._facts(person, event=None)
            try:
                value = value_of(trait.definition, facts, now=now, fifths=trait.fifths)
            except Exception:  # of one trait: it stays as it is, and all else is decided
                logger.exception("computed trait %s cannot be found", trait.key)
                continue
            self._set_trait(person, trait.key, value, origin="computed", event=event, now=now)

    def _settle(self, person: int, *, event: Event | None, now: datetime) -> None:
        self._compute(person, event=event, now=now)
        asked = {id_ for kind, id_ in self._pending if kind == "segment"}
        self._pending -= {("segment", id_) for id_ in asked}
        if not asked:
            return
        facts = self._facts(person, event=event)
        settled = settle(
            self.rules.segments,
            asked,
            facts,
            now=now,
            stays=self.states[person].stays,
            manual=self.manual.of(person, now=now),
        )
        self.memberships += settled.changes
        self._faults |= settled.faults
        self._asked[person] |= {("segment", id_): now for id_ in asked.union(settled.asked)}
        for change in settled.changes:
            self._mark(SegmentStimulus(slug=change.slug))
            self._crossings.append((change.slug, change.is_entered))

    def _mark(self, stimulus: Stimulus) -> None:
        self._pending |= self.rules.touched(stimulus)

    def _ask_runs(self, person: int, *, event: Event | None, now: datetime) -> None:
        asked = {id_ for kind, id_ in self._pending if kind == "run"}
        for _, id_ in sorted(one for one in self._pending if one[0] == "entry"):
            self._plan(person, self.rules.versions[id_], now=now)
        self._pending -= {(kind, id_) for kind, id_ in self._pending if kind in ("run", "entry")}
        if not asked:
            return
        for run in list(self.runs.by_person.get(person, ())):
            if run.ending is None and run.version.id in asked:
                self._advance(run, event=event, now=now)

    def _plan(self, person: int, version: LiveVersion, *, now: datetime) -> None:
        """Find when a date comes that a journey begins with."""
        on = version.definition.entry.on
        if not isinstance(on, DateEntry):
            return
        facts = self._facts(person, event=None)
        zone = zone_of(version.definition.settings, person=facts.zone, company=self.rules.company)
        at = next_date_moment(on.rule, value_at(facts.traits, on.path), after=now, zone=zone)
        self.entrants.put_date(person, version.journey_id, at)

    def _call_in(self, person: int, entrant: Entrant, *, now: datetime) -> None:
        """Ask somebody in for whom the time has come."""
        version = self._open_version(entrant.journey)
        if version is None:
            return
        facts = self._facts(person, event=None)
        on = version.definition.entry.on
        if entrant.cause == EntryDue.Cause.PRESENT and isinstance(on, SegmentEntry):
            stays = facts.stays.get(on.segment)
            if not stays or stays[-1].left_at is not None:
                return  # gone meanwhile
        name = _OCCASIONS[EntryDue.Cause(entrant.cause)]
        entry = occasion(name, at=now, cause=None, facts=facts, properties=entrant.properties)
        self._admit(person, version, entry=entry, event=None, now=now)
        self._plan(person, version, now=now)

    def _enter(self, person: int, version: LiveVersion, *, event: Event, now: datetime) -> None:
        facts = self._facts(person, event=event)
        history = self.runs.history(person, version.journey_id)
        decide = partial(enter, version.definition, history=history, event=event, facts=facts, now=now)
        self._let_in(person, version, decide, entry=event, event=event, now=now)

    def _admit(
        self, person: int, version: LiveVersion, *, entry: Event, event: Event | None, now: datetime
    ) -> None:
        facts = self._facts(person, event=event)
        history = self.runs.history(person, version.journey_id)
        decide = partial(admit, version.definition, history=history, entry=entry, facts=facts, now=now)
        self._let_in(person, version, decide, entry=entry, event=event, now=now)

    def _let_in(
        self,
        person: int,
        version: LiveVersion,
        decide: Callable[[], EntryDecision | None],
        *,
        entry: Event,
        event: Event | None,
        now: datetime,
    ) -> None:
        message_id = event.message_id if event else None
        try:
            decision = decide()
        except Exception:  # of one journey: the message and all other rules go on
            logger.exception("whether somebody enters journey %s cannot be decided", version.slug)
            line = LedgerEntry(outcome=Outcome.NOT_ENTERED, reason=Refusal.ERROR.value)
            self._note(person, version, None, line, now=now, message_id=message_id)
            return
        if decision is None:
            return
        run = self.runs.open_run(person, version.journey_id, decision.key)
        match decision.action:
            case Action.ENTER:
                state = started(version.definition)
                run = self.runs.begin(person, version, key=decision.key, event=entry, state=state, now=now)
            case Action.RESTART if run is not None:
                run.state = restarted(run.version.definition, run.state)
                run.entry, run.entered_at = entry, now
                run.is_changed = run.is_restarted = True
                self._take_back(run.id, reason=Outcome.RESTARTED.value)
            case Action.END if run is not None:
                run.end(Ending(outcome=Outcome.ENDED, reason=decision.ledger.reason), now=now)
                self._take_back(run.id, reason=Outcome.ENDED.value)
        self._note(person, version, run, decision.ledger, now=now, message_id=message_id)
        if run is not None and run.ending is None and decision.action is not Action.REFUSE:
            self._advance(run, event=event, now=now)

    def _advance(self, run: OpenRun, *, event: Event | None, now: datetime) -> None:
        facts = self._facts(run.person, event=event).within(entry=run.entry, event=event)
        try:
            decision = advance(
                run.version.definition,
                state=run.state,
                facts=facts,
                now=now,
                means=Means(
                    render=lambda value, seen: render_value(value, variables_of(seen, run=run, now=now)),
                    refuse=lambda message: self._refusal(run.person, message),
                    company=self.rules.company,
                    clock=self.clock,
                    sent=self.limits.sent_to(run.person),
                    place=partial(self.limits.place, run.version.journey_id),
                ),
            )
        except StepError as error:
            self._park(run, error, now=now)
            return
        run.apply(decision, now=now)
        self._asked[run.person]["run", run.id] = now
        self._take(run, decision, event=event, now=now)

    def _take(self, run: OpenRun, decision: Decision, *, event: Event | None, now: datetime) -> None:
        message_id = event.message_id if event else None
        for entry in decision.ledger:
            self.runs.note(run, entry, now=now, message_id=message_id)
        if decision.cancels_queued:
            self._take_back(run.id, reason=decision.ending.outcome.value if decision.ending else "")
        for message in decision.messages:
            self.deliveries.append(delivery_of(run, message, event=event, now=now))
            if message.kind is Kind.SEND:
                sent = Sent(at=max(now, self.clock or now), message_class=message.message_class)
                self.limits.add(run.person, run=run.id, sent=sent)
        for write in decision.trait_writes:
            self._set_trait(run.person, write.key, write.value, origin="journey", event=event, now=now)
        for change in decision.list_writes:
            self._set_list(run, change, now=now)
        if decision.goes_to:
            self._go_to(run, decision, event=event, now=now)

    def _set_list(self, run: OpenRun, change: ListWrite, *, now: datetime) -> None:
        by = f"journey:{run.version.slug}"
        state = self.states[run.person]
        if self.manual.say(state, change.list, is_added=change.is_added, by=by, now=now):
            self._pending |= {
                ("segment", id_) for id_, one in self.rules.segments.items() if one.slug == change.list
            }
            self._mark(ListStimulus(slug=change.list))

    def _go_to(self, run: OpenRun, decision: Decision, *, event: Event | None, now: datetime) -> None:
        """Lead somebody whose run has ended into another journey."""
        id_ = self.rules.open_by_slug.get(decision.goes_to)
        refusal = None
        if id_ is None:
            refusal = Refusal.CLOSED
        elif self._moves[run.person, now] >= _MOST_MOVES:
            refusal = Refusal.LOOP
        if id_ is None or refusal is not None:
            assert refusal is not None
            line = LedgerEntry(
                outcome=Outcome.NOT_ENTERED, step=decision.ledger[-1].step, reason=refusal.value
            )
            self.runs.note(run, line, now=now, message_id=event.message_id if event else None)
            return
        self._moves[run.person, now] += 1
        version = self.rules.versions[id_]
        facts = self._facts(run.person, event=event)
        entry = carried_over(
            run.entry or occasion("Journey", at=now, cause=event, facts=facts, properties={}),
            at=now,
            cause=event,
            facts=facts,
            journey=version.slug,
        )
        self._admit(run.person, version, entry=entry, event=event, now=now)

    def _take_back(self, run_id: int, *, reason: str) -> None:
        """Cancel what a run has queued until now, in this transaction or before it."""
        self.cancelled.append((run_id, reason))
        self.taken_back[run_id] = len(self.deliveries)
        self.limits.take_back(run_id)

    def postpone(self, person: int, *, until: datetime) -> None:
        """Put off by an hour what is due of a person about whom decisions cannot be written."""
        self.dues.load_due([person], until=until)
        self.computed_dues.load_due([person], until=until)
        self.load_entrants([person], until=until)
        self.entrants.postpone(person, until=until, to=until + _PUT_OFF)
        for dues in (self.dues, self.computed_dues):
            for which in dues.due(person, until=until):
                dues.put(person, which, until + _PUT_OFF)

    def park_due(self, person: int, error: Exception, *, until: datetime) -> None:
        """Park the runs of a person that are due and whose decisions cannot be written."""
        while (run := self.runs.due(person, until=until)) is not None:
            assert run.due_at is not None
            failure = StepError(run.state.step)
            failure.__cause__ = error
            self._park(run, failure, now=run.due_at)

    def _park(self, run: OpenRun, error: StepError, *, now: datetime) -> None:
        cause = error.__cause__ or error
        logger.error("run %s is parked at step %r", run.id, error.step, exc_info=cause)
        run.error = f"{type(cause).__name__}: {cause}"[:2000]
        run.end(Ending(outcome=Outcome.PARKED, reason=error.step), now=now)
        self._take_back(run.id, reason=Outcome.PARKED.value)
        self.runs.note(run, LedgerEntry(outcome=Outcome.PARKED, step=error.step), now=now, message_id=None)

    def _set_trait(
        self, person: int, key: str, value: Json, *, origin: str, event: Event | None, now: datetime
    ) -> None:
        state = self.states[person]
        arrival = event.arrival if event else 0
        is_entry, before = state.set_trait(key, value, micros=micros_of(now), arrival=arrival)
        if not is_entry:
            return
        self.traits.append(
            TraitEntry(
                person=person,
                key=key,
                at=now,
                arrival=arrival,
                value=value,
                source_id=None,
                identity_id=None,
                origin=origin,
            )
        )
        self._mark(TraitStimulus(changes={key: (before, value)}))

    def _refusal(self, person: int, message: Outgoing) -> str:
        state = self.states[person]
        if state.email and state.email not in self.suppressed:  # it came with this transaction
            self._look_up({state.email})
        reach = Reach(
            address=state.email,
            consent=state.consent,
            suppressed=self.suppressed.get(state.email, frozenset()),
        )
        verdict = may_send(reach, writes_to=writes_to(message.channel), message_class=message.message_class)
        return verdict.reason

    def _note(
        self,
        person: int,
        version: LiveVersion,
        run: OpenRun | None,
        entry: LedgerEntry,
        *,
        now: datetime,
        message_id: str | None,
    ) -> None:
        self.runs.ledger.append(
            LedgerLine(
                person=person,
                at=now,
                version=version,
                run_id=run.id if run else None,
                entry=entry,
                message_id=message_id,
            )
        )

    def _facts(self, person: int, *, event: Event | None) -> Facts:
        return self.states[person].facts(company_zone=self.rules.company.zone, event=event)

    # -- writing -----------------------------------------------------------------------------------

    def write(self, *, merged: Mapping[int, int]) -> int:
        """Write memberships, runs, ledger and outbox; give how many deliveries were queued.

        Args:
            merged: persons merged in this transaction -> who they are now.
        """
        for person in list(self._asked):
            self._renew(person)
        stored = [(old, new) for old, new in merged.items() if not self.states[old].is_new]
        old, new = [pair[0] for pair in stored], [pair[1] for pair in stored]
        if stored:
            repoint_stays(old, new)
            repoint_manual(old, new)
        store_changes(self.memberships, survivor=merged)
        note_faults(self._faults)
        self.dues.write()
        self.computed_dues.write()
        self.manual.write(survivor=merged)
        self.limits.write()
        write_runs(self.runs, survivor=merged)
        if stored:
            # Only now: of two open runs with one key the younger has been ended.
            repoint_runs(old, new, at=[self.merged_at[person] for person in old])
            repoint_deliveries(old, new)
        self.entrants.write(merged=merged)
        return self._write_deliveries(merged)

    def _write_deliveries(self, merged: Mapping[int, int]) -> int:
        """Queue what was decided; what came before the end of its run is cancelled in the same commit."""
        taken_back: list[NewDelivery] = []
        standing: list[NewDelivery] = []
        for place, delivery in enumerate(_led_to_survivors(self.deliveries, merged)):
            is_over = place < self.taken_back.get(delivery.run_id or 0, 0)
            (taken_back if is_over else standing).append(delivery)
        queue_deliveries(taken_back)
        ended: dict[str, list[int]] = {}
        for run_id, reason in self.cancelled:
            ended.setdefault(reason, []).append(run_id)
        for reason, run_ids in ended.items():
            cancel_for_runs(run_ids, reason=reason)
        queue_deliveries(standing)
        return len(standing)


def _led_to_survivors(deliveries: Iterable[NewDelivery], merged: Mapping[int, int]) -> list[NewDelivery]:
    """Give deliveries to who their people are now: somebody new whom a merge took is never stored."""
    return [
        replace(delivery, person_id=merged[delivery.person_id]) if delivery.person_id in merged else delivery
        for delivery in deliveries
    ]


def _run_due(run: OpenRun, facts: Facts, *, now: datetime) -> datetime | None:
    """When to look at a run again: at its own timer, or when the clock changes what it asks for."""
    try:
        asked = [
            next_moment(each, facts, now=now) for each in run.version.definition.asked_at(run.state.step)
        ]
    except Exception:
        # The engine parks a run whose question cannot be asked; here only its answer at another time cannot.
        logger.exception("when run %s is to be asked again is not known", run.id)
        asked = []
    return min((at for at in [run.state.due_at, *asked] if at is not None), default=None)


def _wanted_names(reads: Reads) -> tuple[frozenset[str], tuple[str, ...]]:
    """Event names, and beginnings of event names, that conditions ask for."""
    starts = tuple(name[:-1] for name in reads.event_names if name.endswith("*"))
    return reads.event_names, starts
