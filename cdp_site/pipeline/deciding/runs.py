"""Move runs: ask the engine what a run does now, and carry it out on the desk."""

import logging
from datetime import datetime
from functools import partial

from cdp_site.pipeline.deciding.desk import Desk
from cdp_site.pipeline.outgoing import delivery_of, variables_of
from connectors.domain.consent import Reach, may_send
from connectors.registry import writes_to
from connectors.rendering import render_value
from journeys.domain.engine import (
    Decision,
    Ending,
    Kind,
    LedgerEntry,
    ListWrite,
    Means,
    Outcome,
    Outgoing,
    StepError,
    advance,
)
from journeys.domain.settings import Sent
from journeys.live import OpenRun
from profiles.domain.facts import Event
from segments.network import ListStimulus

logger = logging.getLogger(__name__)


def advance_run(desk: Desk, run: OpenRun, *, event: Event | None, now: datetime) -> Decision | None:
    """Let a run go as far as it can; None where it could not be decided and is parked.

    Whoever calls leads the person on where the decision says so (`entries.proceed`).
    """
    facts = desk.facts(run.person, event=event).within(entry=run.entry, event=event)
    try:
        decision = advance(
            run.version.definition, state=run.state, facts=facts, now=now, means=_means(desk, run, now=now)
        )
    except StepError as error:
        _park(desk, run, error, now=now)
        return None
    run.apply(decision, now=now)
    desk.asked[run.person]["run", run.id] = now
    _carry_out(desk, run, decision, event=event, now=now)
    return decision


def park_due(desk: Desk, person: int, error: Exception, *, until: datetime) -> None:
    """Park the runs of a person that are due and whose decisions cannot be written."""
    while (run := desk.runs.due(person, until=until)) is not None:
        assert run.due_at is not None
        failure = StepError(run.state.step)
        failure.__cause__ = error
        _park(desk, run, failure, now=run.due_at)


def _means(desk: Desk, run: OpenRun, *, now: datetime) -> Means:
    return Means(
        render=lambda value, seen: render_value(value, variables_of(seen, run=run, now=now)),
        refuse=lambda message: _refusal(desk, run.person, message),
        company=desk.rules.company,
        clock=desk.clock,
        sent=desk.limits.sent_to(run.person),
        place=partial(desk.limits.place, run.version.journey_id),
    )


def _refusal(desk: Desk, person: int, message: Outgoing) -> str:
    state = desk.states[person]
    if state.email and state.email not in desk.suppressed:  # it came with this transaction
        desk.look_up({state.email})
    reach = Reach(
        address=state.email,
        consent=state.consent,
        suppressed=desk.suppressed.get(state.email, frozenset()),
    )
    verdict = may_send(
        reach,
        writes_to=writes_to(message.channel),
        message_class=message.message_class,
        topic=desk.topic_of(message.template) if message.template else "",
    )
    return verdict.reason


def _carry_out(desk: Desk, run: OpenRun, decision: Decision, *, event: Event | None, now: datetime) -> None:
    message_id = event.message_id if event else None
    for entry in decision.ledger:
        desk.runs.note(run, entry, now=now, message_id=message_id)
    if decision.cancels_queued:
        desk.take_back(run.id, reason=decision.ending.outcome.value if decision.ending else "")
    for message in decision.messages:
        desk.deliveries.append(delivery_of(run, message, event=event, now=now))
        if message.kind is Kind.SEND:
            sent = Sent(at=max(now, desk.clock or now), message_class=message.message_class)
            desk.limits.add(run.person, run=run.id, sent=sent)
    for write in decision.trait_writes:
        desk.set_trait(run.person, write.key, write.value, origin="journey", event=event, now=now)
    for change in decision.list_writes:
        _set_list(desk, run, change, now=now)


def _set_list(desk: Desk, run: OpenRun, change: ListWrite, *, now: datetime) -> None:
    by = f"journey:{run.version.slug}"
    if desk.manual.say(desk.states[run.person], change.list, is_added=change.is_added, by=by, now=now):
        segments = desk.rules.segments
        desk.pending |= {("segment", id_) for id_, one in segments.items() if one.slug == change.list}
        desk.mark(ListStimulus(slug=change.list))


def _park(desk: Desk, run: OpenRun, error: StepError, *, now: datetime) -> None:
    cause = error.__cause__ or error
    logger.error("run %s is parked at step %r", run.id, error.step, exc_info=cause)
    run.error = f"{type(cause).__name__}: {cause}"[:2000]
    run.end(Ending(outcome=Outcome.PARKED, reason=error.step), now=now)
    desk.take_back(run.id, reason=Outcome.PARKED.value)
    desk.runs.note(run, LedgerEntry(outcome=Outcome.PARKED, step=error.step), now=now, message_id=None)
