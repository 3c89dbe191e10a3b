"""Building computed traits: everybody who has a value is asked, by the portion, as if their time had come.

A value is written as any trait is, so that segments and journeys that ask for it follow in the same
transaction. The bounds of fifths are found for all customers at once each night, on the company's calendar.
"""

import time
from collections.abc import Callable
from datetime import datetime
from functools import partial

from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from cdp_site.pipeline.retrying import retrying
from cdp_site.pipeline.rules import current_rules
from cdp_site.pipeline.sweeping import advance_people, limit_of_timers
from profiles import partitions
from segments.compiler.customers import customers_query, fifths_query
from segments.domain.computed import Compute, Definition, Fifths, fifths_json, parse_computed
from segments.domain.parse import ConditionError
from segments.domain.values import local_day
from segments.models import ComputedTrait
from segments.queries import scanning, scope_of
from segments.revision import change_rules

PORTION = 500  # people computed in one transaction
LONGEST = 30.0  # seconds before the rest is left to another call


def compute_waiting(
    *, portion: int = PORTION, clock: Callable[[], datetime] = timezone.now, seconds: float = LONGEST
) -> dict[str, int]:
    """Build the computed traits that wait for it, for at most so many seconds."""
    ends_at = time.monotonic() + seconds
    counts = {"computed": 0}
    _have_fifths_renewed(now=clock())
    for trait in ComputedTrait.objects.live().filter(built_at=None).order_by("id"):
        try:
            definition = parse_computed(trait.definition)
        except ConditionError:  # of another release, as `live_computed` logs; it must not stop the others
            continue
        if trait.build_cursor == 0:
            _begin(trait, definition, now=clock())
        while people := _next_people(trait, definition, now=clock(), portion=portion):
            if not _compute_some(trait, people):
                break
            trait.build_cursor = people[-1]
            counts["computed"] += len(people)
            if time.monotonic() > ends_at:
                return counts
        else:
            _as_begun(trait).update(built_at=clock(), build_total=None, build_done=0, build_cursor=0)
    return counts


def _as_begun(trait: ComputedTrait) -> QuerySet[ComputedTrait]:
    """The row, unless somebody changed it or had it built anew since it was read here."""
    rows = ComputedTrait.objects.live().filter(built_at=None)
    return rows.filter(pk=trait.pk, updated_at=trait.updated_at, build_cursor=trait.build_cursor)


def _have_fifths_renewed(*, now: datetime) -> None:
    """Have everybody's fifths found anew once the company's day has changed."""
    zone = scope_of(now=now).company_zone
    today = local_day(now, zone=zone)
    for trait in ComputedTrait.objects.live().filter(definition__compute=Compute.RFM, built_at__lt=now):
        if trait.built_at and local_day(trait.built_at, zone=zone) < today:
            ComputedTrait.objects.filter(pk=trait.pk).update(built_at=None, build_cursor=0)


@transaction.atomic
def _begin(trait: ComputedTrait, definition: Definition, *, now: datetime) -> None:
    with scanning() as cursor:
        everybody = customers_query(definition, scope_of(now=now), key=trait.key, after=0, limit=2**31)
        cursor.execute(f"SELECT count(*) FROM ({everybody.as_string(None)}) AS asked")
        (total,) = cursor.fetchone()
    ComputedTrait.objects.filter(pk=trait.pk).update(build_total=total, build_done=0)
    if definition.compute is Compute.RFM:
        with scanning() as cursor:
            cursor.execute(fifths_query(definition, scope_of(now=now)))
            last, count, amount = cursor.fetchone()
        fifths = Fifths(last=last or (), count=count or (), sum=amount or ())
        change_rules()  # whoever decides must not go by the bounds of yesterday
        ComputedTrait.objects.filter(pk=trait.pk).update(fifths=fifths_json(fifths))


def _next_people(trait: ComputedTrait, definition: Definition, *, now: datetime, portion: int) -> list[int]:
    scope, after = scope_of(now=now), trait.build_cursor
    with connection.cursor() as cursor:
        cursor.execute(customers_query(definition, scope, key=trait.key, after=after, limit=portion))
        return [row[0] for row in cursor.fetchall()]


def _compute_some(trait: ComputedTrait, people: list[int]) -> bool:
    while True:
        try:
            return retrying(partial(_compute_once, trait, people))
        except partitions.DecisionDaysMissing as need:
            partitions.ensure_decision_days(need.days)


@transaction.atomic
def _compute_once(trait: ComputedTrait, people: list[int]) -> bool:
    """Compute the trait of some people; tell whether it is still the one that was begun."""
    rules = current_rules()  # whoever changes the trait waits from here on
    if not _as_begun(trait).exists():
        return False
    until = limit_of_timers(timezone.now())
    _people, queued = advance_people(
        people, rules=rules, until=until, asked=[("computed", trait.pk)], skip_locked=False
    )
    _as_begun(trait).update(build_cursor=people[-1], build_done=F("build_done") + len(people))
    if queued:
        with connection.cursor() as cursor:
            cursor.execute("NOTIFY deliveries")
    return True
