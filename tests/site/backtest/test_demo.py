"""A back-test of what the demo plays: the customers' past by import, and the people of the story."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from cdp_site.demo.furnishing import CONTENT
from cdp_site.demo.history import messages_of
from cdp_site.demo.orders import read_orders
from cdp_site.loading import load_document
from journeys.models import Journey
from tests.site.backtest.same import assert_same, passes
from tests.site.pipeline.campaign import World
from tests.site.pipeline.drive import Message, drain, identify, page, put, track

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
TENT = {"path": "/products/trail-tent", "name": "Trail tent", "price": 249}
# In the form of the file that the demo reads.
ORDERS = """ 00008 19970101 2 29.33
 00020 19970101 2 29.73
 00020 19970114 1 14.96
 00020 19970202 1 26.48
 00032 19970103 3 88.10
 00032 19980620 1 12.00
"""


@pytest.fixture
def world() -> World:
    world = World(now=NOW)
    values = {
        "DEMO_CRM_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "DEMO_CRM_URL": "https://crm.example.com",
        "DEMO_CRM_TOKEN": "t",
    }
    document = json.loads(CONTENT.read_text())
    load_document(document, folder=CONTENT.parent, values=values, actor="mia", now=NOW)
    return world


def visit(device: str, world: World, *, days_ago: float, user: str | None = None) -> Message:
    at = (world.now - days_ago * DAY).isoformat()
    context = {"page": {"path": TENT["path"], "url": "https://shop.example.com/tent"}}
    return page(device, user=user) | {"properties": TENT, "timestamp": at, "context": context}


def registers(name: str, *, device: str, agrees: bool = True) -> list[Message]:
    consent = {"consent": {"categoryPreferences": {"email_marketing": agrees}}}
    known = identify(f"{name}@example.com", device=device, name=name, email=f"{name}@example.com")
    return [{**known, "context": consent}]


def test_demo__the_past_and_the_story(world: World) -> None:
    past = list(messages_of(read_orders("head\n" + ORDERS), now=NOW))
    put(*past, received_at=NOW, is_historical=True)
    drain(NOW + SECOND)
    begins_at = world.now = NOW + MINUTE
    # As the demo has it: a batch each, one who sends everything twice, one who comes back too late, one who
    # logs in on two devices after visits of their own; and somebody whose earlier visit is told late.
    for name, days, agrees in (
        ("ben", (6, 2, 0), True),
        ("cleo", (5, 3, 0), False),
        ("fay", (8, 3, 0), True),
    ):
        visits = [visit(f"{name}-laptop", world, days_ago=ago) for ago in days]
        world.happens(*visits, *registers(name, device=f"{name}-laptop", agrees=agrees))
    twice = [{**visit("gus-laptop", world, days_ago=ago), "messageId": f"gus-{ago}"} for ago in (4, 2, 0)]
    twice += [{**one, "messageId": "gus-known"} for one in registers("gus", device="gus-laptop")]
    world.happens(*twice)
    world.happens(*twice)
    world.happens(visit("ada-phone", world, days_ago=5))
    world.happens(visit("ada-laptop", world, days_ago=1), *registers("ada", device="ada-laptop"))
    world.happens(*registers("ada", device="ada-phone"), visit("ada-phone", world, days_ago=0))
    world.happens(visit("stranger", world, days_ago=0.5), visit("stranger", world, days_ago=0))
    world.happens(visit("stranger", world, days_ago=0.8))
    world.happens(track("dov@example.com", "Newsletter Joined"), *registers("dov", device="dov-phone"))
    passes(world, until=world.now + 20 * SECOND)
    world.happens(track("ada@example.com", "Order Completed", properties={"revenue": 249, "currency": "EUR"}))
    passes(world, until=world.now + 2 * DAY)
    story, letter = (Journey.objects.get(slug=slug) for slug in ("third-visit", "newsletter-welcome"))
    counts = assert_same(story, begins_at=begins_at, ends_at=world.now)
    for outcome in ("entered", "not_entered", "converted", "not_sent", "queued", "exited"):
        assert counts[outcome], outcome
    assert assert_same(letter, begins_at=begins_at, ends_at=world.now)["entered"] == 1
