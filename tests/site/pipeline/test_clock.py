"""What the clock decides: people enter and leave segments, and runs go on, at the very moment."""

from datetime import datetime, timedelta
from time import sleep
from typing import Any

import pytest
from django.utils import timezone

from cdp_site import tasks
from cdp_site.pipeline import sweep
from cdp_site.pipeline.rules import forget_rules
from journeys.models import Run
from profiles.models import DeadLetter, Person
from segments.models import ManualMember, Membership, Segment, SegmentDue
from segments.services import Mode, change_members, publish_segment, save_segment
from segments.services.computing import save_computed
from tests import build
from tests.site.pipeline.drive import drain, identify, ledger, outcomes, person_of, put, track

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
LATELY = {"event": "Order", "during": {"last": "P7D"}}
NEVER_LATELY = {"event": "Order", "count": {"op": "at_most", "value": 0}, "during": {"last": "P30D"}}


def segment(slug: str, condition: Any) -> Segment:
    return build.segment(slug=slug, condition={"language": 1, "if": condition})


def run_sweep() -> None:
    forget_rules()
    sweep()


def stays(slug: str) -> list[tuple[datetime, datetime | None]]:
    rows = Membership.objects.filter(segment__slug=slug).order_by("entered_at", "id")
    return list(rows.values_list("entered_at", "left_at"))


def dues(slug: str) -> list[datetime]:
    rows = SegmentDue.objects.filter(segment__slug=slug).order_by("due_at")
    return list(rows.values_list("due_at", flat=True))


def ordered(at: datetime, *, user: str = "anna") -> None:
    put(track(user, "Order"), received_at=at)


def test_leaves_at_the_very_moment() -> None:
    segment("lately", LATELY)
    at = timezone.now() - 7 * DAY - timedelta(hours=1)
    ordered(at)
    drain()
    assert stays("lately") == [(at, None)]
    assert dues("lately") == [at + 7 * DAY]
    run_sweep()
    assert stays("lately") == [(at, at + 7 * DAY)]
    assert dues("lately") == []
    why = Membership.objects.get().why["left"]
    assert why["node"] == "event"
    assert why["seen"] == 0


def test_enters_though_nothing_happens() -> None:
    segment("quiet", NEVER_LATELY)
    at = timezone.now() - 31 * DAY
    ordered(at)
    drain()
    assert stays("quiet") == []
    run_sweep()
    assert stays("quiet") == [(at + 30 * DAY, None)]


def test_a_moment_that_has_not_come_waits() -> None:
    segment("lately", LATELY)
    at = timezone.now() - 7 * DAY + timedelta(minutes=5)
    ordered(at)
    drain()
    run_sweep()
    assert stays("lately") == [(at, None)]
    assert dues("lately") == [at + 7 * DAY]


def test_another_message_moves_the_moment() -> None:
    segment("lately", LATELY)
    at = timezone.now() - 10 * DAY
    ordered(at)
    drain()
    ordered(at + 6 * DAY)
    drain()
    assert dues("lately") == [at + 13 * DAY]
    run_sweep()
    assert stays("lately") == [(at, None)]


def test_the_moment_passes_before_a_later_message_of_the_same_batch() -> None:
    segment("lately", LATELY)
    at = timezone.now() - 30 * DAY
    for days in (0, 10, 20):
        ordered(at + days * DAY)
    drain()
    run_sweep()
    assert stays("lately") == [(at + days * DAY, at + (days + 7) * DAY) for days in (0, 10, 20)]


def test_the_moment_passes_before_a_later_message_of_another_batch() -> None:
    segment("lately", LATELY)
    at = timezone.now() - 30 * DAY
    for days in (0, 10, 20):
        ordered(at + days * DAY)
        drain()
    run_sweep()
    assert stays("lately") == [(at + days * DAY, at + (days + 7) * DAY) for days in (0, 10, 20)]


def test_any_message_lets_what_was_due_before_it_pass() -> None:
    segment("lately", LATELY)
    at = timezone.now() - 30 * DAY
    ordered(at)
    drain()
    put(track("anna", "Something Else"), received_at=at + 20 * DAY)
    drain()
    assert stays("lately") == [(at, at + 7 * DAY)]


def test_dependants_follow_at_the_same_moment() -> None:
    segment("lately", LATELY)
    segment("lapsed", {"segment": "lately", "is": "left"})
    segment("gone", {"all": [{"segment": "lapsed", "is": "member"}, {"known": "user_id"}]})
    at = timezone.now() - 8 * DAY
    ordered(at)
    drain()
    run_sweep()
    assert stays("lapsed") == [(at + 7 * DAY, None)]
    assert stays("gone") == [(at + 7 * DAY, None)]


def test_a_segment_that_the_clock_cannot_change_is_never_due() -> None:
    segment("german", {"trait": "country", "op": "is", "value": "DE"})
    segment("buyer", {"event": "Order"})
    put(identify("anna", country="DE"), track("anna", "Order"))
    drain()
    assert Membership.objects.count() == 2
    assert not SegmentDue.objects.exists()


