"""Play one customer's past through a version of a journey: the pipeline's own decisions, none of them kept.

What other journeys, people of the company and destinations did is taken as it was; what this version would
have done is decided anew. The clock is that of each moment.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Final

from cdp_site.backtest.past import (
    AddressClosed,
    ConsentSaid,
    Happening,
    ListSaid,
    MadeOne,
    MessageSent,
    Past,
    Period,
    TraitSaid,
)
from cdp_site.pipeline.deciding import Decider, Desk, plan, wanted_names
from cdp_site.pipeline.rules import RuleId, Rules
from cdp_site.pipeline.walking import Walk
from journeys.domain.clock import next_in_timetable
from journeys.domain.decision import Outcome, Refusal
from journeys.domain.nodes import GoToJourney, Present, ScheduleEntry, SegmentEntry
from journeys.domain.settings import Throttle, zone_of
from journeys.live import Entrant, LedgerLine, Limits, LiveVersion, OpenRun, Runs
from journeys.models import EntryDue
from profiles.domain.arrival import Arrived, micros_of
from profiles.domain.identity import Merge
from profiles.store.changes import Changes
from segments.domain.evaluate import holds
from segments.network import (
    ConsentStimulus,
    ListStimulus,
    MergeStimulus,
    Stimulus,
    TraitStimulus,
)

MOST_CALLS: Final = 5_000  # times of a timetable in one period
Places = dict[tuple[int, str], dict[datetime, int]]
_A_MOMENT: Final = timedelta(microseconds=1)


@dataclass(slots=True)
class _KeptLimits(Limits):
    """Limits of a replay: places in throttles are counted here and nowhere else."""

    def place(self, journey: int, channel: str, throttle: Throttle, now: datetime) -> datetime:
        self._places.setdefault((journey, channel), {})
        return Limits.place(self, journey, channel, throttle, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of one customer's past."""

    person: int  # who they are today
    lines: Sequence[LedgerLine]  # in the order of deciding
    runs: Sequence[OpenRun]
    messages: int  # that were played


@dataclass(slots=True, kw_only=True)
class Replay:
    """Plays customers one after the other.

    Args:
        run_ids: give runs their numbers.
        places: of throttles, taken by customers played before.
    """

    rules: Rules
    version: LiveVersion
    period: Period
    targets: frozenset[str] = frozenset()  # slugs of journeys that people can be sent to
    run_ids: Iterator[int] = field(default_factory=lambda: count(1))
    places: Places = field(default_factory=dict)
    _calls: list[datetime] | None = None

    def play(self, past: Past) -> Played:
        """Move a customer from the beginning of the period to its end."""
        player = self.player(past)
        for item in self.items(past):
            player.take(item)
        player.run_out()
        desk = player.desk
        return Played(
            person=past.survivor,
            lines=self.lines_of(player),
            runs=[run for runs in desk.runs.by_person.values() for run in runs],
            messages=len(past.messages),
        )

    def player(self, past: Past) -> "Player":
        """Somebody to be moved by hand, from the beginning of the period."""
        player = Player(walk=self._lay(past), past=past, version=self.version)
        player.begin()
        return player

    def items(self, past: Past) -> Iterator["Item"]:
        """What is to be taken, in order."""
        return _in_order(past, self._timetable())

    def lines_of(self, player: "Player") -> list[LedgerLine]:
        """What was decided, without word of other journeys: they are not played."""
        return [line for line in player.desk.runs.ledger if not self._is_of_a_target(line)]

    def _lay(self, past: Past) -> Walk:
        walk = Walk(changes=Changes(states=past.states), rules=self.rules, clock=None)
        desk = walk.desk
        desk.runs = Runs(self.rules.versions, _ids=self.run_ids)
        desk.limits = _KeptLimits(_places=self.places)
        for person, runs in past.runs.items():
            desk.runs.past[person, self.version.journey_id] += runs
        for person, sent in past.sent.items():
            desk.limits.got(person, sent)
        desk.manual.take(past.by_hand)
        desk.suppressed = dict(past.closed)
        wanted = wanted_names(self.rules.needs_of(self.rules.reads))
        desk.watched = dict.fromkeys(past.states, wanted)
        return walk

    def _timetable(self) -> Sequence[datetime]:
        """When a timetable calls people in, in the zone of the company where the journey goes by theirs."""
        on = self.version.definition.entry.on
        if not isinstance(on, ScheduleEntry):
            return ()
        if self._calls is None:
            company = self.rules.company
            zone = zone_of(self.version.definition.settings, person=company.zone, company=company)
            self._calls, at = [], self.period.begins_at
            while len(self._calls) < MOST_CALLS:
                at = next_in_timetable(on.cron, at, zone=zone)  # type: ignore[assignment]
                if at is None or at >= self.period.ends_at:
                    break
                self._calls.append(at)
        return self._calls

    def _is_of_a_target(self, line: LedgerLine) -> bool:
        """Whether it says that a journey is closed which is none: only this one is played."""
        if line.entry.outcome is not Outcome.NOT_ENTERED or line.entry.reason != Refusal.CLOSED.value:
            return False
        step = line.version.definition.step(line.entry.step)
        return isinstance(step, GoToJourney) and step.journey in self.targets


@dataclass(frozen=True, slots=True, kw_only=True)
class _Called:
    """The time of a timetable has come."""

    at: datetime


Item = Arrived | Happening | _Called


