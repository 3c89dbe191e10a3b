"""Whole campaigns on a clock of their own: who is where at which minute, and what each of them got."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from cdp_site.models import Company
from connectors.models import Delivery
from connectors.services.suppressing import suppress
from journeys.models import Run, ThrottleUse
from segments.models import ManualMember
from tests import build
from tests.site.pipeline.campaign import World, crowd, mail, task, written
from tests.site.pipeline.drive import identify, person_of, track

pytestmark = pytest.mark.django_db

START = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NEW_YORK = "America/New_York"
CART = {"event": "Cart"}


@pytest.fixture
def world() -> World:
    return World(now=START)


def marketing(step_id: str = "mail") -> dict[str, Any]:
    return mail(step_id, message_class="marketing")


def willing(user: str, **traits: Any) -> list[dict[str, Any]]:
    """Somebody who may be written to."""
    consent = {"consent": {"categoryPreferences": {"email_marketing": True}}}
    return [{**identify(user, email=f"{user}@example.com", **traits), "context": consent}]


def opened(user: str, step: str) -> dict[str, Any]:
    return track(user, "Email Opened", properties={"journey": "campaign", "step": step, "by": "human"})


def tag(step_id: str, slug: str) -> dict[str, Any]:
    return {"id": step_id, "kind": "list", "list": slug, "change": "add"}


def wait(step_id: str, length: str) -> dict[str, Any]:
    return {"id": step_id, "kind": "wait", "for": length}


CAMPAIGN = written(
    {
        "id": "size",
        "kind": "branch",
        "cases": [
            {
                "name": "Large",
                "if": {"trait": "employees", "op": "at_least", "value": 100},
                "steps": [task("call")],
            }
        ],
        "else": [
            mail("first"),
            {
                "id": "opened",
                "kind": "wait_until",
                "if": {
                    "engagement": "opened",
                    "journey": "campaign",
                    "step": "first",
                    "during": {"since": "entry"},
                },
                "timeout": "PT1M",
                "then": [mail("second")],
                "else": [tag("cold", "cold")],
            },
            wait("one", "PT1M"),
            tag("two", "tagged-2"),
            wait("more", "PT4M"),
            tag("six", "tagged-6"),
        ],
    },
    on={"event": "Signed Up"},
)


def test_fifty_people(world: World) -> None:
    """8 large companies and 42 others; half of these open their mail, the rest time out; tags follow."""
    for slug in ("cold", "tagged-2", "tagged-6"):
        build.segment(slug=slug, condition={"language": 1, "if": {"any": []}})
    journey = world.publish("campaign", CAMPAIGN)
    people = crowd(50)
    for number, user in enumerate(people):
        world.happens(*willing(user, employees=500 if number < 8 else 5))
    world.happens(*(track(user, "Signed Up") for user in people))
    assert world.counts(journey) == {
        "-:entered": 50,
        "size:branched:Large": 8,
        "size:branched:else": 42,
        "call:queued": 8,
        "-:finished": 8,
        "first:queued": 42,
        "opened:waiting": 42,
    }
    world.passes(until=START + 30 * timedelta(seconds=1), step=MINUTE)
    openers = people[8:29]
    world.happens(*(opened(user, "first") for user in openers))
    assert sorted(user for user, _ in world.sent("second")) == list(openers)
    assert Run.objects.open().filter(state__step="one").count() == 21

    def tagged(slug: str) -> Counter[datetime]:
        return Counter(ManualMember.objects.filter(segment__slug=slug).values_list("at", flat=True))

    world.passes(until=START + 10 * MINUTE, step=10 * timedelta(seconds=1))
    half = timedelta(seconds=30)
    assert tagged("cold") == {START + MINUTE: 21}
    assert tagged("tagged-2") == {START + MINUTE + half: 21, START + 2 * MINUTE: 21}
    assert tagged("tagged-6") == {START + 5 * MINUTE + half: 21, START + 6 * MINUTE: 21}
    assert world.counts(journey) == {
        "-:entered": 50,
        "size:branched:Large": 8,
        "size:branched:else": 42,
        "call:queued": 8,
        "first:queued": 42,
        "opened:waiting": 42,
        "opened:satisfied": 21,
        "opened:timed_out": 21,
        "second:queued": 21,
        "cold:listed": 21,
        "one:waiting": 42,
        "one:waited": 42,
        "two:listed": 42,
        "more:waiting": 42,
        "more:waited": 42,
        "six:listed": 42,
        "-:finished": 50,
    }
    assert Delivery.objects.count() == 8 + 42 + 21


def test_midnight_in_new_york__on_the_night_clocks_are_set(world: World) -> None:
    world.now = datetime(2026, 3, 7, 22, 30, tzinfo=ZoneInfo(NEW_YORK)).astimezone(UTC)
    morning = {"id": "m", "kind": "wait", "until": {"from": "09:30", "to": "11:00"}}
    world.publish("j", written(wait("w", "PT4H"), morning, marketing(), on=CART))
    world.happens(*willing("anna", timezone=NEW_YORK), *willing("berta", timezone="Europe/Berlin"))
    world.happens(track("anna", "Cart"), track("berta", "Cart"))
    assert set(Run.objects.values_list("due_at", flat=True)) == {world.now + 4 * HOUR}
    world.passes(until=world.now + 2 * DAY, step=HOUR / 2)
    sent = {user: at.astimezone(ZoneInfo(NEW_YORK)) for user, at in world.sent()}
    assert sent["anna"].isoformat() == "2026-03-08T09:30:00-04:00"
    assert sent["berta"].isoformat() == "2026-03-08T04:30:00-04:00"  # 09:30 in Berlin


NIGHT = {"quiet_hours": {"from": "21:00", "to": "08:00"}}


def test_quiet_hours__hold_the_run_and_ask_again(world: World) -> None:
    ordered = {"event": "Order", "during": {"since": "entry"}}
    journey = world.publish("j", written(marketing(), task(), on=CART, settings=NIGHT, goal=ordered))
    world.now = START + 14 * HOUR
    users = ["calm", "gone", "buyer", "bounced"]
    for user in users:
        world.happens(*willing(user))
    world.happens(*(track(user, "Cart") for user in users))
    assert world.sent() == []
    assert set(Run.objects.values_list("due_at", flat=True)) == {START + DAY}
    denied = {"consent": {"categoryPreferences": {"email_marketing": False}}}
    world.happens(track("buyer", "Order"), {**identify("gone"), "context": denied})
    suppress("bounced@example.com", channel="email", reason="bounced")
    world.passes(until=START + 2 * DAY)
    assert world.sent("mail") == [("calm", START + DAY)]
    assert sorted(user for user, _ in world.sent("task")) == ["bounced", "calm", "gone"]
    counts = world.counts(journey)
    assert counts["mail:held:quiet_hours"] == 4
    assert counts["mail:not_sent:consent_denied"] == 1
    assert counts["mail:not_sent:suppressed"] == 1
    assert counts["-:converted"] == 1


def test_quiet_hours__of_the_company(world: World) -> None:
    quiet = {"language": 1, "quiet_hours": {"from": "20:00", "to": "09:00"}}
    Company.objects.update_or_create(id=1, defaults={"time_zone": "Europe/Berlin", "settings": quiet})
    world.publish("j", written(marketing(), on=CART))
    world.now = START + 11 * HOUR  # 21:00 in Berlin
    world.happens(*willing("anna"), track("anna", "Cart"))
    world.passes(until=START + 2 * DAY)
    assert world.sent() == [("anna", START + 23 * HOUR)]


def test_caps__over_all_journeys(world: World) -> None:
    caps = {"caps": [{"class": "marketing", "most": 2, "per": "P7D"}]}
    journeys = [
        world.publish(f"j{number}", written(marketing(), on={"event": f"E{number}"}, settings=caps))
        for number in range(3)
    ]
    world.publish("plain", written(marketing("free"), mail("service"), on={"event": "Plain"}))
    world.happens(*willing("anna"))
    world.happens(*(track("anna", name) for name in ("E0", "Plain", "E1", "E2")))
    queued = Delivery.objects.order_by("id").values_list("step", flat=True)
    assert list(queued) == ["mail", "free", "service"]
    for journey in journeys[1:]:
        assert world.counts(journey)["mail:not_sent:cap"] == 1
    world.passes(until=START + 7 * DAY, step=DAY)
    world.happens(track("anna", "E2"))
    assert len(world.sent("mail")) == 2


def test_caps__of_the_company_and_what_was_cancelled(world: World) -> None:
    caps = {"language": 1, "caps": [{"class": "marketing", "most": 1, "per": "P1D"}]}
    Company.objects.update_or_create(id=1, defaults={"time_zone": "UTC", "settings": caps})
    ended = {"event": "Stop", "during": {"since": "entry"}}
    world.publish("j", written(marketing(), wait("w", "P9D"), on=CART, exit_when=ended))
    world.publish("k", written(marketing("other"), on={"event": "Later"}))
    world.happens(*willing("anna"), track("anna", "Cart"), track("anna", "Later"))
    assert world.sent("other") == []
    world.happens(track("anna", "Stop"))
    world.happens(track("anna", "Later"))
    assert world.sent("other") == [("anna", START)]


def test_throttle__so_many_an_hour(world: World) -> None:
    journey = world.publish("j", written(mail(), on=CART, settings={"throttle": {"per": "PT1H", "most": 2}}))
    for user in crowd(5):
        world.happens(*willing(user))
    world.happens(*(track(user, "Cart") for user in crowd(5)))
    world.passes(until=START + 5 * HOUR)
    assert Counter(at for _, at in world.sent()) == {START: 2, START + HOUR: 2, START + 2 * HOUR: 1}
    assert world.counts(journey)["mail:held:throttle"] == 3
    assert sum(ThrottleUse.objects.values_list("count", flat=True)) == 5


def test_wait__for_a_date_that_moves(world: World) -> None:
    dated = {"id": "d", "kind": "wait", "until_date": {"trait": "renewal", "offset": "-P7D", "at": "09:00"}}
    world.publish("j", written(dated, task(), on=CART))
    world.happens(identify("anna", renewal="2026-07-01"), track("anna", "Cart"))
    assert Run.objects.get().due_at == datetime(2026, 6, 24, 9, tzinfo=UTC)
    world.happens(identify("anna", renewal="2026-06-20"))
    assert Run.objects.get().due_at == datetime(2026, 6, 13, 9, tzinfo=UTC)
    world.happens(identify("anna", timezone="Europe/Berlin"))
    assert Run.objects.get().due_at == datetime(2026, 6, 13, 7, tzinfo=UTC)
    world.passes(until=START + 30 * DAY, step=DAY)
    assert world.sent() == [("anna", datetime(2026, 6, 13, 7, tzinfo=UTC))]


def test_split_and_repeat__through_the_database(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = count(1)
    # The draw goes by the person's id: with the same ids in each run it is the same draw.
    monkeypatch.setattr("cdp_site.pipeline.drain.uuid4", lambda: UUID(int=next(numbers)))
    rounds = {"id": "r", "kind": "repeat", "times": 3, "steps": [task(), wait("w", "P1D")]}
    divided = {
        "id": "p",
        "kind": "split",
        "salt": "spring",
        "variants": [{"name": "A", "share": 50, "steps": [rounds]}],
        "hold_out": 50,
    }
    journey = world.publish("j", written(divided, on=CART))
    people = crowd(40)
    world.happens(*(track(user, "Cart") for user in people))
    world.passes(until=START + 5 * DAY, step=DAY)
    counts = world.counts(journey)
    taken = counts["p:split:A"]
    assert 10 <= taken <= 30
    assert counts["p:split:hold_out"] == 40 - taken
    assert counts["task:queued"] == 3 * taken
    assert counts["-:finished"] == 40
    assert Counter(at for _, at in world.sent()) == {START + day * DAY: taken for day in range(3)}


def test_goal__a_message_of_its_own_that_must_wait(world: World) -> None:
    goal = {
        "if": {"event": "Order", "during": {"since": "entry"}},
        "steps": [task("deal"), marketing("thanks")],
    }
    journey = world.publish("j", written(mail("early"), wait("w", "P9D"), on=CART, settings=NIGHT, goal=goal))
    world.happens(*willing("anna"), track("anna", "Cart"))
    world.now = START + 15 * HOUR
    world.happens(track("anna", "Order"))
    assert [(row.step, row.state) for row in Delivery.objects.order_by("id")] == [
        ("early", "cancelled"),
        ("deal", "queued"),
    ]
    world.happens(track("anna", "Order"))
    world.passes(until=START + 2 * DAY)
    assert world.sent("thanks") == [("anna", START + DAY)]
    assert world.counts(journey)["-:converted"] == 1
    run = Run.objects.get()
    assert (run.outcome, run.ended_at) == ("converted", START + DAY)
    assert person_of("anna").pk == run.person_id