def test_a_paused_segment_is_due_no_more() -> None:
    row = segment("lately", LATELY)
    ordered(timezone.now() - 8 * DAY)
    drain()
    Segment.objects.filter(pk=row.pk).update(state="paused")
    run_sweep()
    assert len(stays("lately")) == 1
    assert stays("lately")[0][1] is None
    assert not SegmentDue.objects.exists()


def test_many_people_at_one_moment() -> None:
    row = segment("quiet", NEVER_LATELY)
    at = timezone.now() - DAY
    people = [build.person(first_seen_at=at - 40 * DAY) for _ in range(1_200)]
    SegmentDue.objects.bulk_create(SegmentDue(segment=row, person=one, due_at=at) for one in people)
    run_sweep()
    assert Membership.objects.filter(segment=row, entered_at=at, left_at=None).count() == len(people)
    assert Segment.objects.get(pk=row.pk).member_count == len(people)


def test_a_merged_person_is_due_once() -> None:
    segment("lately", LATELY)
    at = timezone.now() - 3 * DAY
    put({"type": "track", "anonymousId": "d1", "event": "Order"}, received_at=at)
    ordered(at + DAY)
    drain()
    assert len(dues("lately")) == 2
    put({"type": "identify", "userId": "anna", "anonymousId": "d1"}, received_at=at + 2 * DAY)
    drain()
    assert dues("lately") == [at + 8 * DAY]
    assert SegmentDue.objects.get().person_id == person_of("anna").pk


# Runs


def journey(**parts: Any) -> Any:
    document = {
        "language": 1,
        "entry": {"on": {"event": "Order"}},
        "steps": [{"id": "s1", "kind": "wait", "for": "P20D"}],
    }
    return build.journey(document=document | parts)


def test_an_exit_rule_ends_a_run_when_the_clock_makes_it_true() -> None:
    quiet = {"event": "Visit", "count": {"op": "at_most", "value": 0}, "during": {"last": "P3D"}}
    made = journey(exit_when=quiet)
    at = timezone.now() - 10 * DAY
    put(track("anna", "Visit"), received_at=at)
    ordered(at + DAY)
    drain()
    assert Run.objects.get().due_at == at + 3 * DAY
    run_sweep()
    run = Run.objects.get()
    assert (run.ended_at, run.outcome) == (at + 3 * DAY, "exited")
    assert outcomes(ledger(made, since=at)) == ["entered", "waiting", "exited"]


def test_a_wait_ends_when_the_clock_makes_its_condition_true() -> None:
    quiet = {"event": "Visit", "count": {"op": "at_most", "value": 0}, "during": {"last": "P3D"}}
    steps = [{"id": "s1", "kind": "wait_until", "if": quiet, "timeout": "P20D", "then": [], "else": []}]
    made = journey(steps=steps)
    at = timezone.now() - 10 * DAY
    put(track("anna", "Visit"), received_at=at)
    ordered(at + DAY)
    put(track("anna", "Visit"), received_at=at + 2 * DAY)
    drain()
    run_sweep()
    assert outcomes(ledger(made, since=at)) == ["entered", "waiting", "satisfied", "finished"]
    assert Run.objects.get().ended_at == at + 5 * DAY


def test_a_goal_of_membership_is_reached_when_the_clock_lets_somebody_in() -> None:
    segment("quiet", NEVER_LATELY)
    journey(
        goal={"if": {"segment": "quiet", "is": "member"}}, steps=[{"id": "s1", "kind": "wait", "for": "P90D"}]
    )
    at = timezone.now() - 40 * DAY
    ordered(at)
    drain()
    run_sweep()
    run = Run.objects.get()
    assert (run.ended_at, run.outcome) == (at + 30 * DAY, "converted")


# Rules that cannot be asked

BIRTHDAY: dict[str, Any] = {"trait": "born", "op": "anniversary", "value": "today"}


def lives_nowhere() -> None:
    """Make anna somebody whose days cannot be told: a zone that no calendar knows."""
    put(identify("anna", born="1990-02-03"))
    drain()
    Person.objects.filter(pk=person_of("anna").pk).update(time_zone="Nowhere/Atall")


def test_a_segment_that_raises_costs_neither_the_message_nor_other_segments() -> None:
    lives_nowhere()
    bad = segment("bad", {"all": [{"event": "Order"}, BIRTHDAY]})
    good = segment("good", {"event": "Order"})
    ordered(timezone.now())
    drain()
    assert not DeadLetter.objects.exists()
    assert Membership.objects.filter(segment=good).count() == 1
    bad.refresh_from_db()
    assert bad.error.startswith("ZoneInfoNotFoundError: ")


