from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from journeys.models import Journey
from journeys.queries import StepNumbers, journey_lines, last_edit_of, numbers_of
from journeys.results import Period, results_of
from journeys.services import save_draft
from tests import build
from tests.build import NOON
from tests.journeys.documents import journey, wait

pytestmark = pytest.mark.django_db


def decided(row: Journey, outcome: str, *, step: str = "", reason: str = "", days_ago: int = 1) -> None:
    build.decision(
        journey=row,
        person=build.person(),
        outcome=outcome,
        step=step,
        reason=reason,
        at=NOON - timedelta(days=days_ago),
    )


def test_numbers_of(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    row, other = build.journey(document=journey()), build.journey()
    for outcome in ("entered", "entered", "not_entered", "converted", "finished"):
        decided(row, outcome)
    decided(row, "exited", reason="exit_when")
    decided(row, "exited", step="x", reason="converted")
    decided(row, "repeated", step="r")
    for outcome in ("waiting", "waited", "timed_out", "satisfied"):
        decided(row, outcome, step="w")
    for way in ("VIP", "VIP", "else"):
        decided(row, "branched", step="b", reason=way)
    decided(row, "queued", step="s")
    decided(row, "not_sent", step="s", reason="consent_unset")
    decided(row, "entered", days_ago=100)  # before the period
    decided(other, "entered")
    for step in ("w", "w", "u"):
        build.run(journey=row, person=build.person(), step=step)
    build.run(journey=row, person=build.person(), step="w", ended_at=NOON, outcome="finished")
    build.run(journey=row, person=build.person(), step="s", ended_at=NOON, outcome="parked")
    dead = build.delivery(person=build.person(), state="dead", journey_id=row.pk, step="s")
    build.delivery(person=dead.person, state="sent", journey_id=row.pk, step="s")
    with django_assert_num_queries(4):
        numbers = numbers_of(row, since=NOON - timedelta(days=30))
    assert (numbers.inside, numbers.entered, numbers.converted) == (3, 2, 1)
    assert (numbers.exited, numbers.finished, numbers.parked) == (2, 1, 1)
    assert numbers.of("w") == StepNumbers(waiting=2, passed=3)
    assert numbers.of("u") == StepNumbers(waiting=1)
    assert numbers.of("b") == StepNumbers(passed=3, ways={"VIP": 2, "else": 1})
    assert numbers.of("s") == StepNumbers(passed=1, not_sent=1, failed=1)
    assert numbers.of("x") == StepNumbers(passed=1)
    assert numbers.of("r") == StepNumbers(passed=1)
    day = timedelta(days=1)
    results = results_of(row, Period(since=NOON - 30 * day, until=NOON + day, window=day))
    assert {step: each.passed for step, each in results.steps.items() if each.passed} == {
        step: numbers.of(step).passed for step in "wbsxr"
    }
    assert numbers.of("never reached") == StepNumbers()


def test_journey_lines(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    draft = build.journey(name="B", state="draft")
    live = build.journey(name="A", document=journey())
    changed = build.journey(name="C", document=journey(), state="paused")
    save_draft(changed.slug, document=journey(steps=[wait("b")]), revision=1, actor="mia", now=NOON)
    for _ in range(2):
        build.run(journey=live, person=build.person(), step="w")
    build.run(journey=live, person=build.person(), step="w", ended_at=NOON)
    with django_assert_num_queries(1):
        rows = journey_lines()
    assert [(row.slug, row.inside, row.live_number, row.is_changed) for row in rows] == [
        (live.slug, 2, 1, False),
        (draft.slug, 0, None, False),
        (changed.slug, 0, 1, True),
    ]


def test_last_edit_of() -> None:
    row = build.journey(slug="cart")
    assert last_edit_of("cart") is None
    for number, actor in enumerate(("mia", "tom"), start=1):
        save_draft(row.slug, document=journey(), revision=number, actor=actor, now=NOON)
    edit = last_edit_of("cart")
    assert edit is not None
    assert edit.actor == "tom"
