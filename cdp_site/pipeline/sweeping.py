"""The sweep: what the clock decides. Runs whose time has come go on, and people enter and leave segments,
whether or not anything happens to them.

Timers run in the order of what was received: none passes a message that waits in the inbox, so that an
hour's stop of the drain changes when something is decided, not what.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from cdp_site.pipeline.crowds import settle_crowds
from cdp_site.pipeline.deciding import (
    Decider,
    Desk,
    due_rules,
    load_due,
    load_facts,
    park_due,
    postpone,
    write_decisions,
)
from cdp_site.pipeline.retrying import is_passing, retrying
from cdp_site.pipeline.rules import RuleId, Rules, current_rules
from journeys.crowds import see_to_crowds
from journeys.live import company_rules
from journeys.models import EntryDue, Run
from journeys.planning import call_by_timetables, plan_waiting, wake_planner
from profiles import partitions, store
from profiles.store.changes import Changes
from segments.models import ComputedDue, SegmentDue

Find = Callable[[Rules], list[QuerySet[Any]]]

logger = logging.getLogger(__name__)

_PEOPLE = 500
_SECONDS = 2.0  # then the next wake-up goes on, so that a worker is free for messages
_BULK_SECONDS = 30.0
IN_FLIGHT = timedelta(milliseconds=200)  # a message received just now may not be committed yet


def sweep(now: datetime | None = None, *, seconds: float = _SECONDS) -> dict[str, int]:
    """Decide what is due, for a bounded number of people; more are left for the next wake-up.

    Args:
        now: what time it is; left out, it goes on while this runs.
        seconds: after which no further round begins.
    """
    until = limit_of_timers(now or timezone.now())
    call_by_timetables(company=company_rules(), until=until)
    moved, is_done = retrying(partial(settle_crowds, until=until))
    counts = _sweep(_due_now, now=now, seconds=seconds if is_done else 0.0)
    return counts | {"people": counts["people"] + moved}


def call_in_present(now: datetime | None = None, *, seconds: float = _BULK_SECONDS) -> dict[str, int]:
    """Do what publications of journeys call for: ask in those who are present, see to those inside.

    They are many at once and in no hurry, so this is no business of the cluster that serves messages. Where
    the time does not suffice, another call of its own is asked for.
    """
    ends_at = time.monotonic() + seconds
    until = limit_of_timers(now or timezone.now())  # so that they are due at once
    planned = plan_waiting(company=company_rules(), now=until, ends_at=ends_at)
    planned |= see_to_crowds(now=now or timezone.now(), ends_at=ends_at)
    left = max(0.0, ends_at - time.monotonic())
    counts = planned | _sweep(_present, now=now, seconds=left)
    if time.monotonic() > ends_at:
        wake_planner()
    return counts


def _sweep(find: Find, *, now: datetime | None, seconds: float) -> dict[str, int]:
    counts = {"people": 0, "queued": 0}
    after: datetime | None = None
    ends_at = time.monotonic() + seconds
    # Behind a crowd that takes minutes nobody else should wait: what came due last has one turn first.
    is_newest = True
    while is_newest or time.monotonic() <= ends_at:
        work = partial(_sweep_some, find, after, now or timezone.now(), is_newest=is_newest)
        try:
            people, queued, after = retrying(work)
        except partitions.DecisionDaysMissing as need:
            partitions.ensure_decision_days(need.days)
            continue
        counts["people"] += people
        counts["queued"] += queued
        if after is None:
            break
        if is_newest:
            is_newest, after = False, None
    return counts


def limit_of_timers(now: datetime) -> datetime:
    """Up to which moment timers may run: no later than the oldest message that is not stored yet."""
    waiting = store.oldest_waiting()
    latest = now - IN_FLIGHT
    return latest if waiting is None else min(latest, waiting)


def _sweep_some(
    find: Find, after: datetime | None, now: datetime, *, is_newest: bool = False
) -> tuple[int, int, datetime | None]:
    """Advance some people's runs; the last value says where to go on, None at the end."""
    with transaction.atomic():
        rules = current_rules()
        until = limit_of_timers(now)
        candidates = _candidates(find(rules), after=after, until=until, is_newest=is_newest)
        if not candidates:
            return 0, 0, None
        people = sorted({person for _, person in candidates})
        moved, queued = _advance_or_split(people, rules=rules, until=until, clock=now)
        if queued:
            with connection.cursor() as cursor:
                cursor.execute("NOTIFY deliveries")
    is_full = len(candidates) == _PEOPLE
    return moved, queued, candidates[-1][0] if is_full else None


