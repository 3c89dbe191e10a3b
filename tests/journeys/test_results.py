from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from cdp_site.api import issue_token
from cdp_site.web import Role
from journeys.domain.lift import Share, Verdict
from journeys.models import Decision, Journey, JourneyVersion, Run
from journeys.results import Period, StepResult, results_of
from profiles.models import Person
from profiles.partitions import ensure_decision_days, ensure_event_days
from tests import build
from tests.build import NOON
from tests.journeys.documents import journey, send, split, wait

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
PERIOD = Period(since=NOON - 30 * DAY, until=NOON, window=7 * DAY)
DOCUMENT = journey(
    steps=[split("p", variants={"Mail": (90, [send("mail")])}, hold_out=10), wait("w", length="P9D")],
    goal={"event": "Order Completed"},
)
GROUPS = {"Mail": (60, 18), "hold_out": (50, 5)}  # people, of them reached the goal


@pytest.fixture
def story() -> Journey:
    """Ten days ago: 60 got a mail, 50 did not; 18 and 5 of them ordered a day later."""
    row = build.journey(slug="story", name="Story", document=DOCUMENT)
    for way, (people, reached) in GROUPS.items():
        for number in range(people):
            entered(row, way, days_ago=10, reached_after=1 if number < reached else None)
    return row


def entered(
    row: Journey, way: str, *, days_ago: float, reached_after: float | None = None, now: datetime = NOON
) -> Run:
    at, person = now - days_ago * DAY, build.person()
    ended: dict[str, Any] = (
        {} if reached_after is None else {"outcome": "converted", "ended_at": at + reached_after * DAY}
    )
    run = build.run(journey=row, person=person, step="w", entered_at=at, **ended)
    build.decision(journey=row, person=person, run=run, at=at)
    build.decision(journey=row, person=person, run=run, at=at, outcome="split", step="p", reason=way)
    if way == "Mail":
        build.decision(journey=row, person=person, run=run, at=at, outcome="queued", step="mail")
        build.delivery(person=person, state="sent", journey_id=row.pk, run_id=run.pk, step="mail", at=at)
    if reached_after is not None:
        when = at + reached_after * DAY
        event = build.event(person=person, name="Order Completed", at=when, revenue=Decimal("20"))
        build.decision(
            journey=row, person=person, run=run, at=when, outcome="converted", message_id=event.message_id
        )
    return run


