"""A back-test decides what the live pipeline decided about the same messages: who, where, what and when."""

from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from cdp_site.models import Company
from connectors.models import Suppression
from connectors.services.suppressing import suppress
from journeys.services import stop_journey
from profiles.domain import lanes
from segments.services import Mode, change_members
from tests import build
from tests.site.backtest.same import assert_same, passes
from tests.site.pipeline.campaign import World, mail, task, written
from tests.site.pipeline.drive import Message, browser, drain, identify, page, person_of, put, track

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
    world.happens(identify("eve"), cart("eve"))  # who never agreed to anything
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


SOLD = {"event": "Order", "count": {"op": "at_least", "value": 2}, "during": {"last": "P2D"}}


def test_entries_by_segment_date_and_timetable(world: World) -> None:
    """People enter as they cross the edge of a segment, by messages, by the clock and by hand."""
    condition = {"any": [SOLD, {"trait": "plan", "op": "is", "value": "gold"}]}
    build.segment(slug="vip", condition={"language": 1, "if": condition})
    build.segment(slug="tagged", condition={"language": 1, "if": {"any": []}})
    world.happens(identify("old", plan="gold"), identify("still", plan="free", born="1990-03-05"))
    begins_at = world.now = START + HOUR
    tag = {"id": "tag", "kind": "list", "list": "tagged", "change": "add"}
    again = {"reentry": {"policy": "always"}}
    entered = world.publish(
        "entered", written(tag, task(), on={"segment": "vip", "change": "entered"}, **again)
    )
    left = world.publish(
        "left", written(wait("w", "PT5H"), task(), on={"segment": "vip", "change": "left"}, **again)
    )
    born = world.publish("born", written(task(), on={"date": "born", "at": "09:00", "every": "year"}))
    daily = world.publish("daily", written(task(), on={"schedule": "30 7 * * *", "segment": "vip"}, **again))
    listed = {"id": "u", "kind": "wait_until", "if": {"list": "tagged"}, "timeout": "P2D"}
    waits = world.publish("waits", written(listed, task(), on={"event": "Order"}))
    world.call_in()
    world.now += HOUR
    world.happens(track("anna", "Order"), track("anna", "Order"), identify("bert", born="2000-03-04"))
    world.happens(identify("bert", timezone="Asia/Tokyo"), identify("still", plan="gold"))
    world.now += HOUR
    world.happens({"type": "track", "anonymousId": "d1", "event": "Order"})
    world.happens({"type": "track", "anonymousId": "d1", "event": "Order"}, track("carl", "Order"))
    world.now += HOUR
    world.happens(identify("carl", device="d1"), identify("old", plan="free"))
    change_members("tagged", [person_of("bert").pk], mode=Mode.ADD, actor="mia", now=world.now)
    change_members("vip", [person_of("old").pk], mode=Mode.ADD, actor="mia", now=world.now + HOUR)
    passes(world, until=world.now + 4 * DAY)
    for journey, expected in ((entered, 4), (left, 3), (born, 2), (daily, 8), (waits, 3)):
        counts = assert_same(journey, begins_at=begins_at, ends_at=world.now)
        assert counts["entered"] >= expected, (journey.slug, counts)


def test_segments_that_others_ask_about_and_journeys_that_are_closed(world: World) -> None:
    """What follows a segment is read where the journey asks for it alone; nobody goes to a stopped one."""
    build.segment(slug="vip", condition={"language": 1, "if": {"trait": "plan", "op": "is", "value": "gold"}})
    both = [{"segment": "vip", "is": "member"}, {"trait": "city", "op": "is", "value": "Berlin"}]
    build.segment(slug="vip-berlin", condition={"language": 1, "if": {"all": both}})
    begins_at = world.now
    journey = world.publish("hi", written(task(), on={"segment": "vip", "change": "entered"}))
    world.publish("closed", written(task(), on={"event": "Nothing"}))
    goes = written({"id": "g", "kind": "go_to_journey", "journey": "closed"}, on={"event": "Cart"})
    going = world.publish("going", goes)
    stop_journey("closed", actor="mia", now=world.now)
    world.now += HOUR
    world.happens(identify("u", plan="gold"), track("u", "Cart"))
    world.now += HOUR
    for one in (journey, going):
        counts = assert_same(one, begins_at=begins_at, ends_at=world.now)
        assert counts["entered"] == 1


GAPS = (0, 1, 30, 125, 600, 1500)  # minutes
KINDS = ("cart", "cart", "pay", "order", "know", "login", "gone", "late", "twice", "visit")
actions = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 2), st.integers(0, 2), st.sampled_from(GAPS)),
    min_size=4,
    max_size=12,
)


def test_generated_days(world: World) -> None:
    """Whatever people do, alone or as one: each example is played by people of its own."""
    build.segment(slug="buyers", condition={"language": 1, "if": SOLD})
    Company.objects.update_or_create(id=1, defaults={"time_zone": "Europe/Berlin"})
    journey = world.publish("cart", CART)
    begins_at, numbers = world.now, count()

    @settings(max_examples=3, deadline=None, database=None, derandomize=True, phases=[Phase.generate])
    @given(days=actions)
    def play(days: list[tuple[str, int, int, int]]) -> None:
        number = next(numbers)
        for place, (kind, person, key, gap) in enumerate(days):
            world.happens(*done(kind, f"u{number}-{person}", f"d{number}-{key}", place=place, now=world.now))
            passes(world, until=world.now + gap * MINUTE)
        passes(world, until=world.now + 3 * DAY)
        assert_same(journey, begins_at=begins_at, ends_at=world.now)

    play()


def done(kind: str, user: str, device: str, *, place: int, now: datetime) -> list[Message]:
    """The messages of one action."""
    anonymous = {"anonymousId": device, "context": {"timezone": NEW_YORK}}
    match kind:
        case "cart":
            cart_of_device = {"type": "track", "event": "Cart", "properties": {"cart": device}, **anonymous}
            return [cart(user, device), cart_of_device] if place % 2 else [cart_of_device]
        case "pay":
            return [track(user, "Page Viewed", properties={"path": "/pay"})]
        case "order":
            return [track(user, "Order"), track(user, "Order")]
        case "know":
            return [willing(user, timezone="Asia/Tokyo")]
        case "login":
            return [cart(user, "one"), identify(user, device=device), cart(user, "one")]
        case "gone":
            return [identify(user, status="gone" if place % 2 else "here")]
        case "late":
            return [cart(user, device, timestamp=(now - timedelta(hours=20)).isoformat())]
        case "twice":
            return [cart(user, "one", messageId=f"{user}-{place // 2}")] * 2
        case _:
            return [page(device), page(device, path="/pay")]
