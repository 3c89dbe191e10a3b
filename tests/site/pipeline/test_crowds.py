"""Thousands who are due at one moment: moved by one query, and no differently than one by one."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from cdp_site.pipeline import sweep
from cdp_site.pipeline.crowds import settle_crowds
from cdp_site.pipeline.rules import forget_rules
from journeys.models import EntryDue
from profiles.models import Person
from segments.models import Membership, Segment, SegmentDue
from segments.services import Mode, change_members
from tests import build

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
BIRTHDAY: dict[str, Any] = {"trait": "born", "op": "anniversary", "value": "today"}


def midnight() -> datetime:
    return timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)


def crowd(segment: Segment, size: int = 12) -> list[Person]:
    """People whose birthday is today, and as many whose it was yesterday and who are in the segment still."""
    at = midnight()
    people = []
    for place in range(size):
        born = at if place % 2 else at - DAY
        people.append(build.person(traits={"born": f"1990-{born:%m-%d}"}, first_seen_at=at - 9 * DAY))
        if not place % 2:
            build.membership(segment=segment, person=people[-1], entered_at=at - DAY)
    Segment.objects.filter(pk=segment.pk).update(member_count=size // 2)
    SegmentDue.objects.bulk_create(SegmentDue(segment=segment, person=one, due_at=at) for one in people)
    return people


@pytest.fixture
def birthdays() -> Segment:
    forget_rules()
    return build.segment(slug="birthdays", condition={"language": 1, "if": BIRTHDAY})


def stays(segment: Segment) -> list[tuple[int, datetime, datetime | None]]:
    rows = Membership.objects.filter(segment=segment).order_by("person_id")
    return list(rows.values_list("person_id", "entered_at", "left_at"))


def expected(people: list[Person]) -> list[tuple[int, datetime, datetime | None]]:
    at = midnight()
    return [
        (person.pk, at, None) if place % 2 else (person.pk, at - DAY, at)
        for place, person in enumerate(people)
    ]


def test_settle_crowds__moves_them_at_the_moment_itself(birthdays: Segment) -> None:
    people = crowd(birthdays)
    assert settle_crowds(until=timezone.now(), smallest=10, portion=5) == (12, True)
    assert stays(birthdays) == expected(people)
    assert Segment.objects.get(pk=birthdays.pk).member_count == 6
    assert SegmentDue.objects.filter(due_at=midnight()).count() == 12
    assert settle_crowds(until=timezone.now(), smallest=10, portion=5) == (0, True)


def test_settle_crowds__the_sweep_finds_the_next_moment_and_changes_nothing(birthdays: Segment) -> None:
    people = crowd(birthdays)
    settle_crowds(until=timezone.now(), smallest=10)
    sweep()
    assert stays(birthdays) == expected(people)
    assert not SegmentDue.objects.filter(due_at__lte=timezone.now()).exists()


def test_settle_crowds__dependants_follow_at_the_same_moment(birthdays: Segment) -> None:
    people = crowd(birthdays)
    asks = {"segment": "birthdays", "is": "member"}
    guests = build.segment(slug="guests", condition={"language": 1, "if": asks})
    forget_rules()
    settle_crowds(until=timezone.now(), smallest=10)
    sweep()
    assert {person for person, _, _ in stays(guests)} == {one.pk for one in people[1::2]}
    assert {at for _, at, _ in stays(guests)} == {midnight()}


def test_settle_crowds__few_are_left_to_the_sweep(birthdays: Segment) -> None:
    crowd(birthdays)
    assert settle_crowds(until=timezone.now(), smallest=13) == (0, True)


def test_settle_crowds__who_has_something_due_earlier_waits_for_that(birthdays: Segment) -> None:
    people = crowd(birthdays)
    other = build.segment(slug="other")
    SegmentDue.objects.create(segment=other, person=people[1], due_at=midnight() - DAY)
    forget_rules()
    assert settle_crowds(until=timezone.now(), smallest=10) == (11, True)
    sweep()
    assert stays(birthdays) == expected(people)


def test_settle_crowds__who_is_to_be_asked_to_enter_earlier_waits_for_that(birthdays: Segment) -> None:
    people = crowd(birthdays)
    earlier = {"person": people[1], "due_at": midnight() - DAY, "cause": EntryDue.Cause.API}
    EntryDue.objects.create(journey=build.journey(), **earlier)
    forget_rules()
    assert settle_crowds(until=timezone.now(), smallest=10) == (11, True)


def test_settle_crowds__says_who_was_named_by_hand(birthdays: Segment) -> None:
    people = [build.person() for _ in range(12)]
    at = timezone.now() - timedelta(seconds=5)
    change_members("birthdays", [one.pk for one in people], mode=Mode.ADD, actor="mia", now=at)
    assert settle_crowds(until=timezone.now(), smallest=10) == (12, True)
    assert {stay.why["entered"]["node"] for stay in Membership.objects.all()} == {"manual"}


def test_sweep__what_came_due_last_does_not_wait_behind_a_crowd(birthdays: Segment) -> None:
    """In the very first round, though a thousand others were due before."""
    people = crowd(birthdays, size=1_200)
    late = build.person(traits={"born": "1990-01-01"})
    due = SegmentDue.objects.create(
        segment=birthdays, person=late, due_at=timezone.now() - timedelta(seconds=1)
    )
    sweep(seconds=0.0)
    assert SegmentDue.objects.get(person=late).due_at > due.due_at
    assert SegmentDue.objects.filter(due_at=midnight()).count() > len(people) // 2
