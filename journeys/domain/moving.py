"""Where a run of one version goes on in another version of the same journey.

The place is kept by the step's id. What a person has behind them never runs again: where a step that stood
before their place stands behind it now, it is passed over. A wait whose length changed counts from when it
began; a step that became another one, or whose journey has other settings, begins anew at this moment.

Whoever stands at a step that is gone begins the step that the publisher names, or else the next one after
it that still exists; where there is none, the run is over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from journeys.domain.changes import alone
from journeys.domain.decision import Decision, Ending, LedgerEntry, Outcome, State
from journeys.domain.definition import Definition, sequences_of
from journeys.domain.nodes import Repeat, Sequence, Step, Wait, WaitDate, WaitUntil
from segments.domain.conditions import Condition

BY_MOVE: Final = "moved"  # the reason of an end for want of a step to go on with
BY_PUBLISHING: Final = "publishing"  # the reason where everybody inside had to leave


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """The way from one version to another.

    Args:
        to: step that is gone -> the step that people at it begin instead.
    """

    old: Definition
    new: Definition
    to: Mapping[str, str] = field(default_factory=dict)
    _places: dict[str, str | None] = field(default_factory=dict, init=False, repr=False)
    _behind: dict[str, frozenset[str]] = field(default_factory=dict, init=False, repr=False)

    def moved(self, state: State, *, due_at: datetime | None, now: datetime) -> Decision:
        """Say where an open run goes on.

        Args:
            due_at: when the run was to be looked at next.
        """
        place = self.place_of(state.step)
        if place is None:
            return self._over(state)
        gone = state.step if place != state.step else ""
        told = LedgerEntry(step=place, outcome=Outcome.MOVED, reason=gone)
        kept = replace(state, step=place, rounds=self._rounds(state), skips=self._skips(state, place))
        if gone:
            return _asked_at(now, _anew(kept), told)
        if self._is_same(place):
            is_asked = self._asks(self.old, place) != self._asks(self.new, place)
            return Decision(state=kept, due_at=now if is_asked else due_at, ledger=(told,))
        return _asked_at(now, self._edited(kept), told)

    def place_of(self, step_id: str) -> str | None:
        """The step at which people of a step go on; None: they are done."""
        if step_id not in self._places:
            self._places[step_id] = self._find_place(step_id)
        return self._places[step_id]

    def _find_place(self, step_id: str) -> str | None:
        is_goal = step_id in self.old.goal_steps
        stays = self.new.goal_steps if is_goal else {step.id for step in self.new.walk()}
        following: str | None = step_id if is_goal or step_id in stays else self.to.get(step_id, step_id)
        while following is not None and following not in stays:
            following = self.old.next_id(following)
        return following

    def _over(self, state: State) -> Decision:
        """The end of a run that has nothing left; one that reached its goal had it noted then."""
        is_converted = state.step in self.old.goal_steps
        outcome = Outcome.CONVERTED if is_converted else Outcome.FINISHED
        told = () if is_converted else (LedgerEntry(outcome=outcome, reason=BY_MOVE),)
        return Decision(state=None, ending=Ending(outcome=outcome, reason=BY_MOVE), ledger=told)

    def _is_same(self, step_id: str) -> bool:
        before, after = self.old.step(step_id), self.new.step(step_id)
        return alone(before) == alone(after) and self.old.settings == self.new.settings

    @staticmethod
    def _asks(definition: Definition, step_id: str) -> tuple[Condition | None, Condition | None]:
        """What is asked of a run at a step, besides what the step waits for."""
        if step_id in definition.goal_steps:
            return None, None
        return definition.goal.condition if definition.goal else None, definition.exit_when

    def _edited(self, state: State) -> State:
        """The state of a run at a step that is another one, or goes by other settings, than before."""
        if state.since is None:
            return state
        match self.old.step(state.step), self.new.step(state.step):
            case Wait(), Wait(length=length):
                return replace(state, due_at=state.since + length)
            case WaitUntil(), WaitUntil(timeout=timeout):
                return replace(state, due_at=state.since + timeout if timeout else None)
            case WaitDate(), WaitDate():
                return state  # which is found anew from the trait whenever it is asked
            case _:
                return _anew(state)

    def _rounds(self, state: State) -> Mapping[str, int]:
        if not state.rounds:
            return state.rounds
        repeats = {step.id for step in self.new.walk() if isinstance(step, Repeat)}
        return {step_id: number for step_id, number in state.rounds.items() if step_id in repeats}

    def _skips(self, state: State, place: str) -> tuple[str, ...]:
        """The steps that the person has behind them and that stand before them now."""
        if place in self.new.goal_steps:
            return ()
        if state.step not in self._behind:
            ahead = {step.id for step in self.new.walk()} - _before(self.new.steps, place) - {place}
            self._behind[state.step] = frozenset(_before(self.old.steps, state.step) & ahead)
        ahead_of_all = {step.id for step in self.new.walk()} if state.skips else set[str]()
        return tuple(sorted(self._behind[state.step] | (set(state.skips) & ahead_of_all - {place})))


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How many people have a step before them, are at it or in what it owns, or have it behind them."""

    before: int = 0
    at: int = 0
    behind: int = 0


def standing(definition: Definition, step_id: str, waiting: Mapping[str, int]) -> Standing:
    """Tell where people stand, seen from a step; those on other branches are not counted.

    Args:
        waiting: step -> people who stand there.
    """
    before = _before(definition.steps, step_id)
    inside = {step_id, *_owned(definition.step(step_id))}
    behind = {
        step
        for step in waiting.keys() - before - inside
        if step not in definition.goal_steps and step_id in _before(definition.steps, step)
    }
    return Standing(
        before=sum(waiting[step] for step in waiting.keys() & before),
        at=sum(waiting[step] for step in waiting.keys() & inside),
        behind=sum(waiting[step] for step in behind),
    )


def _anew(state: State) -> State:
    """The state in which the step is about to begin."""
    return replace(state, since=None, due_at=None, has_place=False)


def _asked_at(now: datetime, state: State, told: LedgerEntry) -> Decision:
    """Have the run asked at once; a wait that goes on says until when."""
    if state.since is None or state.due_at is None or state.due_at <= now:
        return Decision(state=state, due_at=now, ledger=(told,))
    until = LedgerEntry(step=state.step, outcome=Outcome.WAITING, reason=state.due_at.isoformat())
    return Decision(state=state, due_at=now, ledger=(told, until))


def _before(steps: Sequence, step_id: str) -> set[str]:
    """The steps that stand before a step, in whatever branch; those that a repeat brings back aside."""
    return _passed(steps, step_id) or set()


def _passed(steps: Sequence, step_id: str) -> set[str] | None:
    """`_before` within a sequence; None if the step is not in it."""
    passed: set[str] = set()
    for step in steps:
        if step.id == step_id:
            return passed
        for sequence in sequences_of(step):
            if (inside := _passed(sequence, step_id)) is not None:
                return passed if isinstance(step, Repeat) else passed | inside | {step.id}
        passed |= {step.id, *_owned(step)}
    return None


def _owned(step: Step) -> set[str]:
    return {
        found for sequence in sequences_of(step) for inner in sequence for found in (inner.id, *_owned(inner))
    }
