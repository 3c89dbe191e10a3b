"""The SDKs that people already have, pointed at us: what they send stands on the right person's timeline."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import rudderstack.analytics.client as rudder
import segment.analytics.client as segment

from profiles.models import DeadLetter, Event, Person
from tests.connectors.doors import basic, door_server
from tests.end_to_end.product import Product

Client = Any  # both SDKs have the same methods, neither has types
Failures = list[Exception]


@pytest.fixture
def door(product: Product) -> Iterator[str]:
    with door_server() as address:
        yield address


def segment_client(door: str, key: str, failures: Failures, **options: Any) -> Client:
    return segment.Client(
        key, host=door, on_error=lambda error, items: failures.append(error), upload_interval=0.05, **options
    )


def rudder_client(door: str, key: str, failures: Failures, **options: Any) -> Client:
    return rudder.Client(
        key, host=door, on_error=lambda error, items: failures.append(error), upload_interval=0.05, **options
    )


SDKS: dict[str, Callable[[str, str, Failures], Client]] = {
    "segment": segment_client,
    "segment, gzip": lambda door, key, failures: segment_client(door, key, failures, gzip=True),
    "rudder, gzip": rudder_client,
    "rudder, plain": lambda door, key, failures: rudder_client(door, key, failures, gzip=False),
}


def names_of(person: Person) -> list[str]:
    events = Event.objects.filter(person_id=person.pk).select_related("name").order_by("ts", "arrival")
    return [event.name.name for event in events]


@pytest.mark.parametrize("sdk", SDKS)
def test_every_call_stands_on_the_timeline(product: Product, door: str, sdk: str) -> None:
    failures: Failures = []
    client = SDKS[sdk](door, product.backend.write_key, failures)
    client.page(anonymous_id="dev-1", category="Shop", name="Pricing", properties={"path": "/pricing"})
    client.screen(anonymous_id="dev-1", name="Home")
    client.alias(previous_id="dev-1", user_id="u1")
    client.identify("u1", {"email": "Ada@Example.com", "plan": "pro"})
    client.track("u1", "Order Completed", {"revenue": 19.9, "order_id": "o1"})
    client.group("u1", "acme", {"name": "Acme"})
    client.flush()
    client.join()
    assert failures == []
    product.settle()
    assert not DeadLetter.objects.exists()
    person = product.person("u1")
    assert sorted(names_of(person)) == [
        "Aliased",
        "Group Joined",
        "Identified",
        "Order Completed",
        "Page Viewed",
        "Screen Viewed",
    ]
    assert product.person("dev-1", kind="anonymous_id") == person
    assert product.person("ada@example.com", kind="email") == person
    assert person.traits["plan"] == "pro"
    order = Event.objects.get(person_id=person.pk, name__name="Order Completed")
    assert (str(order.revenue), order.properties["order_id"]) == ("19.9", "o1")
    page = Event.objects.get(person_id=person.pk, name__name="Page Viewed")
    assert page.properties["name"] == "Pricing"


@pytest.mark.parametrize("sdk", SDKS)
def test_more_than_one_batch(product: Product, door: str, sdk: str) -> None:
    failures: Failures = []
    client = SDKS[sdk](door, product.backend.write_key, failures)
    for number in range(250):
        client.track(f"u{number % 5}", "Counted", {"number": number})
    client.flush()
    client.join()
    assert failures == []
    product.settle()
    counted = Event.objects.filter(name__name="Counted")
    assert sorted(event.properties["number"] for event in counted) == list(range(250))
    assert Person.objects.count() == 5


@pytest.mark.parametrize("sdk", ["segment", "rudder, gzip"])
def test_a_bad_message_is_told_apart_from_the_good(product: Product, door: str, sdk: str) -> None:
    failures: Failures = []
    client = SDKS[sdk](door, product.backend.write_key, failures)
    client.track("u1", "Fine")
    client.identify("null", {"plan": "pro"})  # a customer number that is nobody's
    client.track("u1", "Fine Too")
    client.flush()
    client.join()
    assert failures == []
    product.settle()
    assert sorted(names_of(product.person("u1"))) == ["Fine", "Fine Too"]
    assert DeadLetter.objects.get().code == "no_user_anon_id"


@pytest.mark.parametrize("sdk", ["segment", "rudder, gzip"])
def test_an_unknown_key_is_refused_for_good(product: Product, door: str, sdk: str) -> None:
    failures: Failures = []
    client = SDKS[sdk](door, "not-a-key", failures)
    client.track("u1", "Lost")
    client.flush()
    client.join()
    (error,) = failures
    assert "401" in str(error) or "unknown_write_key" in str(error)


def test_a_retry_counts_once(product: Product, door: str) -> None:
    failures: Failures = []
    client = segment_client(door, product.backend.write_key, failures)
    for _ in range(3):
        client.track("u1", "Order Completed", {"revenue": 5}, message_id="order-1")
        client.flush()
    client.join()
    product.settle()
    assert failures == []
    assert names_of(product.person("u1")) == ["Order Completed"]


@pytest.mark.parametrize("ahead", [timedelta(days=3), timedelta(days=-3), timedelta(minutes=7)])
def test_a_clock_that_is_wrong__is_corrected(product: Product, door: str, ahead: timedelta) -> None:
    now = product.clock.now
    body = {
        "batch": [
            {
                "type": "track",
                "event": "Product Viewed",
                "anonymousId": "a1",
                "messageId": "m1",
                "originalTimestamp": (now + ahead - timedelta(seconds=5)).isoformat(),
            }
        ],
        "sentAt": (now + ahead).isoformat(),
    }
    request = urllib.request.Request(
        f"{door}/v1/batch",
        json.dumps(body).encode(),
        headers={"Authorization": basic(product.shop.write_key)},
    )
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer) == {"success": True}
    product.settle()
    assert Event.objects.get().ts == now - timedelta(seconds=5)
