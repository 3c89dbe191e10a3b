"""When the clock calls for somebody: the next moments at which an answer may change without a message."""

import logging
from datetime import datetime, timedelta
from typing import Final

from cdp_site.pipeline.deciding.desk import Desk
from journeys.live import OpenRun
from profiles.domain.facts import Facts
from segments.domain.computed import turns_at
from segments.live import fault_of, next_moment, segment_due

logger = logging.getLogger(__name__)

_PUT_OFF: Final = timedelta(hours=1)


def next_due(desk: Desk, person: int) -> datetime | None:
    """When the clock calls for somebody next."""
    callers = (desk.runs, desk.dues, desk.computed_dues, desk.entrants)
    found = [at for caller in callers if (at := caller.next_of(person)) is not None]
    return min(found, default=None)


def renew(desk: Desk, person: int) -> None:
    """Find the next due moments of what was asked of a person, before anything else changes."""
    asked = desk.asked.pop(person, None)
    if not asked:
        return
    facts = desk.facts(person, event=None)
    for (kind, id_), now in asked.items():
        if kind == "segment":
            desk.dues.put(person, id_, _segment_due(desk, id_, facts, now=now))
        elif kind == "computed":
            desk.computed_dues.put(person, id_, _computed_due(desk, id_, facts, now=now))
    for run in desk.runs.by_person.get(person, ()):
        if ("run", run.id) in asked and run.ending is None:
            within = facts.within(entry=run.entry, event=None)
            run.due_at = _run_due(run, within, now=asked["run", run.id])


def postpone(desk: Desk, person: int, *, until: datetime) -> None:
    """Put off by an hour what is due of a person about whom decisions cannot be written."""
    desk.dues.load_due([person], until=until)
    desk.computed_dues.load_due([person], until=until)
    desk.entrants.load([person], journeys=desk.rules.journeys_that_call, until=until)
    desk.entrants.postpone(person, until=until, to=until + _PUT_OFF)
    for dues in (desk.dues, desk.computed_dues):
        for which in dues.due(person, until=until):
            dues.put(person, which, until + _PUT_OFF)


def _segment_due(desk: Desk, id_: int, facts: Facts, *, now: datetime) -> datetime | None:
    segment = desk.rules.segments.get(id_)
    if segment is None or segment.slug in desk.manual.of(facts.person_id, now=now):
        return None  # paused or put away; or said by hand, which the clock does not change
    try:
        return segment_due(segment, facts, now=now)
    except Exception as error:  # as in settling: one rule stops no other
        desk.faults[id_] = fault_of(error, slug=segment.slug)
        return None


def _computed_due(desk: Desk, id_: int, facts: Facts, *, now: datetime) -> datetime | None:
    if (trait := desk.rules.computed.get(id_)) is None:
        return None  # paused or given up
    try:
        return turns_at(trait.definition, facts, now=now)
    except Exception:  # as in computing it
        logger.exception("when computed trait %s may change is not known", trait.key)
        return None


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
