"""Decide for people moment by moment: segments first, then runs, then entries.

What a decision changes (a trait, a membership) is itself a stimulus that other rules may wait for; they are
asked in the same moment.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cdp_site.pipeline.deciding.desk import Desk
from cdp_site.pipeline.deciding.entries import call_in, cross, enter_by_message, plan, proceed
from cdp_site.pipeline.deciding.moments import next_due, renew
from cdp_site.pipeline.deciding.settling import mark_moves, settle_pending
from cdp_site.pipeline.rules import RuleId
from journeys.domain.engine import Outcome
from profiles.domain.facts import Event

logger = logging.getLogger(__name__)

_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_ROUNDS: Final = 50  # how often decisions of one moment may lead to further ones


@dataclass(frozen=True, slots=True)
class Decider:
    """Moves the people of a desk forward; whoever reads and writes for it decides what is kept."""

    desk: Desk

    def sees(self, person: int, name: str) -> bool:
        """Tell whether a rule may ask this person for events of this name."""
        wanted = self.desk.watched.get(person)
        return wanted is not None and (name in wanted[0] or name.startswith(wanted[1]))

    def absorb(self, *, old: int, new: int, now: datetime) -> None:
        """Move the runs of a merged person over; of two with one key the older goes on."""
        desk = self.desk
        desk.merged_at[old] = now
        desk.quiet_until.pop(new, None)
        desk.dues.drop(old)
        desk.computed_dues.drop(old)
        desk.manual.absorb(old=old, new=new)
        desk.entrants.absorb(old=old, new=new)
        desk.limits.absorb(old=old, new=new)
        desk.asked.pop(old, None)
        for run_id in desk.runs.absorb(old=old, new=new, now=now):
            desk.take_back(run_id, reason=Outcome.MERGED.value)

    def run_timers(self, person: int, *, until: datetime) -> None:
        """Decide what is due of a person, each at its own moment, in order."""
        desk = self.desk
        quiet_until = desk.quiet_until.get(person)
        if quiet_until is not None and until < quiet_until:
            return
        renew(desk, person)
        desk.may_enter = True
        while (now := next_due(desk, person)) is not None and now <= until:
            due = desk.dues.due(person, until=now)
            desk.pending = {("segment", id_) for id_ in due}
            desk.pending |= {("computed", id_) for id_ in desk.computed_dues.due(person, until=now)}
            mark_moves(desk, person, due, now=now)
            settle_pending(desk, person, event=None, now=now)
            while (run := desk.runs.due(person, until=now)) is not None:
                proceed(desk, run, event=None, now=now)
            for entrant in desk.entrants.take(person, until=now):
                call_in(desk, person, entrant, now=now)
            self._follow(person, event=None, now=now)
            renew(desk, person)
        desk.quiet_until[person] = now or _NEVER

    def at_moment(
        self,
        person: int,
        marked: Iterable[RuleId],
        *,
        event: Event | None,
        now: datetime,
        may_enter: bool = True,
    ) -> None:
        """Ask the marked rules about a person at one moment, and all that follow from their answers."""
        desk = self.desk
        desk.quiet_until.pop(person, None)
        desk.pending, desk.may_enter = set(marked), may_enter
        settle_pending(desk, person, event=event, now=now)
        entries = sorted(id_ for kind, id_ in desk.pending if kind == "entry")
        self._ask_runs(person, event=event, now=now)
        if event is not None and may_enter:
            for version in entries:
                enter_by_message(desk, person, desk.rules.versions[version], event=event, now=now)
        self._follow(person, event=event, now=now)

    def _follow(self, person: int, *, event: Event | None, now: datetime) -> None:
        """Ask what the decisions so far have changed the answer of."""
        desk = self.desk
        for _ in range(_ROUNDS):
            cross(desk, person, event=event, now=now)
            if not desk.pending and not desk.crossings:
                return
            settle_pending(desk, person, event=event, now=now)
            self._ask_runs(person, event=event, now=now)
        logger.error("decisions about person %s at %s led to each other without end", person, now)
        desk.pending.clear()
        desk.crossings.clear()

    def _ask_runs(self, person: int, *, event: Event | None, now: datetime) -> None:
        desk = self.desk
        for id_ in desk.take_pending("entry"):
            plan(desk, person, desk.rules.versions[id_], now=now)
        if not (asked := set(desk.take_pending("run"))):
            return
        for run in list(desk.runs.by_person.get(person, ())):
            if run.ending is None and run.version.id in asked:
                proceed(desk, run, event=event, now=now)
