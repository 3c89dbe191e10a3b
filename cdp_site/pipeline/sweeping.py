"""The sweep: what the clock decides. Runs whose time has come go on, and people enter and leave segments,
whether or not anything happens to them.

Timers run in the order of what was received: none passes a message that waits in the inbox, so that an
hour's stop of the drain changes when something is decided, not what.
"""

import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import cast

from django.db import connection, transaction
from django.utils import timezone

from cdp_site.pipeline.deciding import Decider
from cdp_site.pipeline.retrying import is_passing, retrying
from cdp_site.pipeline.rules import RuleId, Rules, current_rules
from journeys.models import Run
from profiles import partitions, store
from profiles.store.write import Changes
from segments.models import ComputedDue, SegmentDue

logger = logging.getLogger(__name__)

_PEOPLE = 500
_ROUNDS = 20
IN_FLIGHT = timedelta(milliseconds=200)  # a message received just now may not be committed yet


def sweep() -> dict[str, int]:
    """Advance runs that are due, for a bounded number of people; more are left for the next wake-up."""
    counts = {"people": 0, "queued": 0}
    after: datetime | None = None
    for _ in range(_ROUNDS):
        try:
            people, queued, after = retrying(partial(_sweep_some, after))
        except partitions.DecisionDaysMissing as need:
            partitions.ensure_decision_days(need.days)
            continue
        counts["people"] += people
        counts["queued"] += queued
        if after is None:
            break
    return counts


def limit_of_timers(now: datetime) -> datetime:
    """Up to which moment timers may run: no later than the oldest message that is not stored yet."""
    waiting = store.oldest_waiting()
    latest = now - IN_FLIGHT
    return latest if waiting is None else min(latest, waiting)


def _sweep_some(after: datetime | None) -> tuple[int, int, datetime | None]:
    """Advance some people's runs; the last value says where to go on, None at the end."""
    with transaction.atomic():
        rules = current_rules()
        until = limit_of_timers(timezone.now())
        candidates = _candidates(rules, after=after, until=until)
        if not candidates:
            return 0, 0, None
        people = sorted({person for _, person in candidates})
        moved, queued = _advance_or_split(people, rules=rules, until=until)
        if queued:
            with connection.cursor() as cursor:
                cursor.execute("NOTIFY deliveries")
    is_full = len(candidates) == _PEOPLE
    return moved, queued, candidates[-1][0] if is_full else None


def _candidates(rules: Rules, *, after: datetime | None, until: datetime) -> list[tuple[datetime, int]]:
    """What is due first, (due, person); nobody is locked yet, so it may have been done when they are."""
    runs = Run.objects.open().filter(version_id__in=list(rules.versions))
    found: list[tuple[datetime, int]] = []
    for rows in (runs, SegmentDue.objects.all(), ComputedDue.objects.all()):
        due = rows.filter(due_at__lte=until, **({} if after is None else {"due_at__gte": after}))
        found += cast(
            list[tuple[datetime, int]], due.order_by("due_at").values_list("due_at", "person_id")[:_PEOPLE]
        )
    return sorted(found)[:_PEOPLE]


def _advance_or_split(people: Sequence[int], *, rules: Rules, until: datetime) -> tuple[int, int]:
    """Advance people; where that fails, halve them until the one at fault stands alone and is parked."""
    try:
        with transaction.atomic():
            return advance_people(people, rules=rules, until=until)
    except partitions.DecisionDaysMissing:
        raise
    except Exception as error:
        if is_passing(error):
            raise
        if len(people) == 1:
            logger.exception("what is due of person %s cannot be decided", people[0])
            return _park(people[0], error, rules=rules, until=until)
    middle = len(people) // 2
    first = _advance_or_split(people[:middle], rules=rules, until=until)
    second = _advance_or_split(people[middle:], rules=rules, until=until)
    return first[0] + second[0], first[1] + second[1]


def advance_people(
    people: Sequence[int],
    *,
    rules: Rules,
    until: datetime,
    asked: Collection[RuleId] = (),
    skip_locked: bool = True,
) -> tuple[int, int]:
    """Decide what is due of some people up to a moment, and at it the rules `asked`.

    Returns:
        How many people nobody else was working on, and how many deliveries were queued.
    """
    states = store.load_people(people, skip_locked=skip_locked)
    changes = Changes(states=states)
    decider = Decider(rules, states, changes.traits)
    decider.runs.load(list(states))
    decider.dues.load_due(list(states), until=until)
    decider.computed_dues.load_due(list(states), until=until)
    due = {person: decider.due_rules(person, until=until).union(asked) for person in states}
    decider.load(due, now=until, until=until)
    for person in states:
        decider.run_timers(person, until=until)
        if asked:
            decider.at_moment(person, asked, event=None, now=until)
    store.write_changes(changes)
    return len(states), decider.write(merged={})


def _park(person: int, error: Exception, *, rules: Rules, until: datetime) -> tuple[int, int]:
    states = store.load_people([person], skip_locked=True)
    decider = Decider(rules, states, [])
    decider.runs.load(list(states))
    decider.park_due(person, error, until=until)
    decider.postpone(person, until=until)
    return len(states), decider.write(merged={})