def test_results_of(story: Journey, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    late = entered(story, "Mail", days_ago=9, reached_after=8)  # the goal, but not in time
    entered(story, "Mail", days_ago=2, reached_after=1)  # in time, but not watched for all of it yet
    entered(story, "Mail", days_ago=40, reached_after=1)  # before the period
    for name, by in (("Email Opened", "human"), ("Email Opened", "machine"), ("Email Link Clicked", "human")):
        told = {"journey": "story", "step": "mail", "by": by, "run": late.pk}
        for _ in range(2):
            build.event(person=late.person, name=name, at=NOON - DAY, properties=told)
    with django_assert_num_queries(8):
        results = results_of(story, PERIOD)
    assert (results.entered, results.inside) == (112, 87)
    assert results.goal.goal == Share(reached=23, of=111)
    assert results.goal.revenue == Decimal(20) * 25
    assert results.outcomes == {"converted": 25}
    [compared] = results.splits
    held_out, mail = compared.groups
    assert (held_out.name, held_out.goal, held_out.verdict) == ("hold_out", Share(reached=5, of=50), None)
    assert (mail.name, mail.people, mail.goal) == ("Mail", 62, Share(reached=18, of=61))
    assert mail.verdict is Verdict.BETTER
    assert mail.lift is not None
    assert mail.lift.value == pytest.approx(18 / 61 - 0.1)
    assert mail.lift.low > 0
    assert results.steps["mail"] == StepResult(passed=62, sent=62, opened=1, clicked=1)
    assert results.steps["w"] == StepResult(waiting=87, left=25)
    assert (results.days[0].on, results.days[-1].on) == (PERIOD.since.date(), NOON.date())
    assert [day.entered for day in results.days if day.entered] == [110, 1, 1]
    assert sum(day.converted for day in results.days) == 25


def test_results_of__where_people_left(story: Journey) -> None:
    run = entered(story, "Mail", days_ago=2)
    Run.objects.filter(pk=run.pk).update(outcome="finished", ended_at=NOON - DAY)
    before = results_of(story, PERIOD).steps["w"].left
    Run.objects.filter(pk=run.pk).update(outcome="exited")
    assert results_of(story, PERIOD).steps["w"].left == before + 1


def test_results_of__groups_that_stay_for_different_times(story: Journey) -> None:
    """The goal is watched while somebody is inside, so a group that leaves sooner cannot be compared."""
    assert results_of(story, PERIOD).splits[0].is_even
    held_out = Decision.objects.filter(outcome="split", reason="hold_out").values("run_id")
    Run.objects.filter(pk__in=held_out, ended_at=None).update(ended_at=NOON - 8 * DAY, outcome="finished")
    assert not results_of(story, PERIOD).splits[0].is_even
    shorter = Period(since=PERIOD.since, until=NOON, window=2 * DAY)
    assert results_of(story, shorter).splits[0].is_even


def test_results_of__a_way_on_which_everybody_reached_the_goal_is_even() -> None:
    """Nobody of them tells for how long people of that way are watched."""
    row = build.journey(slug="all", document=DOCUMENT)
    for way, reached in (("Mail", 3), ("hold_out", 1)):
        for number in range(3):
            entered(row, way, days_ago=10, reached_after=1 if number < reached else None)
    assert results_of(row, PERIOD).splits[0].is_even


def test_results_of__money_of_people_who_were_merged(story: Journey) -> None:
    before = results_of(story, PERIOD).goal.revenue
    someone = Decision.objects.filter(outcome="converted")[0].person_id
    build.merged(old=Person.objects.get(pk=someone), new=build.person())
    assert results_of(story, PERIOD).goal.revenue == before > 0


def test_results_of__versions(story: Journey) -> None:
    story.live_version = JourneyVersion.objects.create(
        journey=story, number=2, document=DOCUMENT, published_at=NOON, published_by="mia"
    )
    for number in range(60):
        entered(story, "Mail", days_ago=8, reached_after=1 if number < 40 else None)
    newest, first = results_of(story, PERIOD).versions
    assert (newest.name, newest.goal, newest.verdict) == ("v2", Share(reached=40, of=60), Verdict.BETTER)
    assert (first.name, first.goal, first.verdict) == ("v1", Share(reached=23, of=110), None)


@pytest.fixture
def mia() -> Client:
    client = Client()
    client.force_login(build.user())
    return client


def test_page(mia: Client) -> None:
    row, now = build.journey(slug="story", document=DOCUMENT), timezone.now()
    ensure_decision_days({(now - 9 * DAY).date(), (now - 8 * DAY).date()})
    ensure_event_days({(now - 8 * DAY).date()}, today=now.date())
    for way in GROUPS:
        entered(row, way, days_ago=9, reached_after=1, now=now)
    html = mia.get("/journeys/story/results/").content.decode()
    for words in ("Held out", "Too early to say", "Step by step", "Show as a table"):
        assert words in html, words


def test_page__before_anybodys_time_is_over(mia: Client) -> None:
    row, now = build.journey(slug="story", document=DOCUMENT), timezone.now()
    ensure_decision_days({(now - DAY).date()})
    for way in GROUPS:
        entered(row, way, days_ago=1, now=now)
    html = mia.get("/journeys/story/results/").content.decode()
    assert "nobody's 7 days to reach it are over yet" in html
    assert html.count("nobody's time is over yet") == 2  # of either way


def test_page__before_anything_happened(mia: Client) -> None:
    build.journey(slug="draft", state="draft")
    assert "No results yet" in mia.get("/journeys/draft/results/").content.decode()
    build.journey(slug="fresh", document=journey())
    assert "Nobody entered in this period" in mia.get("/journeys/fresh/results/?window=x").content.decode()


def test_api__says_what_the_page_says(mia: Client) -> None:
    row, now = build.journey(slug="story", document=DOCUMENT), timezone.now()
    ensure_decision_days({(now - 9 * DAY).date(), (now - 8 * DAY).date()})
    ensure_event_days({(now - 8 * DAY).date()}, today=now.date())
    for way in GROUPS:
        entered(row, way, days_ago=9, reached_after=1, now=now)
        entered(row, way, days_ago=1, now=now)
    token = issue_token(build.user(role=Role.SERVICE))
    client = Client(headers={"Authorization": f"Bearer {token}"})
    told = client.get("/api/v1/journeys/story/results/?days=30&window=7").json()
    assert (told["entered"], told["inside"], told["outcomes"]) == (4, 2, {"converted": 2})
    goal = {key: told["goal"][key] for key in ("people", "watched", "reached", "revenue", "verdict")}
    assert goal == {"people": 4, "watched": 2, "reached": 2, "revenue": "40.00", "verdict": None}
    assert told["goal"]["rate"]["value"] == 1
    assert told["steps"]["mail"] | {"sent": 2, "passed": 2} == told["steps"]["mail"]
    [split] = told["splits"]
    assert [(one["name"], one["verdict"]) for one in split["groups"]] == [
        ("hold_out", None),
        ("Mail", "too_early"),
    ]
    assert (len(told["days"]), sum(day["entered"] for day in told["days"])) == (31, 4)
    early = client.get("/api/v1/journeys/story/results/?days=7&window=30").json()
    assert (early["goal"]["people"], early["goal"]["rate"]) == (2, None)
    for wrong in ("days=0", "window=91"):
        assert client.get(f"/api/v1/journeys/story/results/?{wrong}").status_code == 400
    assert Client().get("/api/v1/journeys/story/results/").status_code == 401


def test_file__numbers_without_formulas(mia: Client) -> None:
    build.journey(slug="cart", document=journey(steps=[{**wait(), "name": "=1+1"}]))
    response = mia.get("/journeys/cart/results.csv")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.content.decode().splitlines()[1].startswith("w,'=1+1,0,0")
