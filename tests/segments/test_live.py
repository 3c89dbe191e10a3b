"""Membership message by message: what is decided, what is written, what a merge leaves."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from profiles.domain.facts import Stay
from profiles.domain.history import PersonState
from profiles.models import Person
from segments.domain.conditions import reads
from segments.domain.parse import parse_condition
from segments.live import (
    Change,
    LiveSegment,
    live_segments,
    load_stays,
    repoint_people,
    settle,
    store_changes,
)
from segments.live.rules import in_order
from segments.models import Membership, Segment, SegmentVersion
from tests import build
from tests.segments.domain.people import NOW, happened, somebody

MINUTE = timedelta(minutes=1)


def live(id_: int, slug: str, condition: Mapping[str, Any]) -> LiveSegment:
    parsed = parse_condition(dict(condition))
    return LiveSegment(id=id_, slug=slug, condition=parsed, reads=reads(parsed))


def document(condition: Mapping[str, Any]) -> dict[str, Any]:
    return {"language": 1, "if": dict(condition)}


BUYER = live(1, "buyer", {"event": "Order"})
LOYAL = live(2, "loyal", {"all": [{"segment": "buyer", "is": "member"}, {"known": "email"}]})
COLD = live(3, "cold", {"segment": "loyal", "is": "not_member"})
SEGMENTS = {segment.id: segment for segment in in_order([COLD, LOYAL, BUYER])}


def test_settle__enters_with_the_reason() -> None:
    stays: dict[str, list[Stay]] = {}
    [change] = settle(
        {1: BUYER}, [1], somebody(events=[happened("Order")]), now=NOW, stays=stays, manual={}
    ).changes
    assert (change.slug, change.is_entered, change.at) == ("buyer", True, NOW)
    assert change.why == {"node": "event", "held": True, "needed": {"event": "Order"}, "seen": 1}
    assert stays == {"buyer": [Stay(entered_at=NOW)]}


def test_settle__leaves() -> None:
    stays = {"buyer": [Stay(entered_at=NOW - MINUTE)]}
    [change] = settle({1: BUYER}, [1], somebody(), now=NOW, stays=stays, manual={}).changes
    assert not change.is_entered
    assert stays == {"buyer": [Stay(entered_at=NOW - MINUTE, left_at=NOW)]}


def test_settle__no_change_is_no_change() -> None:
    stays = {"buyer": [Stay(entered_at=NOW - MINUTE)]}
    assert (
        settle({1: BUYER}, [1], somebody(events=[happened("Order")]), now=NOW, stays=stays, manual={}).changes
        == []
    )
    assert settle({1: BUYER}, [1, 99], somebody(), now=NOW, stays={}, manual={}).changes == []


def test_settle__follows_into_dependants_of_dependants() -> None:
    stays = {"cold": [Stay(entered_at=NOW - MINUTE)]}
    facts = somebody(events=[happened("Order")], identities=["email"], stays=stays)
    changes = settle(SEGMENTS, [1], facts, now=NOW, stays=stays, manual={}).changes
    assert [(change.slug, change.is_entered) for change in changes] == [
        ("buyer", True),
        ("loyal", True),
        ("cold", False),
    ]


def test_settle__a_stay_never_ends_before_it_began() -> None:
    stays = {"buyer": [Stay(entered_at=NOW + MINUTE)]}
    settle({1: BUYER}, [1], somebody(), now=NOW, stays=stays, manual={})
    assert stays == {"buyer": [Stay(entered_at=NOW + MINUTE, left_at=NOW + MINUTE)]}


@pytest.mark.parametrize("has_ordered", [False, True])
@pytest.mark.parametrize("is_added", [False, True])
def test_settle__what_was_said_by_hand_beats_the_rule(has_ordered: bool, is_added: bool) -> None:
    stays = {} if is_added else {"buyer": [Stay(entered_at=NOW - MINUTE)]}
    facts = somebody(events=[happened("Order")] if has_ordered else [])
    [change] = settle({1: BUYER}, [1], facts, now=NOW, stays=stays, manual={"buyer": is_added}).changes
    assert change.is_entered is is_added
    assert change.why == {"node": "manual", "held": is_added}


@pytest.mark.django_db
def test_live_segments__come_after_what_they_ask_about() -> None:
    for segment in (COLD, LOYAL, BUYER):
        from segments.domain.parse import to_json

        build.segment(slug=segment.slug, condition=document(to_json(segment.condition)))
    build.segment(slug="draft", state="draft")
    assert [one.slug for one in live_segments()] == ["buyer", "loyal", "cold"]


@pytest.mark.django_db
def test_live_segments__are_as_published() -> None:
    row = build.segment(slug="buyer", condition=document({"event": "Edited"}))
    SegmentVersion.objects.create(
        segment=row, number=1, condition=document({"event": "Order"}), published_at=NOW, published_by="mia"
    )
    assert [one.reads.event_names for one in live_segments()] == [{"Order"}]


@pytest.mark.django_db
def test_live_segments__one_bad_document_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    build.segment(slug="bad", condition={"language": 9, "if": {"oracle": True}})
    build.segment(slug="good")
    assert [one.slug for one in live_segments()] == ["good"]
    assert "segment bad cannot be read" in caplog.text


@pytest.fixture
def segment(db: None) -> Segment:
    return build.segment(slug="buyer")


@pytest.fixture
def person(db: None) -> Person:
    return build.person()


def change(segment: Segment, person: Person, *, minute: int, is_entered: bool) -> Change:
    return Change(
        segment_id=segment.pk,
        slug=segment.slug,
        person=person.pk,
        at=NOW + minute * MINUTE,
        is_entered=is_entered,
        why={"node": "event", "held": is_entered},
    )


def stored(segment: Segment) -> list[tuple[int, int | None, int | None]]:
    """Person, minute of entering, minute of leaving."""
    rows = Membership.objects.filter(segment=segment).order_by("entered_at", "id")
    return [(row.person_id, _minute(row.entered_at), _minute(row.left_at)) for row in rows]


def _minute(at: Any) -> int | None:
    return None if at is None else int((at - NOW) / MINUTE)


def member_count(segment: Segment) -> int:
    return Segment.objects.get(pk=segment.pk).member_count


def test_store_changes__in_and_out_within_one_batch(segment: Segment, person: Person) -> None:
    flags = [True, False, True, False, True]
    changes = [change(segment, person, minute=n, is_entered=flag) for n, flag in enumerate(flags)]
    store_changes(changes, survivor={})
    assert stored(segment) == [(person.pk, 0, 1), (person.pk, 2, 3), (person.pk, 4, None)]
    assert member_count(segment) == 1


def test_store_changes__over_two_batches(segment: Segment, person: Person) -> None:
    store_changes([change(segment, person, minute=0, is_entered=True)], survivor={})
    store_changes(
        [
            change(segment, person, minute=1, is_entered=False),
            change(segment, person, minute=2, is_entered=True),
        ],
        survivor={},
    )
    assert stored(segment) == [(person.pk, 0, 1), (person.pk, 2, None)]
    assert member_count(segment) == 1
    why = Membership.objects.filter(segment=segment).earliest("entered_at").why
    assert why == {"entered": {"node": "event", "held": True}, "left": {"node": "event", "held": False}}


def test_store_changes__many_people_and_segments(db: None) -> None:
    segments = [build.segment() for _ in range(3)]
    people = [build.person() for _ in range(4)]
    changes = [
        change(segment, person, minute=0, is_entered=True) for person in people for segment in segments
    ]
    store_changes(changes, survivor={})
    store_changes([replace(one, is_entered=False, at=NOW + MINUTE) for one in changes[:5]], survivor={})
    assert [member_count(segment) for segment in segments] == [2, 2, 3]
    assert Membership.objects.present().count() == 7


@pytest.mark.parametrize("is_open_before", [False, True])
def test_store_changes__people_merged_meanwhile(is_open_before: bool, segment: Segment) -> None:
    old, new = build.person(), build.person()
    if is_open_before:
        store_changes([change(segment, new, minute=0, is_entered=True)], survivor={})
    changes = [
        change(segment, old, minute=1, is_entered=True),
        change(segment, new, minute=2, is_entered=True),
    ][: 1 if is_open_before else 2]
    store_changes(changes, survivor={old.pk: new.pk})
    assert stored(segment) == [(new.pk, 0 if is_open_before else 1, None)]
    assert member_count(segment) == 1


def test_store_changes__merged_and_then_leaving(segment: Segment) -> None:
    old, new = build.person(), build.person()
    store_changes([change(segment, new, minute=0, is_entered=True)], survivor={})
    changes = [
        change(segment, old, minute=1, is_entered=True),
        change(segment, new, minute=2, is_entered=False),
    ]
    store_changes(changes, survivor={old.pk: new.pk})
    assert stored(segment) == [(new.pk, 0, 2)]
    assert member_count(segment) == 0


def test_store_changes__keeps_who_entered(segment: Segment) -> None:
    old, new = build.person(), build.person()
    store_changes([change(segment, old, minute=1, is_entered=True)], survivor={old.pk: new.pk})
    row = Membership.objects.get()
    assert (row.person_id, row.origin_person_id) == (new.pk, old.pk)


def test_repoint_people__the_earlier_stay_goes_on(segment: Segment) -> None:
    old, new, other = build.person(), build.person(), build.person()
    build.membership(segment=segment, person=new, entered_at=NOW + 2 * MINUTE)
    build.membership(segment=segment, person=old, entered_at=NOW + MINUTE)
    build.membership(segment=segment, person=old, entered_at=NOW, left_at=NOW + MINUTE)
    build.membership(segment=segment, person=other, entered_at=NOW)
    Segment.objects.filter(pk=segment.pk).update(member_count=3)
    repoint_people([old.pk], [new.pk])
    assert sorted(stored(segment)) == sorted([(new.pk, 0, 1), (other.pk, 0, None), (new.pk, 1, None)])
    assert member_count(segment) == 2
    row = Membership.objects.get(person=new, left_at=None)
    assert row.origin_person_id == old.pk
    absorbed = [(one["person"], one["entered_at"][:16]) for one in row.why["absorbed"]]
    assert absorbed == [(new.pk, "2026-11-23T12:02")]


def test_repoint_people__several_into_one(segment: Segment) -> None:
    olds = [build.person() for _ in range(3)]
    new = build.person()
    for minute, old in enumerate(olds):
        build.membership(segment=segment, person=old, entered_at=NOW + minute * MINUTE)
    Segment.objects.filter(pk=segment.pk).update(member_count=3)
    repoint_people([old.pk for old in olds], [new.pk] * 3)
    assert stored(segment) == [(new.pk, 0, None)]
    assert member_count(segment) == 1
    assert len(Membership.objects.get().why["absorbed"]) == 2


def test_load_stays__oldest_first(segment: Segment, person: Person) -> None:
    build.membership(segment=segment, person=person, entered_at=NOW)
    build.membership(segment=segment, person=person, entered_at=NOW - 2 * MINUTE, left_at=NOW - MINUTE)
    state = PersonState(person_id=person.pk, uuid=person.uuid, first_seen_at=NOW, last_seen_at=NOW)
    load_stays({person.pk: state}, [person.pk])
    expected: dict[str, Sequence[Stay]] = {
        "buyer": [Stay(entered_at=NOW - 2 * MINUTE, left_at=NOW - MINUTE), Stay(entered_at=NOW)]
    }
    assert state.stays == expected
