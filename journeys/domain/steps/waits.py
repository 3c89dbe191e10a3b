"""Waits: for a length of time, a time on the clock, a date, or something to come true.

Each is begun once per visit and asked again at every later moment until it lets the person go.
"""

from datetime import datetime

from journeys.domain.clock import TimeOfDay, date_moment, next_opening, next_time
from journeys.domain.decision import LedgerEntry, Missed, Outcome
from journeys.domain.nodes import NoDate, Wait, WaitClock, WaitDate, WaitUntil
from journeys.domain.steps.result import GoOn, Moment, Result, Stay, left, went_on
from segments.domain.evaluate import evaluate, holds
from segments.domain.values import value_at


def begin_wait(step: Wait, moment: Moment) -> Result:
    return _stay(step.id, moment.now + step.length)


def begin_wait_clock(step: WaitClock, moment: Moment) -> Result:
    """A time of day is always a later one; a window that is open lets people pass at once."""
    if isinstance(step.until, TimeOfDay):
        return _stay(step.id, next_time(step.until, moment.now, zone=moment.zone))
    opening = next_opening(step.until, moment.now, zone=moment.zone)
    return went_on(step.id, Outcome.WAITED) if opening == moment.now else _stay(step.id, opening)


def begin_wait_until(step: WaitUntil, moment: Moment) -> Result:
    """Ask first: what the person did since the run began counts, even if it came before this step."""
    due_at = moment.now + step.timeout if step.timeout else None
    return wait_until_over(step, moment, is_due=False) or _stay(step.id, due_at)


def wait_date(step: WaitDate, moment: Moment, *, due_at: datetime | None) -> Result:
    """Go by the date as it is now; it may have moved since `due_at` was found."""
    at = date_moment(step.rule, value_at(moment.facts.traits, step.path), zone=moment.zone)
    if at is None:
        return _missed(step, Missed.NO_DATE)
    if at > moment.now:
        return Result(way=Stay(due_at=at)) if at == due_at else _stay(step.id, at)
    if at in (moment.now, due_at):
        return went_on(step.id, Outcome.WAITED)
    return _missed(step, Missed.PAST)


def _missed(step: WaitDate, missed: Missed) -> Result:
    if step.otherwise is NoDate.EXIT:
        return left(step.id, Outcome.EXITED, reason=missed.value)
    return went_on(step.id, Outcome.WAITED, reason=missed.value)


def wait_until_over(step: WaitUntil, moment: Moment, *, is_due: bool) -> Result | None:
    """A wait whose time is over is timed out whatever its condition says."""
    if not is_due and not holds(step.condition, moment.facts, moment.now):
        return None
    outcome, into = (Outcome.TIMED_OUT, step.otherwise) if is_due else (Outcome.SATISFIED, step.then)
    tree = evaluate(step.condition, moment.facts, moment.now).reason.to_json()
    return Result(way=GoOn(into=into), ledger=(LedgerEntry(step=step.id, outcome=outcome, tree=tree),))


def _stay(step_id: str, due_at: datetime | None) -> Result:
    until = due_at.isoformat() if due_at else ""
    entry = LedgerEntry(step=step_id, outcome=Outcome.WAITING, reason=until)
    return Result(way=Stay(due_at=due_at), ledger=(entry,))
