"""The times of events are noted beside their counts, and forgotten whenever a count changes."""

from datetime import UTC, datetime, timedelta

import pytest

from profiles.models import Event, Person, PersonTotal
from profiles.store.write import fold_people
from profiles.times import note_times
from tests import build

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)

pytestmark = pytest.mark.django_db


def times_of(person: Person) -> dict[str, list[datetime] | None]:
    return {
        total.name.name: total.times
        for total in PersonTotal.objects.filter(person_id=person.pk).select_related("name")
    }


def test_note_times__in_order_by_name() -> None:
    ann = build.person()
    for hours in (3, 1, 2):
        build.event(person=ann, name="Order", at=NOON + hours * HOUR)
    build.event(person=ann, name="Visit", at=NOON)
    assert note_times(limit=10) == 1
    assert times_of(ann) == {"Order": [NOON + hours * HOUR for hours in (1, 2, 3)], "Visit": [NOON]}
    assert note_times(limit=10) == 0


def test_note_times__of_some_at_a_time() -> None:
    for person in (build.person(), build.person(), build.person()):
        build.event(person=person)
    assert [note_times(limit=2) for _ in range(3)] == [2, 1, 0]


def test_note_times__of_merged_people_too() -> None:
    ann, bob = build.person(), build.person()
    build.event(person=ann, name="Order", at=NOON)
    build.event(person=bob, name="Order", at=NOON - HOUR)
    note_times(limit=10)
    fold_people([bob.pk], [ann.pk])
    assert times_of(ann) == {"Order": None}  # the count changed
    note_times(limit=10)
    assert times_of(ann) == {"Order": [NOON - HOUR, NOON]}


def test_note_times__not_where_events_are_gone() -> None:
    """Retention takes events, not counts: those who are left do not tell how often it was."""
    ann = build.person()
    for hours in range(3):
        build.event(person=ann, name="Order", at=NOON + hours * HOUR)
    Event.objects.filter(person_id=ann.pk, ts=NOON).delete()
    assert note_times(limit=10) == 1
    assert times_of(ann) == {"Order": []}
    assert note_times(limit=10) == 0
