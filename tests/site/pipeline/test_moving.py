"""People inside when a new version is published, and what they are sent from then on."""

from datetime import timedelta

import pytest
from pytest_django import Settings

from journeys.models import Journey
from journeys.services import PeopleInside, publish_journey
from tests import build
from tests.site.pipeline.campaign import World, mail, written
from tests.site.pipeline.drive import identify, track

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)
BEFORE = [mail("hello"), {"id": "nap", "kind": "wait", "for": "P1D"}, mail("tip"), mail("bye")]
AFTER = [
    mail("news"),
    {"id": "nap", "kind": "wait", "for": "P3D"},
    mail("hello"),
    mail("bye"),
]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (PeopleInside.FINISH, {"early": ["hello", "tip", "bye"], "late": ["news"]}),
        (PeopleInside.MOVE, {"early": ["hello", "bye"], "late": ["news"]}),
        (PeopleInside.EXIT, {"late": ["news"]}),  # what had not left yet does not leave
    ],
)
def test_what_people_inside_are_sent(
    choice: PeopleInside, expected: dict[str, list[str]], settings: Settings
) -> None:
    """Early comes in by the old version, late by the new; nobody is sent anything twice."""
    settings.RULES_ENGINE = "closures"
    world = World(now=build.NOON)
    world.publish("cart", written(*BEFORE, on={"event": "Cart Updated"}))
    world.happens(*(identify(user, email=f"{user}@example.com") for user in expected))
    world.happens(track("early", "Cart Updated"))
    world.now += DAY / 2
    Journey.objects.update(draft=written(*AFTER, on={"event": "Cart Updated"}))
    publish_journey("cart", actor="mia", now=world.now, people_inside=choice)
    world.happens(track("late", "Cart Updated"))
    begins = world.now - DAY / 2
    world.passes(until=begins + 2.9 * DAY, step=DAY / 10)
    moved = {"early": expected["early"][:1]} if choice is PeopleInside.MOVE else {}
    assert sent_to(world) == expected | moved
    world.passes(until=begins + 3.1 * DAY, step=DAY / 10)
    assert sent_to(world) == expected


def sent_to(world: World) -> dict[str, list[str]]:
    """Person -> the steps whose messages they got, in order."""
    found: dict[str, list[str]] = {}
    for step in ("news", "hello", "tip", "bye"):
        for user, _at in world.sent(step):
            found.setdefault(user, []).append(step)
    return found