def _due_now(rules: Rules) -> list[QuerySet[Any]]:
    """The rows that say when somebody is due."""
    entries = EntryDue.objects.filter(journey_id__in=rules.journeys_that_call)
    return [
        Run.objects.open().filter(version_id__in=list(rules.versions)),
        SegmentDue.objects.all(),
        ComputedDue.objects.all(),
        entries.exclude(cause=EntryDue.Cause.PRESENT),
    ]


def _present(rules: Rules) -> list[QuerySet[Any]]:
    journeys = rules.journeys_that_call
    return [EntryDue.objects.filter(journey_id__in=journeys, cause=EntryDue.Cause.PRESENT)]


def _candidates(
    sources: Iterable[QuerySet[Any]], *, after: datetime | None, until: datetime, is_newest: bool = False
) -> list[tuple[datetime, int]]:
    """What is due first, or last, (due, person); nobody is locked yet, so it may be done by then."""
    order = "-due_at" if is_newest else "due_at"
    found: list[tuple[datetime, int]] = []
    for rows in sources:
        due = rows.filter(due_at__lte=until, **({} if after is None else {"due_at__gte": after}))
        found += cast(
            list[tuple[datetime, int]], due.order_by(order).values_list("due_at", "person_id")[:_PEOPLE]
        )
    return sorted(found, reverse=is_newest)[:_PEOPLE]


def _advance_or_split(
    people: Sequence[int], *, rules: Rules, until: datetime, clock: datetime
) -> tuple[int, int]:
    """Advance people; where that fails, halve them until the one at fault stands alone and is parked."""
    try:
        with transaction.atomic():
            return advance_people(people, rules=rules, until=until, clock=clock)
    except partitions.DecisionDaysMissing:
        raise
    except Exception as error:
        if is_passing(error):
            raise
        if len(people) == 1:
            logger.exception("what is due of person %s cannot be decided", people[0])
            return _park(people[0], error, rules=rules, until=until)
    middle = len(people) // 2
    first = _advance_or_split(people[:middle], rules=rules, until=until, clock=clock)
    second = _advance_or_split(people[middle:], rules=rules, until=until, clock=clock)
    return first[0] + second[0], first[1] + second[1]


def advance_people(
    people: Sequence[int],
    *,
    rules: Rules,
    until: datetime,
    clock: datetime | None = None,
    asked: Collection[RuleId] = (),
    skip_locked: bool = True,
) -> tuple[int, int]:
    """Decide what is due of some people up to a moment, and at it the rules `asked`.

    Returns:
        How many people nobody else was working on, and how many deliveries were queued.
    """
    states = store.load_people(people, skip_locked=skip_locked)
    changes = Changes(states=states)
    desk = Desk(rules, states, changes.traits, clock=clock)
    decider = Decider(desk)
    load_due(desk, list(states), until=until, with_dead=True)
    due = {person: due_rules(desk, person, until=until).union(asked) for person in states}
    load_facts(desk, due, now=until, until=until)
    for person in states:
        decider.run_timers(person, until=until)
        if asked:
            decider.at_moment(person, asked, event=None, now=until)
    store.write_changes(changes)
    return len(states), write_decisions(desk, merged={})


def _park(person: int, error: Exception, *, rules: Rules, until: datetime) -> tuple[int, int]:
    states = store.load_people([person], skip_locked=True)
    desk = Desk(rules, states, [])
    desk.runs.load(list(states))
    park_due(desk, person, error, until=until)
    postpone(desk, person, until=until)
    return len(states), write_decisions(desk, merged={})
