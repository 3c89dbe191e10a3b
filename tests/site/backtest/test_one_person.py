"""Questions about one person: why they are not in a journey, and what it would do with them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cdp_site.backtest.asking import Obstacle, why_not
from cdp_site.backtest.trying import Invented, try_out
from cdp_site.pages.why_words import asked_lines
from connectors.domain.template import Content, to_json
from connectors.models import Delivery, Template
from journeys.models import Decision, Journey, Run
from journeys.services import create_journey
from tests import build
from tests.site.pipeline.campaign import World, mail, task, written
from tests.site.pipeline.drive import drain, identify, person_of, put, track

pytestmark = pytest.mark.django_db

START = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BIG = [{"property": "value", "op": "at_least", "value": 50}]
GOLD = {"trait": "plan", "op": "is", "value": "gold"}
DOCUMENT = written(
    {"id": "w", "kind": "wait", "for": "PT2H"},
    {
        "id": "b",
        "kind": "branch",
        "cases": [
            {"name": "Berlin", "if": {"trait": "city", "op": "is", "value": "Berlin"}, "steps": [task()]}
        ],
        "else": [mail()],
    },
    on={"event": "Cart", "where": BIG},
    goal={"if": {"event": "Order", "during": {"since": "entry"}}},
    **{"if": GOLD, "reentry": {"policy": "never"}},
)


@pytest.fixture
def world() -> World:
    return World(now=START)


def cart(user: str, value: int = 90) -> dict[str, Any]:
    return track(user, "Cart", properties={"value": value})


def test_why_not__each_obstacle(world: World) -> None:
    world.happens(identify("early", plan="gold"), cart("early"))
    world.now += HOUR
    journey = world.publish("cart", DOCUMENT)
    journey = Journey.objects.select_related("live_version").get(pk=journey.pk)
    world.now += HOUR
    world.happens(*(identify(user, plan="gold") for user in ("in", "idle", "small", "late")))
    world.happens(identify("free", plan="free"))
    world.now += HOUR
    world.happens(cart("in"), cart("small", 10), cart("free"))
    put({**cart("late"), "timestamp": (world.now - 2 * DAY).isoformat()}, received_at=world.now)
    drain(world.now)
    world.now += HOUR
    world.happens(identify("free", plan="gold"))  # which comes too late

    def obstacle(user: str, **more: Any) -> Obstacle:
        return why_not(person_of(user), journey, at=more.pop("at", world.now), **more).obstacle

    assert obstacle("in") is Obstacle.NOTHING
    assert obstacle("in", at=START + 2 * HOUR) is Obstacle.NO_MESSAGE
    assert obstacle("idle") is Obstacle.NO_MESSAGE
    assert obstacle("small") is Obstacle.NO_MATCH
    assert obstacle("early") is Obstacle.NOT_LIVE
    assert obstacle("early", is_draft=True) is Obstacle.NOTHING
    assert obstacle("late") is Obstacle.TOO_LATE
    told = why_not(person_of("free"), journey, at=world.now)
    assert told.obstacle is Obstacle.REFUSED
    (asked,) = told.asked
    assert asked.decision is not None
    assert (asked.decision.ledger.reason, asked.decision.ledger.tree["seen"]) == ("filter", "free")
    assert told.tree["held"] is True  # by now it would let them in
    assert told.tree["seen"] == "gold"
    again = why_not(person_of("in"), journey, at=world.now, is_draft=True)
    assert (again.is_inside, again.last_entered_at) == (True, START + 3 * HOUR)


def test_why_not__reads_the_newest_messages(world: World) -> None:
    world.publish("cart", DOCUMENT)
    journey = Journey.objects.select_related("live_version").get(slug="cart")
    for _ in range(5):
        world.now += HOUR
        world.happens(cart("free"))
    told = why_not(person_of("free"), journey, at=world.now, most=3)
    assert [one.at for one in told.asked] == [world.now - number * HOUR for number in range(3)]
    assert (told.is_cut, told.since) == (True, world.now - 3 * HOUR + timedelta(microseconds=1))
    whole = why_not(person_of("free"), journey, at=world.now, most=5)
    assert (whole.is_cut, len(whole.asked)) == (False, 5)


def test_why_not__in_words(world: World) -> None:
    """The same answer is told once; nobody is said to have entered who did not."""
    world.happens(identify("anna", plan="gold"), cart("anna"))
    world.now += HOUR
    world.publish("cart", DOCUMENT)
    journey = Journey.objects.select_related("live_version").get(slug="cart")
    for number in range(3):
        world.now += HOUR
        world.happens(identify("anna", plan="free"), cart("anna"), cart("anna", number))
    lines = asked_lines(why_not(person_of("anna"), journey, at=world.now))
    assert [(line.count, line.at) for line in lines] == [
        (3, world.now),
        (3, world.now),
        (1, START),
    ]
    assert "not as the entry asks" in lines[0].sentence
    assert "Did not enter" in lines[1].sentence
    assert "Would have been let in" in lines[2].sentence
    assert not any(line.sentence.startswith("Entered") for line in lines)


def test_why_not__by_segment(world: World) -> None:
    build.segment(slug="gold", condition={"language": 1, "if": GOLD})
    on = {"segment": "gold", "change": "entered"}
    world.publish("vip", written(task(), on=on, **{"if": {"known": "email"}}))
    journey = Journey.objects.select_related("live_version").get(slug="vip")
    world.now += HOUR
    world.happens(identify("anna", plan="gold"), identify("bert", plan="free"))
    world.now += HOUR
    told = why_not(person_of("anna"), journey, at=world.now)
    assert told.obstacle is Obstacle.REFUSED
    assert [(one.at, one.name) for one in told.asked] == [(START + HOUR, "gold")]
    assert why_not(person_of("bert"), journey, at=world.now).obstacle is Obstacle.NO_MESSAGE


def test_try_out__lights_the_path_and_sends_nothing(world: World) -> None:
    said = Content(
        subject="Hello {{ person.firstName }}",
        body="<mjml><mj-body><mj-section><mj-column><mj-text>{{ event.properties.value }} for "
        "{{ person.city }}</mj-text></mj-column></mj-section></mj-body></mjml>",
    )
    Template.objects.filter(slug="hello").update(content=to_json(said))
    create_journey("mia", slug="cart", name="Cart", document=DOCUMENT)
    journey = Journey.objects.get(slug="cart")
    world.happens(identify("anna", firstName="Anna", plan="gold", city="Bonn", email="anna@example.com"))
    anna = person_of("anna")
    now = world.now + HOUR

    def trial(*events: Invented, **more: Any) -> Any:
        return try_out(anna, journey, document=journey.draft, events=events, now=now, **more)

    buys = Invented(after=HOUR, name="Cart", properties={"value": 60})
    tried = trial(buys)
    assert [(line.at - now, line.entry.step, line.entry.outcome.value) for line in tried.lines] == [
        (HOUR, "", "entered"),
        (HOUR, "w", "waiting"),
        (3 * HOUR, "w", "waited"),
        (3 * HOUR, "b", "branched"),
        (3 * HOUR, "mail", "queued"),
        (3 * HOUR, "", "finished"),
    ]
    assert tried.reached == {"w": now + HOUR, "b": now + 3 * HOUR, "mail": now + 3 * HOUR}
    (shown,) = tried.messages
    assert (shown.title, shown.text.strip(), shown.error) == ("Hello Anna", "60 for Bonn", "")
    moves = Invented(after=2 * HOUR, name="Identified", properties={"city": "Berlin"})
    assert [message.step for message in trial(buys, moves).messages] == ["task"]
    orders = Invented(after=2 * HOUR, name="Order")
    assert trial(buys, orders).lines[-1].entry.outcome.value == "converted"
    refused = trial(Invented(after=HOUR, name="Cart", properties={"value": 1}))
    assert not refused.lines
    assert trial(is_called_in=True).has_entered
    assert not any(model.objects.exists() for model in (Run, Decision, Delivery))
