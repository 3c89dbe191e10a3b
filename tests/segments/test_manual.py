"""By hand: what is said, what is taken back, what a build and a merge make of it."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from profiles.models import Person
from segments.auditing import make_audit, open_audits
from segments.building import build_segment
from segments.live import repoint_manual
from segments.models import ManualMember, Membership, Segment, SegmentDue
from segments.services import (
    Mode,
    WrongState,
    change_members,
    duplicate_segment,
    pause_segment,
    publish_segment,
    request_audit,
    restore_version,
    resume_segment,
    save_segment,
)
from segments.services.manual import say_by_hand
from tests import build
from tests.segments.domain.people import NOW

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
GERMAN: dict[str, Any] = {"trait": "country", "op": "is", "value": "DE"}
NOBODY: dict[str, Any] = {"any": []}


def clock() -> datetime:
    return NOW


def published(condition: Any, slug: str = "seg") -> Segment:
    save_segment(slug, name=slug, condition=condition, actor="mia", now=NOW)
    publish_segment(slug, actor="mia", now=NOW)
    build_segment(Segment.objects.get(slug=slug).pk, clock=clock)
    return Segment.objects.get(slug=slug)


def members(segment: Segment) -> set[int]:
    return set(Membership.objects.present().filter(segment=segment).values_list("person_id", flat=True))


def said(segment: Segment) -> dict[int, bool]:
    return dict(ManualMember.objects.in_force().filter(segment=segment).values_list("person_id", "is_added"))


def test_change_members__is_settled_at_that_moment_by_the_sweep() -> None:
    segment = published(NOBODY)
    anna, berta = build.person(), build.person()
    changed = change_members("seg", [anna.pk, berta.pk, anna.pk, 10**12], mode=Mode.ADD, actor="mia", now=NOW)
    assert (changed.added, changed.removed) == (2, 0)
    assert said(segment) == {anna.pk: True, berta.pk: True}
    assert set(SegmentDue.objects.values_list("person_id", "due_at")) == {(anna.pk, NOW), (berta.pk, NOW)}
    again = change_members("seg", [anna.pk], mode=Mode.ADD, actor="mia", now=NOW + MINUTE)
    assert again.added == 0


def test_change_members__removing_from_a_list_takes_the_adding_back() -> None:
    segment, anna = published(NOBODY), build.person()
    change_members("seg", [anna.pk], mode=Mode.ADD, actor="mia", now=NOW)
    changed = change_members("seg", [anna.pk], mode=Mode.REMOVE, actor="mia", now=NOW + MINUTE)
    assert changed.forgotten == 1
    assert said(segment) == {}
    row = ManualMember.objects.get()
    assert (row.at, row.ended_at, row.by) == (NOW, NOW + MINUTE, "mia")


def test_change_members__removing_beats_the_rule_until_it_is_taken_back() -> None:
    anna = build.person(traits={"country": "DE"})
    segment = published(GERMAN)
    change_members("seg", [anna.pk], mode=Mode.REMOVE, actor="mia", now=NOW)
    build_segment(segment.pk, clock=clock)
    assert (said(segment), members(segment)) == ({anna.pk: False}, set())
    change_members("seg", [anna.pk], mode=Mode.FORGET, actor="mia", now=NOW + MINUTE)
    build_segment(segment.pk, clock=clock)
    assert (said(segment), members(segment)) == ({}, {anna.pk})


def test_change_members__replace_leaves_nobody_else() -> None:
    segment = published(NOBODY)
    people = [build.person().pk for _ in range(4)]
    change_members("seg", people[:3], mode=Mode.ADD, actor="mia", now=NOW)
    changed = change_members("seg", people[2:], mode=Mode.REPLACE, actor="mia", now=NOW + MINUTE)
    assert (changed.added, changed.forgotten) == (1, 2)
    assert said(segment) == dict.fromkeys(people[2:], True)


def test_change_members__of_a_draft_waits_for_it() -> None:
    save_segment("seg", name="Seg", condition=NOBODY, actor="mia", now=NOW)
    anna = build.person()
    change_members("seg", [anna.pk], mode=Mode.ADD, actor="mia", now=NOW)
    assert not SegmentDue.objects.exists()
    publish_segment("seg", actor="mia", now=NOW)
    segment = Segment.objects.get()
    build_segment(segment.pk, clock=clock)
    assert members(segment) == {anna.pk}


def test_build__joins_those_added_to_those_of_the_rule() -> None:
    german, french = build.person(traits={"country": "DE"}), build.person(traits={"country": "FR"})
    gone = build.person(traits={"country": "FR"})
    segment = published(GERMAN)
    change_members("seg", [french.pk, gone.pk], mode=Mode.ADD, actor="mia", now=NOW)
    Person.objects.filter(pk=gone.pk).update(merged_into=german)
    build_segment(segment.pk, clock=clock)
    assert members(segment) == {german.pk, french.pk}


def test_repoint_manual__the_newest_word_stays() -> None:
    segment = published(GERMAN)
    old, new = build.person(), build.person()
    change_members("seg", [old.pk], mode=Mode.REMOVE, actor="mia", now=NOW)
    change_members("seg", [new.pk], mode=Mode.ADD, actor="mia", now=NOW - MINUTE)
    repoint_manual([old.pk], [new.pk])
    assert said(segment) == {new.pk: False}
    rows = ManualMember.objects.order_by("at")
    assert [(row.person_id, row.origin_person_id, row.ended_at is None) for row in rows] == [
        (new.pk, None, False),
        (new.pk, old.pk, True),
    ]


# States, versions, copies


def test_resume__has_everybody_asked_by_the_version_in_force() -> None:
    segment = published(GERMAN)
    pause_segment("seg", actor="mia", now=NOW)
    late = build.person(traits={"country": "DE"})
    save_segment("seg", name="Seg", condition=NOBODY, actor="mia", now=NOW)
    resumed = resume_segment("seg", actor="mia", now=NOW)
    assert resumed.state == "live"
    build_segment(segment.pk, clock=clock)
    assert members(segment) == {late.pk}
    with pytest.raises(WrongState):
        resume_segment("seg", actor="mia", now=NOW)


def test_duplicate__is_a_draft_of_its_own() -> None:
    published(GERMAN)
    copy = duplicate_segment("seg", new_slug="copy", name="Copy", actor="mia", now=NOW)
    assert (copy.state, copy.condition["if"]) == ("draft", GERMAN)


def test_restore_version__makes_it_the_draft() -> None:
    published(GERMAN)
    published(NOBODY)
    restore_version("seg", number=1, actor="mia", now=NOW)
    segment = Segment.objects.get()
    assert (segment.condition["if"], segment.version) == (GERMAN, 2)


# Audits


def drifted(segment: Segment) -> tuple[Person, Person]:
    """Somebody missing and somebody too many, as if by a fault of ours."""
    missing, surplus = build.person(traits={"country": "DE"}), build.person()
    build.membership(segment=segment, person=surplus)
    Segment.objects.filter(pk=segment.pk).update(member_count=1)
    return missing, surplus


def test_audit__tells_the_drift_and_touches_nobody() -> None:
    segment = published(GERMAN)
    missing, surplus = drifted(segment)
    request_audit("seg", is_mending=False, actor="mia", now=NOW)
    [asked] = open_audits()
    made = make_audit(asked, clock=clock)
    assert (made.missing, made.surplus, made.mended) == (1, 1, 0)
    assert made.sample == sorted([missing.pk, surplus.pk])
    assert members(segment) == {surplus.pk}
    assert open_audits() == []


def test_audit__mends_when_asked() -> None:
    segment = published(GERMAN)
    missing, _surplus = drifted(segment)
    request_audit("seg", is_mending=True, actor="mia", now=NOW)
    made = make_audit(open_audits()[0], clock=clock)
    assert made.mended == 2
    assert members(segment) == {missing.pk}
    assert Segment.objects.get(pk=segment.pk).member_count == 1


def test_audit__whoever_is_still_to_be_decided_about_is_no_difference() -> None:
    segment = published(GERMAN)
    missing, _surplus = drifted(segment)
    SegmentDue.objects.create(segment=segment, person=missing, due_at=NOW - MINUTE)
    request_audit("seg", is_mending=False, actor="mia", now=NOW)
    assert make_audit(open_audits()[0], clock=clock).missing == 0


def test_audit__only_of_what_is_live() -> None:
    build.segment(slug="seg", state="paused")
    with pytest.raises(WrongState):
        request_audit("seg", is_mending=False, actor="mia", now=NOW)


def test_change_members__of_a_list_that_is_not_live_reaches_who_asks_for_it() -> None:
    """A list is what people said, whether or not its own members are kept up to date."""
    beta = published(NOBODY, "beta")
    asking = published({"list": "beta"}, "asking")
    pause_segment("beta", actor="mia", now=NOW)
    anna = build.person()
    change_members("beta", [anna.pk], mode=Mode.ADD, actor="mia", now=NOW)
    assert list(SegmentDue.objects.values_list("person_id", "segment_id")) == [(anna.pk, asking.pk)]
    resume_segment("beta", actor="mia", now=NOW)
    change_members("beta", [anna.pk], mode=Mode.REMOVE, actor="mia", now=NOW + MINUTE)
    assert set(SegmentDue.objects.values_list("segment_id", flat=True)) == {asking.pk, beta.pk}


def test_change_members__of_a_segment_published_between_portions() -> None:
    """Whoever comes after the publication is settled by the sweep; a build has gone by them."""
    save_segment("seg", name="seg", condition=NOBODY, actor="mia", now=NOW)
    stale = Segment.objects.get(slug="seg")
    publish_segment("seg", actor="mia", now=NOW)
    anna = build.person()
    say_by_hand(stale, [anna.pk], mode=Mode.ADD, actor="mia", now=NOW)
    assert SegmentDue.objects.get().person_id == anna.pk
