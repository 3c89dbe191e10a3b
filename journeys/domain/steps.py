"""What each kind of step does: one function per kind, from the step and its moment to a result.

A step is begun once per visit; a wait is asked again at every later moment until it lets the person go.
Waits count from the moment they are begun. A wait whose time is over is timed out whatever its
condition says: a message exactly at the time-out is late.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from connectors.domain.consent import Refusal, consent_category
from connectors.domain.message import MessageClass
from journeys.domain.decision import Kind, LedgerEntry, Outcome, Outgoing, TraitWrite
from journeys.domain.nodes import (
    Branch,
    Crm,
    Exit,
    Send,
    Sequence,
    SetTrait,
    Step,
    Wait,
    WaitUntil,
    Webhook,
)
from profiles.domain.facts import Facts, Json
from profiles.domain.facts import TraitChange as PastTrait
from segments.domain.conditions import ConsentIs, ConsentState
from segments.domain.evaluate import Reason, consent_state, evaluate, holds

# Renders a template, or what holds templates, for the person at that moment; plain values come back as
# they are.
Render = Callable[[Json, Facts], Json]
# Says in a word why a message must not be queued; "" lets it pass.
Refuse = Callable[[Outgoing], str]

ELSE = "else"


def refuse_nothing(message: Outgoing) -> str:
    """Let every message pass."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When and for whom a step is asked, and by what means it acts."""

    facts: Facts
    now: datetime
    visit: int
    render: Render
    refuse: Refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class GoOn:
    """The person goes into a sequence of the step, or, where it is empty, on below the step."""

    into: Sequence = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """The person waits here; `due_at` None: only a message can change that."""

    due_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """The person leaves the journey."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one step came to."""

    way: GoOn | Stay | Leave
    ledger: tuple[LedgerEntry, ...] = ()
    messages: tuple[Outgoing, ...] = ()
    trait_writes: tuple[TraitWrite, ...] = ()


def begin(step: Step, moment: Moment) -> Result:
    """Begin a step."""
    match step:
        case Wait():
            return _begin_wait(step, moment)
        case WaitUntil():
            return _begin_wait_until(step, moment)
        case Branch():
            return _branch(step, moment)
        case Send() | Crm() | Webhook():
            return _message(step, moment)
        case SetTrait():
            return _set_trait(step, moment)
        case Exit():
            return _exit(step)
        case _:
            assert_never(step)


def ask_again(step: Step, moment: Moment, *, due_at: datetime | None) -> Result:
    """Ask a wait that was begun before whether it is over."""
    is_due = due_at is not None and due_at <= moment.now
    if isinstance(step, WaitUntil):
        return _wait_until_over(step, moment, is_due=is_due) or Result(way=Stay(due_at=due_at))
    if isinstance(step, Wait) and is_due:
        return Result(way=GoOn(), ledger=(LedgerEntry(step=step.id, outcome=Outcome.WAITED),))
    return Result(way=Stay(due_at=due_at))


def _begin_wait(step: Wait, moment: Moment) -> Result:
    return _stay(step, moment.now + step.length)


def _begin_wait_until(step: WaitUntil, moment: Moment) -> Result:
    """Ask first: what the person did since the run began counts, even if it came before this step."""
    due_at = moment.now + step.timeout if step.timeout else None
    return _wait_until_over(step, moment, is_due=False) or _stay(step, due_at)


def _stay(step: Wait | WaitUntil, due_at: datetime | None) -> Result:
    until = due_at.isoformat() if due_at else ""
    entry = LedgerEntry(step=step.id, outcome=Outcome.WAITING, reason=until)
    return Result(way=Stay(due_at=due_at), ledger=(entry,))


def _wait_until_over(step: WaitUntil, moment: Moment, *, is_due: bool) -> Result | None:
    if not is_due and not holds(step.condition, moment.facts, moment.now):
        return None
    outcome, into = (Outcome.TIMED_OUT, step.otherwise) if is_due else (Outcome.SATISFIED, step.then)
    tree = evaluate(step.condition, moment.facts, moment.now).reason.to_json()
    return Result(way=GoOn(into=into), ledger=(LedgerEntry(step=step.id, outcome=outcome, tree=tree),))


