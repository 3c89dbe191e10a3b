"""Builds and the clock: who can change by time alone is written down, and nobody else."""

import time
from datetime import datetime, timedelta
from typing import Any

import pytest

from profiles.models import Person
from segments.building import Built, build_segment, clear_dues
from segments.models import Membership, Segment, SegmentDue
from segments.services import pause_segment, publish_segment, resume_segment, save_segment
from segments.tasks import build_waiting
from tests import build
from tests.segments.domain.people import NOW

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
LATELY: dict[str, Any] = {"event": "Order", "during": {"last": "P7D"}}


def clock() -> datetime:
    return NOW


def published(condition: Any, slug: str = "seg") -> Segment:
    save_segment(slug, name=slug, condition=condition, actor="mia", now=NOW)
    publish_segment(slug, actor="mia", now=NOW)
    return Segment.objects.get(slug=slug)


def buyer(days: int) -> Person:
    person = build.person(first_seen_at=NOW - 90 * DAY)
    build.event(person=person, name="Order", at=NOW - days * DAY)
    return person


def dues() -> dict[int, datetime]:
    return dict(SegmentDue.objects.values_list("person_id", "due_at"))


def test_build__writes_when_members_will_leave() -> None:
    recent, _old, _nobody = buyer(2), buyer(20), build.person()
    build_segment(published(LATELY).pk, clock=clock)
    assert dues() == {recent.pk: NOW + 5 * DAY}


def test_build__writes_when_others_will_enter() -> None:
    never = {"event": "Order", "count": {"op": "at_most", "value": 0}, "during": {"last": "P30D"}}
    recent, old = buyer(10), buyer(40)
    built = build_segment(published(never).pk, clock=clock)
    assert built == Built(entered=1, left=0, is_done=True)
    assert dues() == {recent.pk: NOW + 20 * DAY}
    assert Membership.objects.get().person_id == old.pk


def test_build__counts_events_of_merged_people() -> None:
    old, new = buyer(2), build.person()
    build.merged(old=old, new=new)
    build_segment(published(LATELY).pk, clock=clock)
    assert dues() == {new.pk: NOW + 5 * DAY}


def test_build__writes_birthdays() -> None:
    person = build.person(traits={"born": "1990-12-24"}, time_zone="Europe/Berlin")
    build.person(traits={"born": "unknown"})
    build_segment(published({"trait": "born", "op": "anniversary", "value": "today"}).pk, clock=clock)
    assert dues() == {person.pk: datetime.fromisoformat("2026-12-23T23:00:00+00:00")}


def test_build__leaves_the_rest_alone() -> None:
    buyer(2)
    build_segment(published({"all": [{"event": "Order"}, {"known": "email"}]}).pk, clock=clock)
    assert dues() == {}


def test_build__takes_back_what_no_longer_changes() -> None:
    person = buyer(2)
    segment = published(LATELY)
    build_segment(segment.pk, clock=clock)
    published(LATELY | {"where": [{"property": "sku", "op": "is", "value": "x"}]})
    build_segment(segment.pk, clock=clock)
    assert dues() == {}
    assert Membership.objects.get(person=person).left_at == NOW


def test_build__shows_how_far_it_is_and_goes_on_there() -> None:
    people = [buyer(2) for _ in range(5)]
    segment = published(LATELY)
    cut = build_segment(segment.pk, clock=clock, portion=2, ends_at=time.monotonic() - 1)
    assert cut == Built(entered=2, left=0, is_done=False)
    segment.refresh_from_db()
    assert (segment.build_done, segment.build_total, segment.build_started_at) == (2, 5, NOW)
    cut = build_segment(segment.pk, clock=clock, portion=2, ends_at=time.monotonic() - 1)
    segment.refresh_from_db()
    assert (segment.build_done, segment.build_total, segment.build_cursor) == (4, 5, people[3].pk)
    assert build_segment(segment.pk, clock=clock) == Built(entered=1, left=0, is_done=True)
    segment.refresh_from_db()
    assert (segment.build_total, segment.build_started_at, segment.build_cursor) == (None, None, 0)


def test_clear_dues__of_what_is_paused() -> None:
    for _ in range(5):
        buyer(2)
    segment = published(LATELY)
    other = published(LATELY, "other")
    build_waiting()
    pause_segment("seg", actor="mia", now=NOW)
    assert clear_dues(portion=2) == SegmentDue.objects.filter(segment=other).count()
    assert not SegmentDue.objects.filter(segment=segment).exists()
    resume_segment("seg", actor="mia", now=NOW)
    build_segment(segment.pk, clock=clock)
    assert SegmentDue.objects.filter(segment=segment).count() == 5
