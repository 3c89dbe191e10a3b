"""The engine: what follows for one run, given what is known of the person at one moment.

Pure: the same definition, state, facts and moment always give the same decision.

At one moment the order is: the goal; then `exit_when`; then the wait in hand; then step by step until
the person waits or the run ends. A run ended by one of them asks nothing more.

What the caller owes:
* `facts` were narrowed by `Facts.within(entry=..., event=...)`; for a timer `event` is None;
* `now` is the message's `received_at`, or the run's `due_at` for a timer; before a message is decided,
  every timer due at or before its `received_at` was, with the timer's own `now`;
* after `cancels_queued`, what the run queued earlier is cancelled before this decision's messages are
  queued: a goal's own steps must leave.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar, assert_never

from journeys.domain.decision import (
    RUN_OUTCOMES,
    Decision,
    Ending,
    Kind,
    LedgerEntry,
    Outcome,
    Outgoing,
    Refusal,
    State,
    TraitWrite,
)
from journeys.domain.definition import Definition
from journeys.domain.entering import Action, EntryDecision, PastRun, enter, key_of
from journeys.domain.nodes import Goal, Step
from journeys.domain.steps import (
    GoOn,
    Leave,
    Moment,
    Refuse,
    Render,
    Result,
    Stay,
    ask_again,
    begin,
    facts_after,
    refuse_nothing,
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
    "Outcome",
    "Outgoing",
    "PastRun",
    "Refusal",
    "State",
    "StepError",
    "TraitWrite",
    "advance",
    "enter",
    "key_of",
    "restarted",
    "started",
]

MOST_STEPS_AT_ONCE = 50  # the rest follows at once, in a decision of its own
BY_RULE = "exit_when"

Answer = TypeVar("Answer")


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


def advance(
    definition: Definition,
    *,
    state: State,
    facts: Facts,
    now: datetime,
    render: Render,
    refuse: Refuse = refuse_nothing,
) -> Decision:
    """Decide what follows for an open run.

    Args:
        render: renders what a set_trait step writes; later steps of the same decision see the outcome.
        refuse: says in a word why a message must not be queued, "" if it may; the word goes into the
            ledger. Consent to marketing is asked before, from the facts.

    Raises:
        StepError: deciding raised; the cause is attached. The run should be parked.
    """
    walk = _Walk(facts=facts, now=now, visit=state.visit, render=render, refuse=refuse)
    if definition.goal and (reached := walk.reasons_if_true(definition.goal.condition)):
        return _converted(walk, definition.goal, reached)
    if definition.exit_when and (left := walk.reasons_if_true(definition.exit_when)):
        walk.ledger.append(LedgerEntry(outcome=Outcome.EXITED, reason=BY_RULE, tree=left.to_json()))
        return walk.ended(Outcome.EXITED, reason=BY_RULE, cancels_queued=True)
    return _from_step(walk, definition, state)


@dataclass(slots=True, kw_only=True)
class _Walk:
    """One decision in the making: what was decided so far, and the facts as they are by then."""

    facts: Facts
    now: datetime
    visit: int
    render: Render
    refuse: Refuse
    ledger: list[LedgerEntry] = field(default_factory=list)
    messages: list[Outgoing] = field(default_factory=list)
    trait_writes: list[TraitWrite] = field(default_factory=list)

    def reasons_if_true(self, condition: Condition) -> Reason | None:
        """Why the condition holds; None if it does not. Reasons are only worked out when they are kept."""
        if not _at("", lambda: holds(condition, self.facts, self.now)):
            return None
        return evaluate(condition, self.facts, self.now).reason

    def begin(self, step: Step) -> Result:
        self.visit += 1
        return self._keep(_at(step.id, lambda: begin(step, self._moment())))

    def ask_again(self, step: Step, *, due_at: datetime | None) -> Result:
        return self._keep(_at(step.id, lambda: ask_again(step, self._moment(), due_at=due_at)))

    def stands(self, state: State) -> Decision:
        return self._decided(state, None, cancels_queued=False)

    def ended(self, outcome: Outcome, *, reason: str = "", cancels_queued: bool = False) -> Decision:
        return self._decided(None, Ending(outcome=outcome, reason=reason), cancels_queued=cancels_queued)

    def _moment(self) -> Moment:
        return Moment(
            facts=self.facts, now=self.now, visit=self.visit, render=self.render, refuse=self.refuse
        )

    def _keep(self, result: Result) -> Result:
        self.ledger += result.ledger
        self.messages += result.messages
        self.trait_writes += result.trait_writes
        self.facts = facts_after(self.facts, result.trait_writes, now=self.now)
        return result

    def _decided(self, state: State | None, ending: Ending | None, *, cancels_queued: bool) -> Decision:
        return Decision(
            state=state,
            ending=ending,
            due_at=state.due_at if state else None,
            ledger=tuple(self.ledger),
            messages=tuple(self.messages),
            trait_writes=tuple(self.trait_writes),
            cancels_queued=cancels_queued,
        )


def _at(step: str, decide: Callable[[], Answer]) -> Answer:
    """Decide, and name the step where that raises."""
    try:
        return decide()
    except Exception as error:  # nothing is swallowed: it travels on with the place added
        raise StepError(step) from error


def _converted(walk: _Walk, goal: Goal, reached: Reason) -> Decision:
    walk.ledger.append(LedgerEntry(outcome=Outcome.CONVERTED, tree=reached.to_json()))
    for step in goal.steps:
        walk.begin(step)
    return walk.ended(Outcome.CONVERTED, cancels_queued=True)


def _from_step(walk: _Walk, definition: Definition, state: State) -> Decision:
    """Ask the wait in hand, or begin the step, and go on from there as far as it goes."""
    step = _at(state.step, lambda: definition.step(state.step))
    waiting = state if state.since else None
    for _ in range(MOST_STEPS_AT_ONCE):
        result = walk.ask_again(step, due_at=waiting.due_at) if waiting else walk.begin(step)
        match result.way:
            case Stay(due_at=due_at):
                begun = State(step=step.id, visit=walk.visit, since=walk.now, due_at=due_at)
                return walk.stands(waiting or begun)
            case Leave(reason=reason):
                return walk.ended(Outcome.EXITED, reason=reason)
            case GoOn(into=into):
                following = into[0] if into else definition.after(step.id)
            case _:
                assert_never(result.way)
        if following is None:
            walk.ledger.append(LedgerEntry(outcome=Outcome.FINISHED))
            return walk.ended(Outcome.FINISHED)
        step, waiting = following, None
    return walk.stands(State(step=step.id, visit=walk.visit, due_at=walk.now))