def _branch(step: Branch, moment: Moment) -> Result:
    """Take the first case that holds. The ledger keeps the reasons of every case that was asked."""
    reasons: list[Reason] = []
    taken, into = ELSE, step.otherwise
    for case in step.cases:
        answer = evaluate(case.condition, moment.facts, moment.now)
        reasons.append(answer.reason)
        if answer.holds:
            taken, into = case.name, case.steps
            break
    tree = {"node": "any", "held": taken != ELSE, "children": [each.to_json() for each in reasons]}
    entry = LedgerEntry(step=step.id, outcome=Outcome.BRANCHED, reason=taken, tree=tree)
    return Result(way=GoOn(into=into), ledger=(entry,))


def _message(step: Send | Crm | Webhook, moment: Moment) -> Result:
    message = _outgoing(step, visit=moment.visit)
    entry = _consent_missing(message, moment)
    if entry is None and (refused := moment.refuse(message)):
        entry = LedgerEntry(step=step.id, outcome=Outcome.NOT_SENT, reason=refused)
    if entry is not None:
        return Result(way=GoOn(), ledger=(entry,))
    queued = LedgerEntry(step=step.id, outcome=Outcome.QUEUED)
    return Result(way=GoOn(), ledger=(queued,), messages=(message,))


def _outgoing(step: Send | Crm | Webhook, *, visit: int) -> Outgoing:
    match step:
        case Send():
            return Outgoing(
                step=step.id,
                visit=visit,
                kind=Kind.SEND,
                channel=step.channel,
                connection=step.connection,
                template=step.template,
                message_class=step.message_class.value,
                fields=step.fields,
            )
        case Crm():
            return Outgoing(
                step=step.id,
                visit=visit,
                kind=Kind.CRM,
                channel="crm",
                connection=step.connection,
                action=step.action,
                fields=step.fields,
            )
        case Webhook():
            return Outgoing(
                step=step.id,
                visit=visit,
                kind=Kind.WEBHOOK,
                channel="webhook",
                connection=step.connection,
                fields=step.fields,
            )
        case _:
            assert_never(step)


def _consent_missing(message: Outgoing, moment: Moment) -> LedgerEntry | None:
    """Marketing needs consent that was granted; not having been asked is a no."""
    if message.message_class != MessageClass.MARKETING:
        return None
    needed = ConsentIs(category=consent_category(message.channel), state=ConsentState.GRANTED)
    answer = evaluate(needed, moment.facts, moment.now)
    if answer.holds:
        return None
    is_unset = consent_state(moment.facts, needed.category) is ConsentState.UNSET
    refusal = Refusal.CONSENT_UNSET if is_unset else Refusal.CONSENT_DENIED
    tree = answer.reason.to_json()
    return LedgerEntry(step=message.step, outcome=Outcome.NOT_SENT, reason=refusal.value, tree=tree)


def _set_trait(step: SetTrait, moment: Moment) -> Result:
    writes = tuple(
        TraitWrite(step=step.id, key=key, value=moment.render(value, moment.facts))
        for key, value in step.values.items()
    )
    names = ", ".join(step.values)
    entry = LedgerEntry(step=step.id, outcome=Outcome.TRAIT_SET, reason=names[:200])
    return Result(way=GoOn(), ledger=(entry,), trait_writes=writes)


def facts_after(facts: Facts, writes: tuple[TraitWrite, ...], *, now: datetime) -> Facts:
    """The person as the steps after `writes` see them."""
    if not writes:
        return facts
    arrival = facts.event.arrival if facts.event else 0
    traits, history = dict(facts.traits), dict(facts.trait_history)
    for write in writes:
        traits[write.key] = write.value
        change = PastTrait(at=now, arrival=arrival, value=write.value)
        history[write.key] = (*history.get(write.key, ()), change)
    present = {key: value for key, value in traits.items() if value is not None}
    return replace(facts, traits=present, trait_history=history)


def _exit(step: Exit) -> Result:
    entry = LedgerEntry(step=step.id, outcome=Outcome.EXITED, reason=step.reason)
    return Result(way=Leave(reason=step.reason), ledger=(entry,))
