"""A back-test decides what the live pipeline decided about the same messages: who, where, what and when."""

from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest

from cdp_site.models import Company
from connectors.models import Suppression
from connectors.services.suppressing import suppress
from profiles.domain import lanes
from tests import build
from tests.site.backtest.same import assert_same, passes
from tests.site.pipeline.campaign import World, mail, task, written
from tests.site.pipeline.drive import Message, browser, drain, identify, page, put, track

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NEW_YORK = "America/New_York"


@pytest.fixture
def world() -> World:
    return World(now=START)


def wait(step_id: str, length: str) -> dict[str, Any]:
    return {"id": step_id, "kind": "wait", "for": length}


def willing(user: str, *, device: str | None = None, **traits: Any) -> Message:
    consent = {"consent": {"categoryPreferences": {"email_marketing": True}}}
    return {**identify(user, device=device, email=f"{user}@example.com", **traits), "context": consent}


ORDERED = {"event": "Order", "during": {"since": "entry"}}
CART = written(
    wait("w", "PT2H"),
    {
        "id": "order",
        "kind": "wait_until",
        "if": {"event": "Page Viewed", "where": [{"property": "path", "op": "is", "value": "/pay"}]},
        "timeout": "P1D",
        "then": [task("call")],
        "else": [
            {
                "id": "vip",
                "kind": "branch",
                "cases": [
                    {
                        "name": "VIP",
                        "if": {"segment": "buyers", "is": "member"},
                        "steps": [{"id": "tag", "kind": "set_trait", "set": {"tier": "gold"}}],
                    }
                ],
                "else": [mail("remind", message_class="marketing")],
            }
        ],
    },
    {
        "id": "ab",
        "kind": "split",
        "salt": "s",
        "hold_out": 20,
        "variants": [
            {"name": "A", "share": 40, "steps": [mail("a", message_class="marketing")]},
            {"name": "B", "share": 40, "steps": [wait("b", "PT30M")]},
        ],
    },
    on={"event": "Cart"},
    key="properties.cart",
    reentry={"policy": "after_exit", "not_within": "PT12H", "again": "restart"},
    goal={"if": ORDERED},
    exit_when={"trait": "status", "op": "is", "value": "gone"},
    settings={
        "quiet_hours": {"from": "21:00", "to": "08:00"},
        "caps": [{"class": "marketing", "most": 2, "per": "P7D"}],
    },
)


lane_of = partial(lanes.lane_of, is_historical=False)


def cart(user: str, number: str = "1", **extra: Any) -> Message:
    return track(user, "Cart", properties={"cart": number}, **extra)


def test_a_busy_week__with_merges_late_messages_quiet_hours_and_caps(world: World) -> None:
    """Devices log in, batches unite people they have just made, clocks are set, messages come late."""
    Company.objects.update_or_create(id=1, defaults={"time_zone": NEW_YORK})
    build.segment(slug="buyers", condition={"language": 1, "if": {"event": "Order"}})
    build.segment(
        slug="cold",
        condition={"language": 1, "if": {"none": [{"event": "Page Viewed", "during": {"last": "P2D"}}]}},
    )
    world.now = START + 3 * DAY  # a past of which the journey knows nothing
    world.happens(willing("old", timezone=NEW_YORK), track("old", "Order"), page("d-old"))
    world.happens(cart("old", "before"))
    begins_at = world.now = START + 4 * DAY  # a Friday; clocks are set in New York on Sunday
    journey = world.publish("cart", CART)
    other = written(mail("news", message_class="marketing"), on={"event": "News"})
    world.publish("news", other)

    near = next(name for n in count() if lane_of(name := f"d3{n}") == lane_of("berta"))  # one batch for both
    # An unknown device, put into a cart, logs in: by one batch, and by two.
    put(page("d1", path="/a"), source=browser(), received_at=world.now)
    put(
        {"type": "track", "anonymousId": "d2", "event": "Cart", "properties": {"cart": "2"}},
        source=browser(),
        received_at=world.now,
    )
    drain(world.now)
    world.now += MINUTE
    world.happens(willing("anna", device="d1", timezone=NEW_YORK), cart("anna"))
    world.happens(
        {"type": "track", "anonymousId": near, "event": "Cart", "properties": {"cart": "3"}},
        willing("berta"),
        cart("berta", "3"),
        identify("berta", device=near),
        cart("berta", "3"),
    )
    world.happens(willing("carl", device="d2", timezone="Europe/Berlin"), identify("carl"))
    world.happens(willing("dora", timezone=NEW_YORK), cart("dora"))  # whose reminder comes due at night
    passes(world, until=world.now + 3 * HOUR)

    # Late, twice, and in a batch with what follows from it.
    late = (world.now - 5 * HOUR).isoformat()
    world.happens(
        track("anna", "Page Viewed", properties={"path": "/pay"}, timestamp=late, messageId="m1"),
        track("anna", "Page Viewed", properties={"path": "/pay"}, timestamp=late, messageId="m1"),
    )
    world.happens(
        {**identify("carl", status="gone"), "timestamp": (world.now - 9 * HOUR).isoformat()},
        identify("carl", status="here"),
    )
    world.happens(cart("berta", "3"), cart("berta", "4"), cart("old", "5"), cart("berta"))
    world.happens(track("berta", "News"), track("old", "News"))
    world.now += 30 * MINUTE
    world.happens(track("berta", "Order"), cart("anna", "6"), track("anna", "Cart"))
    passes(world, until=world.now + 2 * DAY)
    suppress("old@example.com", channel="email", reason="complained")
    Suppression.objects.update(created_at=world.now)
    world.happens(cart("old", "7"), cart("anna", "8"), cart("carl", "9"), cart("anna", "9"))
    passes(world, until=world.now + 3 * DAY)

    counts = assert_same(journey, begins_at=begins_at, ends_at=world.now)
    for outcome in ("entered", "not_entered", "restarted", "satisfied", "timed_out", "converted", "merged"):
        assert counts[outcome], outcome
    for outcome in ("branched", "trait_set", "split", "held", "queued", "not_sent", "finished"):
        assert counts[outcome], outcome
