"""The engine: what follows for one run, given what is known of the person at one moment.

Pure: the same definition, state, facts and moment always give the same decision.

At one moment the order is: the goal; then `exit_when`; then the wait in hand; then step by step until
the person waits or the run ends. A run ended by one of them asks nothing more. A run that reached its goal
asks neither again: where a message of the goal's own steps is held, it only waits for that.

What the caller owes:
* `facts` were narrowed by `Facts.within(entry=..., event=...)`; for a timer `event` is None;
* `now` is the message's `received_at`, or the run's `due_at` for a timer; before a message is decided,
  every timer due at or before its `received_at` was, with the timer's own `now`;
* after `cancels_queued`, what the run queued earlier is cancelled before this decision's messages are
  queued: a goal's own steps must leave;
* `goes_to` names the journey that the person then enters, as `entering.admit` decides.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

from msgspec.structs import replace

from journeys.domain.decision import (
    RUN_OUTCOMES,
    Decision,
    Ending,
    Kind,
    LedgerEntry,
    ListWrite,
    Outcome,
    Outgoing,
    Refusal,
    State,
    TraitWrite,
)
from journeys.domain.definition import Definition
from journeys.domain.entering import Action, EntryDecision, PastRun, admit, enter, key_of
from journeys.domain.nodes import Goal, Sequence, Step
from journeys.domain.steps import (
    GoOn,
    Leave,
    Means,
    Moment,
    Result,
    Stay,
    ask_again,
    begin,
    facts_after,
)
from profiles.domain.facts import Facts
from segments.domain.conditions import Condition
from segments.domain.evaluate import Reason, evaluate, holds

__all__ = [
    "RUN_OUTCOMES",
    "Action",
    "Decision",
    "Ending",
    "EntryDecision",
    "Kind",
    "LedgerEntry",
    "ListWrite",
    "Means",
    "Outcome",
    "Outgoing",
    "PastRun",
    "Refusal",
    "State",
    "StepError",
    "TraitWrite",
    "admit",
    "advance",
    "enter",
    "key_of",
    "restarted",
    "started",
]

MOST_STEPS_AT_ONCE = 50  # the rest follows at once, in a decision of its own
BY_RULE = "exit_when"


class StepError(Exception):
    """A run could not be decided. `step` is "" where the goal or `exit_when` could not be asked."""

    def __init__(self, step: str) -> None:
        super().__init__(step)
        self.step = step


def started(definition: Definition) -> State:
    """The state of a run that has just been entered."""
    return State(step=definition.first.id)


def restarted(definition: Definition, state: State) -> State:
    """The state of a run that begins anew: its visits go on counting, so its messages are new ones."""
    return replace(started(definition), visit=state.visit)


def advance(definition: Definition, *, state: State, facts: Facts, now: datetime, means: Means) -> Decision:
    """Decide what follows for an open run.

    Raises:
        StepError: deciding raised; the cause is attached. The run should be parked.
    """
    moment = Moment(
        facts=facts,
        now=now,
        visit=state.visit,
        rounds=state.rounds,
        settings=definition.settings,
        means=means,
    )
    walk = _Walk(definition=definition, moment=moment, skips=state.skips)
    if state.step in definition.goal_steps:
        return walk.from_step(state)
    if definition.goal and (reached := walk.reasons_if_true(definition.goal.condition)):
        return _converted(walk, definition.goal, reached)
    if definition.exit_when and (left := walk.reasons_if_true(definition.exit_when)):
        walk.ledger.append(LedgerEntry(outcome=Outcome.EXITED, reason=BY_RULE, tree=left.to_json()))
        walk.cancels_queued = True
        return walk.ended(Outcome.EXITED, reason=BY_RULE)
    return walk.from_step(state)


def _converted(walk: "_Walk", goal: Goal, reached: Reason) -> Decision:
    walk.ledger.append(LedgerEntry(outcome=Outcome.CONVERTED, tree=reached.to_json()))
    walk.cancels_queued = True
    if not goal.steps:
        return walk.ended(Outcome.CONVERTED)
    return walk.from_step(State(step=goal.steps[0].id))


@dataclass(slots=True, kw_only=True)
class _Walk:
    """One decision in the making: what was decided so far, and the moment as it is by then."""

    definition: Definition
    moment: Moment
    skips: tuple[str, ...]
    ledger: list[LedgerEntry] = field(default_factory=list)
    trait_writes: list[TraitWrite] = field(default_factory=list)
    list_writes: list[ListWrite] = field(default_factory=list)
    cancels_queued: bool = False

    def reasons_if_true(self, condition: Condition) -> Reason | None:
        """Why the condition holds; None if it does not. Reasons are only worked out when they are kept."""
        try:
            if not holds(condition, self.moment.facts, self.moment.now):
                return None
            return evaluate(condition, self.moment.facts, self.moment.now).reason
        except Exception as error:  # nothing is swallowed: it travels on with the place added
            raise StepError("") from error

    def from_step(self, state: State) -> Decision:
        """Ask the wait in hand, or begin the step, and go on from there as far as it goes."""
        step_id = state.step
        waiting = state if state.since else None
        for _ in range(MOST_STEPS_AT_ONCE):
            into: Sequence = ()
            if step_id not in self.skips:
                step, result = self._ask(step_id, waiting)
                match result.way:
                    case GoOn():
                        into = result.way.into
                    case Stay():
                        return self._stays(step, result.way, waiting)
                    case Leave(outcome=outcome, reason=reason, goes_to=goes_to):
                        return self.ended(outcome, reason=reason, goes_to=goes_to)
                    case _:
                        assert_never(result.way)
            following = into[0].id if into else self.definition.next_id(step_id)
            if following is None:
                return self._at_the_end(step_id)
            step_id, waiting = following, None
        moment = self.moment
        here = State(
            step=step_id, visit=moment.visit, due_at=moment.now, rounds=moment.rounds, skips=self.skips
        )
        return self._decided(here, None)

    def _ask(self, step_id: str, waiting: State | None) -> tuple[Step, Result]:
        moment = self.moment
        try:
            step = self.definition.step(step_id)
            if waiting is not None:
                result = ask_again(step, moment, state=waiting)
            else:
                moment.visit += 1
                result = begin(step, moment)
        except Exception as error:  # as above
            raise StepError(step_id) from error
        self._keep(step, result)
        return step, result

    def _keep(self, step: Step, result: Result) -> None:
        moment = self.moment
        self.ledger += result.ledger
        moment.decided += result.messages
        if result.trait_writes or result.list_writes:
            self.trait_writes += result.trait_writes
            self.list_writes += result.list_writes
            moment.facts = facts_after(moment.facts, result, now=moment.now)
        if result.round is not None:
            rounds = {**moment.rounds, step.id: result.round}
            moment.rounds = {repeat: number for repeat, number in rounds.items() if number}

    def _stays(self, step: Step, way: Stay, waiting: State | None) -> Decision:
        moment = self.moment
        if waiting and (waiting.due_at, waiting.has_place) == (way.due_at, way.has_place):
            return self._decided(waiting, None)
        state = State(
            step=step.id,
            visit=moment.visit,
            since=waiting.since if waiting else moment.now,
            due_at=way.due_at,
            rounds=moment.rounds,
            has_place=way.has_place,
            skips=self.skips,
        )
        return self._decided(state, None)

    def _at_the_end(self, step_id: str) -> Decision:
        if step_id in self.definition.goal_steps:
            return self.ended(Outcome.CONVERTED)
        self.ledger.append(LedgerEntry(outcome=Outcome.FINISHED))
        return self.ended(Outcome.FINISHED)

    def ended(self, outcome: Outcome, *, reason: str = "", goes_to: str = "") -> Decision:
        return self._decided(None, Ending(outcome=outcome, reason=reason), goes_to=goes_to)

    def _decided(self, state: State | None, ending: Ending | None, *, goes_to: str = "") -> Decision:
        return Decision(
            state=state,
            ending=ending,
            due_at=state.due_at if state else None,
            ledger=tuple(self.ledger),
            messages=tuple(self.moment.decided),
            trait_writes=tuple(self.trait_writes),
            list_writes=tuple(self.list_writes),
            goes_to=goes_to,
            cancels_queued=self.cancels_queued,
        )
