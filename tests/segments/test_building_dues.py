"""Builds and the clock: who can change by time alone is written down, and nobody else."""

import time
from datetime import datetime, timedelta
from typing import Any

import pytest

from profiles.models import Person
from segments.building import Built, Work, build_segment, clear_dues, settle_portion
from segments.live import live_segments
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


def test_build__that_is_begun_anew_meanwhile_asks_everybody() -> None:
    """Whoever had been asked before it is asked again, as where the company has moved to another zone."""
    people = [buyer(2) for _ in range(4)]
    segment = published(LATELY)
    build_segment(segment.pk, clock=clock, portion=2, ends_at=0.0)
    segment.refresh_from_db()
    [live] = live_segments()
    begun = Work(segment=live, version=segment.version, started_at=segment.build_started_at)
    pause_segment("seg", actor="mia", now=NOW)
    resume_segment("seg", actor="mia", now=NOW)
    SegmentDue.objects.all().delete()
    rest = [one.pk for one in people[2:]]
    assert settle_portion(begun, rest, turning=frozenset(rest), clock=clock) is None
    assert build_segment(segment.pk, clock=clock).is_done
    assert dues() == {one.pk: NOW + 5 * DAY for one in people}


def test_build__has_a_dependant_that_was_cut_off_begin_anew() -> None:
    member = buyer(2)
    published(LATELY, "first")
    second = published({"segment": "first", "is": "left", "during": {"last": "P7D"}}, "second")
    Segment.objects.filter(pk=second.pk).update(build_cursor=member.pk, build_started_at=NOW, build_done=1)
    build_segment(Segment.objects.get(slug="first").pk, clock=clock)
    second.refresh_from_db()
    assert (second.build_cursor, second.build_done, second.build_started_at) == (0, 0, None)


def test_build_waiting__a_segment_that_cannot_be_asked_stops_no_other() -> None:
    person = build.person(traits={"born": "1990-12-24"}, time_zone="Nowhere/At All")
    faulty = published({"trait": "born", "op": "anniversary", "value": "today"}, "birthday")
    sound = published(LATELY, "sound")
    assert build_waiting()["built"] == 1
    faulty.refresh_from_db()
    sound.refresh_from_db()
    assert (faulty.built_at, sound.built_at is None) == (None, False)
    assert "Nowhere" in faulty.error
    Person.objects.filter(pk=person.pk).update(time_zone="Europe/Berlin")
    build_waiting()
    faulty.refresh_from_db()
    assert faulty.built_at is not None
