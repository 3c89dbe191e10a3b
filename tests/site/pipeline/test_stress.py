"""The same people in two lanes at once, with merges, timers and the squash between: exact in the end."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from cdp_site.pipeline import drain_lane, sweep
from connectors.models import Delivery
from journeys.models import Decision, Run
from profiles.domain.lanes import lane_of
from profiles.models import DeadLetter, Event, Inbox, PersonMerge, PersonTotal
from profiles.services import squash_merged
from segments.models import Membership, Segment
from tests import build
from tests.site.pipeline.drive import Message, browser, identify, page, put, server, track

PEOPLE = 50
VISITS = 12


@contextmanager
def going_on(*works: Callable[[], object]) -> Iterator[list[BaseException]]:
    """Repeat works in threads of their own until the block ends; an error in one fails the test."""
    is_over = threading.Event()
    faults: list[BaseException] = []

    def repeat(work: Callable[[], object]) -> None:
        try:
            while not is_over.is_set():
                work()
        except BaseException as fault:
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=repeat, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield faults
    finally:
        is_over.set()
        for thread in threads:
            thread.join(timeout=60)
    assert not faults, faults


def lane(key: str) -> int:
    return lane_of(key, is_historical=False)


def drain_all(numbers: list[int]) -> Callable[[], object]:
    return lambda: [drain_lane(number) for number in numbers]


def story(number: int) -> tuple[list[Message], list[Message]]:
    """One person's messages by browser and by server; the log-in in the middle unites them."""
    user, device = f"user-{number}", f"device-{number}"
    visits = [page(device, path="/p", messageId=f"v{number}-{visit}") for visit in range(VISITS)]
    login = {**identify(user, device=device), "messageId": f"login-{number}"}
    orders = [
        track(user, "Order Completed", properties={"revenue": 10}, messageId=f"o{number}-{order}")
        for order in range(VISITS // 2)
    ]
    register = {**identify(user, email=f"{user}@example.com"), "messageId": f"r{number}"}
    half = VISITS // 2
    return [*visits[:half], login, *visits[half:]], [register, *orders]


def send_everything() -> None:
    generator = random.Random(7)
    stories = [story(number) for number in range(PEOPLE)]
    for step in range(VISITS + 1):
        for browsed, served in stories:
            if step < len(browsed):
                put(browsed[step], source=browser())
            if step < len(served):
                put(served[step], source=server())
            if generator.random() < 0.05:
                put(browsed[step % len(browsed)], source=browser())  # a client tries again


@pytest.mark.django_db(transaction=True)
def test_two_lanes_merges_timers_and_squash_at_once() -> None:
    build.connection(slug="crm")
    build.segment(
        slug="buyers",
        condition={
            "language": 1,
            "if": {"event": "Order Completed", "count": {"op": "at_least", "value": 3}},
        },
    )
    build.journey(
        document={
            "language": 1,
            "entry": {"on": {"event": "Order Completed"}, "reentry": {"policy": "never"}},
            "steps": [
                {"id": "w", "kind": "wait", "for": "PT1S"},
                {"id": "task", "kind": "crm", "connection": "crm", "action": "create_task", "fields": {}},
            ],
        }
    )
    lanes = sorted(
        {lane(f"user-{number}") for number in range(PEOPLE)}
        | {lane(f"device-{number}") for number in range(PEOPLE)}
    )
    server(), browser()
    with going_on(
        drain_all(lanes[::2]),
        drain_all(lanes[1::2]),
        drain_all(lanes[::-1]),
        sweep,
        lambda: squash_merged(limit=20),
    ) as faults:
        send_everything()
        waiting_since = timezone.now()
        while Inbox.objects.exists() or Run.objects.open().exists():
            assert not faults, faults
            assert timezone.now() - waiting_since < timedelta(seconds=90), "it hangs"
    squash_merged(limit=1000)

    assert list(DeadLetter.objects.values_list("code", "error")) == []
    known = set(PersonMerge.objects.values_list("new_person_id", flat=True)) | set(
        Run.objects.values_list("person_id", flat=True)
    )
    assert len(known) == PEOPLE
    totals: Counter[str] = Counter()
    for total in PersonTotal.objects.select_related("name"):
        totals[total.name.name] += total.count
        assert total.person_id in known
    expected = {
        "Page Viewed": VISITS * PEOPLE,
        "Identified": 2 * PEOPLE,
        "Order Completed": VISITS // 2 * PEOPLE,
    }
    assert totals == expected
    assert Counter(event.name.name for event in Event.objects.select_related("name")) == expected
    assert set(Event.objects.values_list("person_id", flat=True)) == known
    assert Run.objects.filter(outcome="finished").count() == PEOPLE
    assert Delivery.objects.count() == PEOPLE
    assert Decision.objects.filter(outcome="entered").count() == PEOPLE
    assert Membership.objects.present().count() == PEOPLE
    assert Segment.objects.get().member_count == PEOPLE
