"""Publishing under load: what builds and drains make together is what a full scan says."""

import random
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from cdp_site import tasks
from cdp_site.pipeline import sweep
from profiles.domain.lanes import lane_of
from profiles.models import DeadLetter
from segments.auditing import drift_of
from segments.building import waiting_segments
from segments.live import live_segments
from segments.models import Membership, Segment
from segments.services import Mode, change_members, publish_segment, save_segment
from tests.site.pipeline.drive import browser, identify, page, person_of, put, track
from tests.site.pipeline.test_stress import drain_all, going_on

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = 40
ROUNDS = 12
CONDITIONS: dict[str, list[dict[str, Any]]] = {
    "buyers": [
        {"event": "Order", "count": {"op": "at_least", "value": 2}},
        {"event": "Order", "during": {"last": "PT1S"}},
    ],
    "quiet": [
        {"event": "Order", "count": {"op": "at_most", "value": 0}, "during": {"last": "PT2S"}},
        {"none": [{"event": "Order"}]},
    ],
    "german": [{"trait": "country", "op": "is", "value": "DE"}, {"known": "user_id"}],
    "both": [{"all": [{"segment": "buyers", "is": "member"}, {"segment": "german", "is": "member"}]}],
}


def publish(round_: int) -> None:
    for slug, conditions in CONDITIONS.items():
        condition = conditions[round_ % len(conditions)]
        save_segment(slug, name=slug, condition=condition, actor="mia", now=timezone.now())
        publish_segment(slug, actor="mia", now=timezone.now())


def visits(chance: random.Random) -> None:
    """A few people do something; some visitors turn out to be known."""
    for _ in range(8):
        number = chance.randrange(PEOPLE)
        user, device = f"u{number}", f"d{number}"
        put(
            chance.choice(
                [
                    track(user, "Order"),
                    identify(user, country=chance.choice(["DE", "FR"])),
                    page(device),
                    identify(user, device=device),
                ]
            ),
            source=browser() if chance.random() < 0.5 else None,
        )


def test_builds_and_drains_together_are_a_full_scan(settings: Settings) -> None:
    settings.RULES_ENGINE = "closures"  # each publication would try durable_rules in a process of its own
    chance = random.Random(7)
    lanes = sorted({lane_of(f"{kind}{n}", is_historical=False) for kind in "ud" for n in range(PEOPLE)})
    for number in range(PEOPLE):
        put(identify(f"u{number}", country="DE"))
    publish(0)
    drain_all(lanes)()
    half = len(lanes) // 2
    with going_on(drain_all(lanes[:half]), drain_all(lanes[half:]), sweep, tasks.build):
        for round_ in range(ROUNDS):
            visits(chance)
            publish(round_)
            some = [person_of(f"u{chance.randrange(PEOPLE)}").pk for _ in range(3)]
            change_members("german", some, mode=chance.choice(list(Mode)), actor="mia", now=timezone.now())
    drain_all(lanes)()
    while waiting_segments():
        tasks.build()
    settle_all()
    assert not DeadLetter.objects.exists()
    for live in live_segments():
        assert drift_of(live, now=timezone.now() - timedelta(milliseconds=500)) == {}, live.slug
        members = Membership.objects.present().filter(segment=live.id).count()
        assert Segment.objects.get(pk=live.id).member_count == members
    assert Membership.objects.filter(left_at__isnull=False).exists()


def settle_all() -> None:
    """Let the seconds of the shortest windows pass, and all that is due then."""
    ends_at = timezone.now() + timedelta(seconds=3)
    while timezone.now() < ends_at:
        sweep()
