"""What the drain learns of events and traits, and who may ask for it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from cdp_site.api import issue_token
from cdp_site.web import Role
from profiles import catalogue
from profiles.models import EventName, KnownProperty
from profiles.store import learning
from tests import build
from tests.site.pipeline import drive

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def untaught() -> Iterator[None]:
    learning.forget_learned()
    yield
    learning.forget_learned()


def put_orders(*, people: int, category: str = "Tents") -> None:
    for number in range(people):
        drive.put(
            drive.track(
                f"u{number}",
                "Order Completed",
                properties={"category": category, "items": [{"color": "red"}], "email": "a@b.de"},
            )
        )


def learned() -> None:
    drive.drain()
    learning.write_learned(is_due=True)


def test_drain__learns_names_properties_types_and_values() -> None:
    put_orders(people=3)
    drive.put(drive.track("u1", "Order Completed", properties={"category": 4}))
    learned()
    name = EventName.objects.get(name="Order Completed")
    assert name.message_count == 4
    assert name.last_seen_at is not None
    lines = {line.path: line for line in catalogue.properties_of("Order Completed")}
    assert set(lines) == {"category", "items", "items[].color", "email"}
    assert "text" in lines["category"].types
    assert [value.value for value in lines["category"].values] == ["Tents"]
    assert [value.value for value in lines["items[].color"].values] == ["red"]
    assert lines["email"].values == ()
    assert [one.name for one in catalogue.event_names()] == ["Order Completed"]
    assert [line.path for line in catalogue.properties_of("Order*")] == [line.path for line in lines.values()]


def test_drain__counts_a_message_it_looked_into_once() -> None:
    put_orders(people=1)
    learned()
    assert KnownProperty.objects.get(path="category").seen == 1


def test_traits__are_learned_from_identify() -> None:
    for number in range(3):
        drive.put(drive.identify(f"u{number}", plan="gold", firstName="Ada", since="2026-01-01"))
    learned()
    lines = {line.path: line for line in catalogue.traits()}
    assert lines["plan"].types == ("text",)
    assert [value.value for value in lines["plan"].values] == ["gold"]
    assert lines["firstName"].values == ()
    assert lines["since"].types == ("date",)


def test_writing__adds_up(django_assert_num_queries: Any) -> None:
    put_orders(people=3)
    learned()
    before = KnownProperty.objects.get(path="category").seen
    put_orders(people=2)
    learned()
    assert KnownProperty.objects.get(path="category").seen > before
    assert EventName.objects.get(name="Order Completed").message_count == 5
    with django_assert_num_queries(0):
        assert not learning.write_learned()


def test_writing__waits_its_time() -> None:
    put_orders(people=1)
    drive.drain()  # a worker's first is written at once
    assert KnownProperty.objects.exists()
    drive.put(drive.track("u", "Another", properties={"x": 1}))
    drive.drain()
    assert not KnownProperty.objects.filter(event_name__name="Another").exists()


def test_keys_that_are_data__are_cut_off() -> None:
    for number in range(6):
        properties = {f"k{number}x{inner}": 1 for inner in range(60)}
        drive.put(drive.track(f"u{number}", "Odd", properties=properties))
        learned()
    assert KnownProperty.objects.filter(event_name__name="Odd").count() == 200


class TestApi:
    @pytest.fixture
    def ask(self, client: Client) -> Any:
        put_orders(people=3)
        drive.put(drive.identify("u1", plan="gold"), drive.identify("u2", plan="gold"))
        learned()
        token = issue_token(build.user(role=Role.SERVICE))

        def asked(path: str) -> Any:
            response = client.get(path, headers={"Authorization": f"Bearer {token}"})
            assert response.status_code == 200
            return response.json()

        return asked

    def test_names(self, ask: Any) -> None:
        found = {one["name"]: one for one in ask("/api/v1/events/names/")}
        assert found["Order Completed"]["count"] == 3
        assert ask("/api/v1/events/names/?q=order")[0]["name"] == "Order Completed"
        assert ask("/api/v1/events/names/?q=x") == []

    def test_properties(self, ask: Any) -> None:
        found = ask("/api/v1/events/properties/?event=Order+Completed&q=cat")
        assert [(one["path"], one["types"]) for one in found] == [("category", ["text"])]

    def test_values(self, ask: Any) -> None:
        found = ask("/api/v1/events/values/?event=Order+Completed&property=category")
        assert [one["value"] for one in found] == ["Tents"]

    def test_traits(self, ask: Any) -> None:
        assert [one["path"] for one in ask("/api/v1/traits/names/")] == ["plan"]
        assert ask("/api/v1/traits/values/?trait=nothing") == []
