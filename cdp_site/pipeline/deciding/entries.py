"""Let people into journeys: by a message, by a segment, when their time has come, from another journey."""

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

from cdp_site.pipeline.deciding.desk import Desk
from cdp_site.pipeline.deciding.runs import advance_run
from journeys.domain.clock import next_date_moment
from journeys.domain.engine import (
    Action,
    Decision,
    Ending,
    EntryDecision,
    LedgerEntry,
    Outcome,
    Refusal,
    admit,
    enter,
    restarted,
    started,
)
from journeys.domain.entering import carried_over, occasion
from journeys.domain.nodes import DateEntry, SegmentEntry
from journeys.domain.settings import zone_of
from journeys.live import Entrant, LiveVersion, OpenRun
from journeys.models import EntryDue
from profiles.domain.facts import Event
from segments.domain.values import value_at

logger = logging.getLogger(__name__)

_OCCASIONS: Final = {
    EntryDue.Cause.DATE: "Date Reached",
    EntryDue.Cause.SCHEDULE: "Schedule Reached",
    EntryDue.Cause.PRESENT: "Was Present",
    EntryDue.Cause.API: "Entered by API",
}
_MOST_MOVES: Final = 10  # journeys that send somebody to each other at one moment


def enter_by_message(desk: Desk, person: int, version: LiveVersion, *, event: Event, now: datetime) -> None:
    """Ask whether a message begins a journey."""
    facts = desk.facts(person, event=event)
    history = desk.runs.history(person, version.journey_id)
    decide = partial(enter, version.definition, history=history, event=event, facts=facts, now=now)
    _let_in(desk, person, version, decide, entry=event, event=event, now=now)


def cross(desk: Desk, person: int, *, event: Event | None, now: datetime) -> None:
    """Let people enter the journeys that begin with the segments they have just entered or left."""
    crossings, desk.crossings = desk.crossings, []
    for slug, is_entered in crossings if desk.may_enter else ():
        for version in desk.rules.entered_by(slug, is_entered=is_entered):
            entry = occasion(
                "Segment Entered" if is_entered else "Segment Left",
                at=now,
                cause=event,
                facts=desk.facts(person, event=event),
                properties={"segment": slug},
            )
            _admit(desk, person, version, entry=entry, event=event, now=now)


def call_in(desk: Desk, person: int, entrant: Entrant, *, now: datetime) -> None:
    """Ask somebody in for whom the time has come."""
    version = desk.rules.open_version(entrant.journey)
    if version is None:
        return
    facts = desk.facts(person, event=None)
    on = version.definition.entry.on
    if entrant.cause == EntryDue.Cause.PRESENT and isinstance(on, SegmentEntry):
        stays = facts.stays.get(on.segment)
        if not stays or stays[-1].left_at is not None:
            return  # gone meanwhile
    name = _OCCASIONS[EntryDue.Cause(entrant.cause)]
    entry = occasion(name, at=now, cause=None, facts=facts, properties=entrant.properties)
    _admit(desk, person, version, entry=entry, event=None, now=now)
    plan(desk, person, version, now=now)


def plan(desk: Desk, person: int, version: LiveVersion, *, now: datetime) -> None:
    """Find when a date comes that a journey begins with."""
    on = version.definition.entry.on
    if not isinstance(on, DateEntry):
        return
    facts = desk.facts(person, event=None)
    zone = zone_of(version.definition.settings, person=facts.zone, company=desk.rules.company)
    at = next_date_moment(on.rule, value_at(facts.traits, on.path), after=now, zone=zone)
    desk.entrants.put_date(person, version.journey_id, at)


def proceed(desk: Desk, run: OpenRun, *, event: Event | None, now: datetime) -> None:
    """Let a run go as far as it can, and the person on into the journey it leads to."""
    decision = advance_run(desk, run, event=event, now=now)
    if decision is not None and decision.goes_to:
        _go_to(desk, run, decision, event=event, now=now)


def _go_to(desk: Desk, run: OpenRun, decision: Decision, *, event: Event | None, now: datetime) -> None:
    id_ = desk.rules.open_by_slug.get(decision.goes_to)
    if id_ is None or desk.moves[run.person, now] >= _MOST_MOVES:
        refusal = Refusal.CLOSED if id_ is None else Refusal.LOOP
        step = decision.ledger[-1].step
        line = LedgerEntry(outcome=Outcome.NOT_ENTERED, step=step, reason=refusal.value)
        desk.runs.note(run, line, now=now, message_id=event.message_id if event else None)
        return
    desk.moves[run.person, now] += 1
    version = desk.rules.versions[id_]
    facts = desk.facts(run.person, event=event)
    entry = carried_over(
        run.entry or occasion("Journey", at=now, cause=event, facts=facts, properties={}),
        at=now,
        cause=event,
        facts=facts,
        journey=version.slug,
    )
    _admit(desk, run.person, version, entry=entry, event=event, now=now)


def _admit(
    desk: Desk, person: int, version: LiveVersion, *, entry: Event, event: Event | None, now: datetime
) -> None:
    facts = desk.facts(person, event=event)
    history = desk.runs.history(person, version.journey_id)
    decide = partial(admit, version.definition, history=history, entry=entry, facts=facts, now=now)
    _let_in(desk, person, version, decide, entry=entry, event=event, now=now)


def _let_in(
    desk: Desk,
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
        desk.note(person, version, None, line, now=now, message_id=message_id)
        return
    if decision is None:
        return
    run = _run_after(desk, person, version, decision, entry=entry, now=now)
    desk.note(person, version, run, decision.ledger, now=now, message_id=message_id)
    if run is not None and run.ending is None and decision.action is not Action.REFUSE:
        proceed(desk, run, event=event, now=now)


def _run_after(
    desk: Desk, person: int, version: LiveVersion, decision: EntryDecision, *, entry: Event, now: datetime
) -> OpenRun | None:
    """The run that a decision to let somebody in, or not, is about, as it leaves it."""
    run = desk.runs.open_run(person, version.journey_id, decision.key)
    match decision.action:
        case Action.ENTER:
            state = started(version.definition)
            run = desk.runs.begin(person, version, key=decision.key, event=entry, state=state, now=now)
        case Action.RESTART if run is not None:
            run.state = restarted(run.version.definition, run.state)
            run.entry, run.entered_at = entry, now
            run.is_changed = run.is_restarted = True
            desk.take_back(run.id, reason=Outcome.RESTARTED.value)
        case Action.END if run is not None:
            run.end(Ending(outcome=Outcome.ENDED, reason=decision.ledger.reason), now=now)
            desk.take_back(run.id, reason=Outcome.ENDED.value)
    return run