def test_a_computed_trait_that_raises_costs_neither_the_message_nor_segments() -> None:
    lives_nowhere()
    definition = {"compute": "days_since", "event": "Order"}
    save_computed("quiet", name="quiet", definition=definition, actor="mia", now=timezone.now())
    good = segment("good", {"event": "Order"})
    ordered(timezone.now())
    drain()
    assert not DeadLetter.objects.exists()
    assert Membership.objects.filter(segment=good).count() == 1
    assert "quiet" not in person_of("anna").traits


def test_an_entry_that_raises_costs_neither_the_message_nor_other_journeys() -> None:
    lives_nowhere()
    entry = {"on": {"event": "Order"}, "if": BIRTHDAY}
    bad, good = journey(entry=entry), journey()
    at = timezone.now()
    ordered(at)
    drain()
    assert not DeadLetter.objects.exists()
    assert ledger(bad, since=at) == [("not_entered", "", "error")]
    assert Run.objects.get().journey_id == good.pk


def test_a_person_about_whom_nothing_can_be_written_is_put_off_alone() -> None:
    segment("lately", LATELY)
    bad = "{% if person.name == 'Bad' %}{{ '\\x00' }}{% else %}fine{% endif %}"
    left = {"segment": "lately", "is": "left"}
    set_trait = {"id": "t", "kind": "set_trait", "set": {"x": bad}}
    journey(steps=[{"id": "s1", "kind": "wait_until", "if": left, "then": [set_trait]}])
    at = timezone.now() - 8 * DAY
    for user, name in (("u1", "Bad"), ("u2", "Good")):
        put(identify(user, name=name), received_at=at)
        ordered(at, user=user)
    drain()
    run_sweep()
    assert Person.objects.get(pk=person_of("u2").pk).traits["x"] == "fine"
    due = SegmentDue.objects.get()
    assert due.person_id == person_of("u1").pk
    assert due.due_at > timezone.now() + timedelta(minutes=55)


# What others leave to the sweep: hands and builds


def by_hand(slug: str, user: str, mode: Mode, at: datetime) -> None:
    change_members(slug, [person_of(user).pk], mode=mode, actor="mia", now=at)


def test_adding_by_hand_enters_and_dependants_and_runs_follow() -> None:
    segment("beta", {"any": []})
    segment("testers", {"list": "beta"})
    segment("friends", {"segment": "beta", "is": "member"})
    journey(exit_when={"list": "beta"})
    at = timezone.now() - DAY
    ordered(at)
    drain()
    by_hand("beta", "anna", Mode.ADD, at + timedelta(hours=1))
    run_sweep()
    entered = at + timedelta(hours=1)
    assert [stays(slug) for slug in ("beta", "testers", "friends")] == [[(entered, None)]] * 3
    assert Run.objects.get().ended_at == entered
    by_hand("beta", "anna", Mode.REMOVE, at + timedelta(hours=2))
    run_sweep()
    left = at + timedelta(hours=2)
    assert [stays(slug) for slug in ("beta", "testers", "friends")] == [[(entered, left)]] * 3


def test_a_removal_by_hand_beats_what_the_drain_decides_later() -> None:
    segment("buyer", {"event": "Order"})
    at = timezone.now() - DAY
    ordered(at)
    drain()
    by_hand("buyer", "anna", Mode.REMOVE, at + timedelta(hours=1))
    run_sweep()
    ordered(at + timedelta(hours=2))
    drain()
    assert stays("buyer") == [(at, at + timedelta(hours=1))]
    assert Membership.objects.get().why["left"] == {"node": "manual", "held": False}


def test_a_merge_keeps_what_was_said_by_hand() -> None:
    segment("beta", {"any": []})
    at = timezone.now() - DAY
    put({"type": "track", "anonymousId": "d1", "event": "Visit"}, received_at=at)
    put(identify("anna"), received_at=at)
    drain()
    visitor = person_of("d1", kind="anonymous_id")
    change_members("beta", [visitor.pk], mode=Mode.ADD, actor="mia", now=at + timedelta(hours=1))
    run_sweep()
    put({"type": "identify", "userId": "anna", "anonymousId": "d1"}, received_at=at + timedelta(hours=2))
    drain()
    run_sweep()
    [stay] = Membership.objects.filter(left_at=None)
    assert stay.person_id == person_of("anna").pk
    assert ManualMember.objects.in_force().get().person_id == stay.person_id


def test_a_build_that_lets_somebody_in_moves_runs_that_ask_for_it() -> None:
    journey(goal={"if": {"segment": "late", "is": "member"}})
    ordered(timezone.now() - DAY)
    drain()
    save_segment("late", name="Late", condition={"event": "Order"}, actor="mia", now=timezone.now())
    publish_segment("late", actor="mia", now=timezone.now())
    tasks.build()
    sleep(0.25)  # a timer waits until nothing that was received before it can be in flight
    run_sweep()
    run = Run.objects.get()
    assert (run.outcome, run.ended_at) == ("converted", Membership.objects.get().entered_at)
    assert not SegmentDue.objects.exists()
