"""Each journey to start from as a story: what people do, and what comes of it, through the whole pipeline."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from pytest_django import Settings

from journeys.models import Decision, Run
from journeys.services import publish_journey
from journeys.services.starting import start_journey
from journeys.starters import STARTERS, TEXTS, starter_of
from profiles.models import Person
from segments.domain.buckets import BITS, share_of
from tests.site.pipeline.campaign import World
from tests.site.pipeline.drive import track
from tests.site.pipeline.test_campaign import START, willing

pytestmark = pytest.mark.django_db(transaction=True)

Does = tuple[float, str, dict[str, Any]]  # hours after the start, event, properties


class Story(NamedTuple):
    starter: str
    does: Sequence[Does]
    sent: dict[str, float]  # step -> hours after the start
    ends: Sequence[str]  # the runs' outcomes, "" for one under way
    traits: dict[str, Any] = {}
    is_held_out: bool = False


DAY = 24.0
ORDER = "Order Completed"
VIEWED, CART, WISHED = "Product Viewed", "Cart Updated", "Product Added to Wishlist"


def page(hour: float, path: str) -> Does:
    return (hour, "Page Viewed", {"path": path})


STORIES = [
    Story("welcome", [(0, "Signed Up", {}), (DAY, ORDER, {})], {"hello": 0, "thanks": 2 * DAY}, ["finished"]),
    Story("welcome", [(0, "Signed Up", {})], {"hello": 0, "help": 5 * DAY}, ["finished"]),
    Story(
        "third-visit",
        [page(0, "/products/a"), page(1, "/products/b"), page(2, "/products/a"), page(3, "/products/a")],
        {"mail": 3},
        ["finished"],
    ),
    Story(
        "third-visit",
        [*(page(hour, "/products/a") for hour in (0, 1, 2, 3)), (9, ORDER, {})],
        {"mail": 2},
        ["converted"],
    ),
    Story("third-visit", [page(hour, "/about") for hour in range(4)], {}, []),
    Story(
        "abandoned-cart",
        [(0, CART, {"cart_id": 1}), (1, CART, {"cart_id": 1}), (10, ORDER, {"cart_id": 1})],
        {"first": 5},
        ["converted"],
    ),
    Story(
        "abandoned-cart",
        [(0, CART, {"cart_id": 1}), (2, ORDER, {"cart_id": 2})],
        {"first": 4, "second": 4 + DAY},
        ["finished"],
    ),
    Story("abandoned-cart", [(0, CART, {"cart_id": 1})], {}, ["finished"], is_held_out=True),
    Story(
        "browse-abandonment", [(0, VIEWED, {}), (1, VIEWED, {}), (4, ORDER, {})], {"mail": 3}, ["converted"]
    ),
    Story("browse-abandonment", [(0, VIEWED, {}), (1, "Product Added", {})], {}, ["exited"]),
    Story(
        "post-purchase",
        [(0, ORDER, {"order_id": 7}), (10.5 * DAY, "Product Reviewed", {"rating": 5})],
        {"ask": 10 * DAY, "thanks": 10.5 * DAY},
        ["finished"],
    ),
    Story("post-purchase", [(0, ORDER, {"order_id": 7})], {"ask": 10 * DAY, "again": 24 * DAY}, ["finished"]),
    Story(
        "bad-review",
        [(0, "Product Reviewed", {"rating": 1}), (1, "Product Reviewed", {"rating": 4}), (DAY, ORDER, {})],
        {"task": 0, "sorry": 0},
        ["converted"],
    ),
    Story(
        "win-back",
        [(0, ORDER, {}), (DAY, ORDER, {}), (110 * DAY, ORDER, {})],
        {"first": 91 * DAY, "second": 105 * DAY},
        ["exited", ""],
    ),
    Story(
        "birthday", [(3 * DAY, ORDER, {})], {"wishes": 2 * DAY + 1}, ["converted"], {"birthday": "1990-06-03"}
    ),
    Story(
        "vip-hand-over",
        [(-12, ORDER, {"revenue": 600}), (-10, ORDER, {"revenue": 500}), (5, ORDER, {"revenue": 9})],
        {"task": -10, "mail": 1},
        ["finished"],
    ),
    Story(
        "price-drop",
        [
            (0, WISHED, {"product_id": "a"}),
            (1, "Price Dropped", {"product_id": "b"}),
            (2 * DAY, "Price Dropped", {"product_id": "a"}),
            (3 * DAY, ORDER, {"product_id": "a"}),
        ],
        {"mail": 2 * DAY},
        ["converted"],
    ),
    Story("price-drop", [(0, WISHED, {"product_id": "a"})], {}, ["exited"]),
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.starter)
def test_starter(story: Story, settings: Settings) -> None:
    settings.RULES_ENGINE = "closures"  # each publication would try durable_rules in a process of its own
    starter = starter_of(story.starter)
    assert starter is not None
    world = World(now=START - timedelta(hours=13))
    journey = start_journey(starter, actor="mia", now=world.now)
    publish_journey(journey.slug, actor="mia", now=world.now)
    world.happens(*willing("anna", **story.traits))
    Person.objects.update(uuid=_drawn(journey.draft, is_held_out=story.is_held_out))
    for hours, event, properties in story.does:
        world.passes(until=START + timedelta(hours=hours), step=timedelta(days=9))
        world.happens(track("anna", event, properties=properties))
    world.passes(
        until=world.now + timedelta(days=91 if story.ends != ["exited", ""] else 1), step=timedelta(days=9)
    )
    sent = {
        row.step: (row.at - START) / timedelta(hours=1) for row in Decision.objects.filter(outcome="queued")
    }
    assert sent == story.sent
    assert [run.outcome for run in Run.objects.order_by("entered_at", "id")] == story.ends


def _drawn(document: Any, *, is_held_out: bool) -> UUID:
    """Somebody whom the journey's split, each of its own, holds out or does not."""
    salt = next(iter(_named(document, "salt")), "")
    people = (UUID(int=number) for number in range(1, 1000))
    return next(one for one in people if (share_of(salt, one) >= 0.9 * (1 << BITS)) is is_held_out)


def test_starters__each_has_its_story_and_its_texts() -> None:
    assert {story.starter for story in STORIES} == {one.slug for one in STARTERS}
    named = {slug for one in STARTERS for slug in _named(one.document("crm"), "template")}
    assert named == TEXTS.keys()


def _named(part: Any, key: str) -> set[str]:
    """All values of a key, however deep in a document."""
    if isinstance(part, dict):
        own = {part[key]} if key in part else set()
        return own.union(*(_named(inner, key) for inner in part.values()))
    return set().union(*(_named(inner, key) for inner in part)) if isinstance(part, list) else set()