def _in_order(past: Past, calls: Sequence[datetime]) -> Iterator[Item]:
    """Everything in the order of its moments; what a message led to follows it."""
    keyed: list[tuple[datetime, int, int, int, Item]] = []
    for number, call in enumerate(calls):
        keyed.append((call, 0, 0, number, _Called(at=call)))
    for number, happening in enumerate(past.happenings):
        keyed.append((happening.at, happening.arrival, 1, number, happening))
    for number, item in enumerate(past.messages):
        keyed.append((item.received_at, item.arrival, 0, number, item))
    keyed.sort(key=lambda one: one[:4])
    return (one[4] for one in keyed)


@dataclass(slots=True, kw_only=True)
class Player:
    """The way of one customer through the period."""

    walk: Walk
    past: Past
    version: LiveVersion
    became: dict[int, int] = field(default_factory=dict)

    @property
    def desk(self) -> Desk:
        return self.walk.desk

    @property
    def decider(self) -> Decider:
        return self.walk.decider

    def begin(self) -> None:
        """Settle who belongs where; a version's beginning counts as its publication."""
        now = self.past.period.begins_at
        asked = [rule for rule in self.desk.rules.reads if rule[0] in ("segment", "computed")]
        for person in sorted(self.past.present):
            self.decider.at_moment(person, asked, event=None, now=now, may_enter=False)
            plan(self.desk, person, self.version, now=now)
            if self._is_called_in(person, now=now):
                entrant = Entrant(
                    id=0, journey=self.version.journey_id, due_at=now, cause=EntryDue.Cause.PRESENT.value
                )
                self.desk.call(person, entrant)

    def _is_called_in(self, person: int, *, now: datetime) -> bool:
        entry = self.version.definition.entry
        if entry.present is Present.NEW:
            return False
        facts = self.desk.facts(person, event=None)
        if isinstance(entry.on, SegmentEntry):
            stays = facts.stays.get(entry.on.segment)
            return stays is not None and len(stays) > 0 and stays[-1].left_at is None
        return entry.condition is not None and holds(entry.condition, facts, now)

    def take(self, item: Item) -> None:
        match item:
            case Arrived():
                self._message(item)
            case _Called(at=at):
                self._call(at)
            case MadeOne(at=at, old=old, person=person):
                if old in self.past.states and old not in self.became:
                    self._join(Merge(old=old, new=self.now(person), reason="", evidence=()), at=at)
                    self._ask(self.now(person), [MergeStimulus()], at=at)
            case _:
                person = self.now(item.person)
                self.decider.run_timers(person, until=item.at)
                self._ask(person, self._apply(item, person), at=item.at)

    def now(self, person: int) -> int:
        """Who a person has become by now."""
        while person in self.became:
            person = self.became[person]
        return person

    def _message(self, item: Arrived) -> None:
        assert item.resolution is not None
        merges = []
        for merge in item.resolution.merges:
            old, new = self.now(merge.old), self.now(merge.new)
            if old == new or old not in self.past.states or new not in self.past.states:
                continue
            merges.append(Merge(old=old, new=new, reason=merge.reason, evidence=()))
            self.became[old] = new
        item.person = self.now(item.person)
        item.resolution = replace(item.resolution, person=item.person, merges=tuple(merges))
        state = self.past.states[item.person]
        self.walk.mark(item)
        self.walk.take(item)
        state.is_new = False

    def _join(self, merge: Merge, *, at: datetime) -> None:
        self.walk.absorb(merge, now=at)
        self.became[merge.old] = merge.new

    def _call(self, at: datetime) -> None:
        on = self.version.definition.entry.on
        assert isinstance(on, ScheduleEntry)
        for person in self._alive():
            self.decider.run_timers(person, until=at - _A_MOMENT)
            stays = self.past.states[person].stays.get(on.segment)
            if stays and stays[-1].left_at is None and stays[-1].entered_at <= at:
                entrant = Entrant(
                    id=0, journey=self.version.journey_id, due_at=at, cause=EntryDue.Cause.SCHEDULE.value
                )
                self.desk.call(person, entrant)

    def _apply(self, item: Happening, person: int) -> list[Stimulus]:
        state = self.past.states[person]
        match item:
            case TraitSaid():
                micros = micros_of(item.at)
                is_entry, before = state.set_trait(item.key, item.value, micros=micros, arrival=item.arrival)
                return [TraitStimulus(changes={item.key: (before, item.value)})] if is_entry else []
            case ConsentSaid():
                state.set_consent(item.category, item.is_granted, micros=micros_of(item.at))
                return [ConsentStimulus(categories=frozenset({item.category}))]
            case ListSaid(slug=slug, is_added=None):
                self.desk.manual.end(state, slug, now=item.at)
                return [ListStimulus(slug=slug)]
            case ListSaid(slug=slug, is_added=bool(is_added)):
                self.desk.manual.say(state, slug, is_added=is_added, by="", now=item.at)
                return [ListStimulus(slug=slug)]
            case MessageSent(sent=sent):
                self.desk.limits.got(person, [sent])
            case AddressClosed(address=address, scope=scope):
                known = self.desk.suppressed.get(address, frozenset())
                self.desk.suppressed[address] = known | {scope}
        return []

    def _ask(self, person: int, stimuli: Sequence[Stimulus], *, at: datetime) -> None:
        marked: set[RuleId] = set()
        for stimulus in stimuli:
            marked |= self.desk.rules.touched(stimulus)
            if isinstance(stimulus, ListStimulus):
                segments = self.desk.rules.segments
                marked |= {("segment", id_) for id_, one in segments.items() if one.slug == stimulus.slug}
        if marked:
            self.decider.at_moment(person, marked, event=None, now=at)

    def _alive(self) -> list[int]:
        return [
            person
            for person, state in sorted(self.past.states.items())
            if person not in self.became and not state.is_new
        ]

    def run_out(self) -> None:
        """Let the clock go on to the end of the period."""
        for person in self._alive():
            self.decider.run_timers(person, until=self.past.period.ends_at)
