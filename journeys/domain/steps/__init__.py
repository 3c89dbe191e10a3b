"""What each kind of step does: one function per kind, from the step and its moment to a result.

A step is begun once per visit; a wait, and a message that was held, is asked again at every later moment
until it lets the person go. Waits count from the moment they are begun. A wait whose time is over is timed
out whatever its condition says: a message exactly at the time-out is late.
"""

from typing import assert_never

from journeys.domain.decision import Outcome, State
from journeys.domain.nodes import (
    Branch,
    Crm,
    Exit,
    GoToJourney,
    ListChange,
    Repeat,
    Send,
    SetTrait,
    Split,
    Step,
    Wait,
    WaitClock,
    WaitDate,
    WaitUntil,
    Webhook,
)
from journeys.domain.steps.acts import facts_after, list_change, message, set_trait
from journeys.domain.steps.result import (
    GoOn,
    Leave,
    Means,
    Moment,
    Refuse,
    Render,
    Result,
    Stay,
    refuse_nothing,
    went_on,
)
from journeys.domain.steps.waits import (
    begin_wait,
    begin_wait_clock,
    begin_wait_until,
    wait_date,
    wait_until_over,
)
from journeys.domain.steps.ways import branch, go_to_journey, leave, repeat, split

__all__ = [
    "GoOn",
    "Leave",
    "Means",
    "Moment",
    "Refuse",
    "Render",
    "Result",
    "Stay",
    "ask_again",
    "begin",
    "facts_after",
    "refuse_nothing",
]


def begin(step: Step, moment: Moment) -> Result:
    """Begin a step."""
    match step:
        case Wait():
            return begin_wait(step, moment)
        case WaitClock():
            return begin_wait_clock(step, moment)
        case WaitDate():
            return wait_date(step, moment, due_at=None)
        case WaitUntil():
            return begin_wait_until(step, moment)
        case Branch():
            return branch(step, moment)
        case Split():
            return split(step, moment)
        case Repeat():
            return repeat(step, moment)
        case Send() | Crm() | Webhook():
            return message(step, moment)
        case _:
            return _begin_other(step, moment)


def _begin_other(step: SetTrait | ListChange | GoToJourney | Exit, moment: Moment) -> Result:
    match step:
        case SetTrait():
            return set_trait(step, moment)
        case ListChange():
            return list_change(step)
        case GoToJourney():
            return go_to_journey(step)
        case Exit():
            return leave(step)
        case _:
            assert_never(step)


def ask_again(step: Step, moment: Moment, *, state: State) -> Result:
    """Ask a wait that was begun before, or a message that was held, whether it is over."""
    is_due = state.due_at is not None and state.due_at <= moment.now
    here = Result(way=Stay(due_at=state.due_at, has_place=state.has_place))
    match step:
        case WaitUntil():
            return wait_until_over(step, moment, is_due=is_due) or here
        case WaitDate():
            return wait_date(step, moment, due_at=state.due_at)
        case Wait() | WaitClock() if is_due:
            return went_on(step.id, Outcome.WAITED)
        case Send() | Crm() | Webhook() if is_due:
            return message(step, moment, has_place=state.has_place)
        case _:
            return here
