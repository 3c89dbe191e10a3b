"""The times of events are noted beside their counts, and forgotten whenever a count changes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from profiles import times
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
    assert note_times(seconds=9) == 1
    assert times_of(ann) == {"Order": [NOON + hours * HOUR for hours in (1, 2, 3)], "Visit": [NOON]}
    assert note_times(seconds=9) == 0


def test_note_times__goes_on_behind_somebody_and_round(monkeypatch: pytest.MonkeyPatch) -> None:
    people = [build.person() for _ in range(5)]
    for person in people:
        build.event(person=person, name="Order", at=NOON)
    seen: list[int] = []
    monkeypatch.setattr(times, "PORTION", 2)
    monkeypatch.setattr(times, "_note_some", seen.extend)
    assert note_times(seconds=9, after=people[2].pk) == 5
    assert seen == [people[place].pk for place in (3, 4, 0, 1, 2)]
    assert note_times(seconds=0.0) == 0


def test_note_times__reads_no_event_of_other_names() -> None:
    """What somebody did too often to be noted is not read for the sake of the rest."""
    ann = build.person()
    build.event(person=ann, name="Ping", at=NOON)
    build.event(person=ann, name="Order", at=NOON)
    PersonTotal.objects.filter(name__name="Ping").update(count=times.MOST + 1)
    with CaptureQueriesContext(connection) as asked:
        note_times(seconds=9)
    (noted,) = [query["sql"] for query in asked if query["sql"].startswith("\nUPDATE")]
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + noted)
        (plan,) = cursor.fetchone()
    assert rows_of_events(plan[0]["Plan"]) == 1
    assert times_of(ann) == {"Ping": None, "Order": [NOON]}


def rows_of_events(node: dict[str, Any]) -> int:
    own = node["Actual Rows"] if str(node.get("Relation Name", "")).startswith("profiles_event_") else 0
    return int(own) + sum(rows_of_events(inner) for inner in node.get("Plans", []))


def test_note_times__of_merged_people_too() -> None:
    ann, bob = build.person(), build.person()
    build.event(person=ann, name="Order", at=NOON)
    build.event(person=bob, name="Order", at=NOON - HOUR)
    note_times(seconds=9)
    fold_people([bob.pk], [ann.pk])
    assert times_of(ann) == {"Order": None}  # the count changed
    note_times(seconds=9)
    assert times_of(ann) == {"Order": [NOON - HOUR, NOON]}


def test_note_times__not_where_events_are_gone() -> None:
    """Retention takes events, not counts: those who are left do not tell how often it was."""
    ann = build.person()
    for hours in range(3):
        build.event(person=ann, name="Order", at=NOON + hours * HOUR)
    Event.objects.filter(person_id=ann.pk, ts=NOON).delete()
    assert note_times(seconds=9) == 1
    assert times_of(ann) == {"Order": []}
    assert note_times(seconds=9) == 0
