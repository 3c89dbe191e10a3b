"""Back-tests in the background: in portions, cut, called off, and what they tell."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from cdp_site.backtest.report import report_of
from cdp_site.backtest.services import (
    KEPT,
    NothingLive,
    cancel_backtest,
    play_waiting,
    start_backtest,
)
from cdp_site.models import AuditEntry, BackTest, BackTestDecision
from cdp_site.tokens import issue_token
from cdp_site.web import Role
from connectors.models import Delivery
from journeys.models import Decision, Journey, Run
from journeys.services import create_journey
from profiles.models import TraitChange
from tests import build
from tests.site.pipeline.campaign import World, crowd, mail, written
from tests.site.pipeline.drive import identify, person_of, track

pytestmark = pytest.mark.django_db

START = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ORDERED = {"event": "Order", "during": {"since": "entry"}}
DOCUMENT = written(
    {"id": "w", "kind": "wait", "for": "PT2H"},
    mail("m", message_class="marketing"),
    {"id": "t", "kind": "set_trait", "set": {"tier": "gold"}},
    on={"event": "Cart"},
    goal={"if": ORDERED},
)


@pytest.fixture
def journey() -> Journey:
    """Twelve people with carts, of whom four order at once; another journey wrote to one of them."""
    world = World(now=START)
    world.publish("news", written(mail("n", message_class="marketing"), on={"event": "News"}))
    consent = {"consent": {"categoryPreferences": {"email_marketing": True}}}
    for number, user in enumerate(crowd(12)):
        world.now = START + number * DAY / 4
        known = {**identify(user, email=f"{user}@example.com"), "context": consent}
        world.happens(known, track(user, "Cart"))
        world.now += timedelta(hours=1)
        if number < 4:
            world.happens(track(user, "Order"))
    world.happens(track("u11", "News"))
    create_journey("mia", slug="cart", name="Cart", document=DOCUMENT)
    return Journey.objects.get(slug="cart")


def ask(**fields: Any) -> BackTest:
    values = {"begins_at": START, "ends_at": START + 7 * DAY, "actor": "mia", "now": START + 7 * DAY}
    return start_backtest("cart", **{**values, **fields})


def test_a_draft__is_played_and_leaves_no_trace(journey: Journey) -> None:
    row = ask()
    before = [model.objects.count() for model in (Run, Decision, Delivery, TraitChange)]
    assert play_waiting(now=row.asked_at)["played"] == 12
    assert [model.objects.count() for model in (Run, Decision, Delivery, TraitChange)] == before
    row.refresh_from_db()
    report = report_of(row)
    tally = report.tally
    assert (row.state, row.total, row.done) == ("done", 12, 12)
    assert (tally.entered, tally.people, tally.inside) == (12, 12, 0)
    assert tally.ended == {"converted": 4, "finished": 8}
    assert tally.goal_rate == pytest.approx(1 / 3)
    assert report.messages == 8
    assert [number for _, number in report.messages_a_day] == [0, 3, 4, 1, 0, 0, 0, 0]
    assert (tally.minutes_of(0.3), tally.minutes_of(0.9)) == (60, 120)
    assert tally.clashes == {"news": 1}
    assert len(report.stories) == 12
    assert [line.outcome for line in report.stories[0].decisions] == ["entered", "waiting", "converted"]
    assert row.message_count == 12 * 2 + 4 + 1
    assert AuditEntry.objects.get(verb="journey.backtest").actor == "mia"


def test_cut_between_portions__it_goes_on_where_it_was(journey: Journey) -> None:
    whole = ask()
    play_waiting(now=START, portion=100)
    row = ask()
    play_waiting(now=START, portion=5, seconds=0)
    row.refresh_from_db()
    assert (row.state, row.done, row.total) == ("running", 5, 12)
    play_waiting(now=START, portion=5)
    whole.refresh_from_db()
    row.refresh_from_db()
    assert row.state == "done"
    assert row.tally == whole.tally
    columns = ("person_id", "run", "at", "step", "outcome", "reason", "tree")
    both = [list(one.decisions.order_by("pk").values_list(*columns)) for one in (row, whole)]
    assert both[0] == both[1]


def test_called_off__and_failed__and_forgotten(journey: Journey) -> None:
    row = ask()
    play_waiting(now=START, portion=5, seconds=0)
    assert cancel_backtest(row, actor="mia", now=START)
    assert not cancel_backtest(row, actor="mia", now=START)
    assert play_waiting(now=START) == {"played": 0}
    broken = ask()
    BackTest.objects.filter(pk=broken.pk).update(document={"language": 1})
    play_waiting(now=START)
    broken.refresh_from_db()
    assert broken.state == "failed"
    assert broken.error.startswith("JourneyError")
    with pytest.raises(NothingLive):
        ask(is_live=True)
    going = ask()
    for _ in range(KEPT):
        ask()
    assert not BackTest.objects.finished().exists()  # the oldest go
    assert BackTest.objects.filter(pk=going.pk).exists()  # though not while they are under way
    assert not BackTestDecision.objects.exists()
    BackTest.objects.update(state=BackTest.State.DONE)
    ask()
    assert BackTest.objects.count() == KEPT


def test_api(journey: Journey) -> None:
    client = APIClient()
    key = issue_token(build.user(role=Role.MARKETER))
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    address = "/api/v1/journeys/cart/backtest/"
    tomorrow, now = timezone.now() + DAY, timezone.now()
    for wrong in ({}, {"from": tomorrow, "to": tomorrow + DAY}, {"from": now - 400 * DAY, "to": now}):
        assert client.post(address, wrong, format="json").status_code == 400, wrong
    numbers = ["u00", "u11", "nobody"]
    body = {"from": START.isoformat(), "to": (START + 7 * DAY).isoformat(), "people": numbers}
    asked = client.post(address, body, format="json")
    assert asked.status_code == 202, asked.content
    play_waiting(now=START)
    told = client.get(f"{address}{asked.json()['id']}/").json()
    assert (told["state"], told["done"], told["total"]) == ("done", 2, 2)
    lines = [(line["person"], line["step"], line["outcome"]) for line in told["decisions"]]
    first, second = str(person_of("u00").uuid), str(person_of("u11").uuid)
    assert lines == [
        (first, "", "entered"),
        (first, "w", "waiting"),
        (first, "", "converted"),
        (second, "", "entered"),
        (second, "w", "waiting"),
        (second, "w", "waited"),
        (second, "m", "queued"),
        (second, "t", "trait_set"),
        (second, "", "finished"),
    ]
    assert told["report"]["goal_rate"] == 0.5
    assert len(client.get(address).json()) == 1
    assert client.delete(f"{address}{asked.json()['id']}/").status_code == 204
