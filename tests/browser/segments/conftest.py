"""A shop whose customers rules are written about."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from tests import build


@pytest.fixture
def shop(live_server: LiveServer) -> str:
    """Three people: one fits by the sequence, one by the total, one not at all; the builder's address."""
    now = timezone.now()
    names = ("Ada Berg", "Ben Cole", "Cleo Dorn")
    people = [
        build.person(
            traits={"name": name, "plan": "plus"},
            identities={"email": f"{name[:3].lower()}@example.com"},
            consent={"email_marketing": name != "Ben Cole"},
        )
        for name in names
    ]
    for person in people:
        for day in (1, 2):
            at = now - timedelta(days=day)
            build.event(person=person, name="Product Viewed", at=at, properties={"category": "Tents"})
    build.event(person=people[0], name="Product Added", at=now - timedelta(hours=5))
    build.event(person=people[0], name="Order Completed", at=now - timedelta(hours=4))
    build.event(
        person=people[1],
        name="Order Completed",
        at=now - timedelta(days=9),
        properties={"revenue": 250},
        revenue=Decimal(250),
    )
    build.known_property("category", event="Product Viewed", types={"text": 9}, values=("Tents", "Boots"))
    build.known_property("price", event="Product Viewed", types={"number": 9})
    build.known_property("revenue", event="Order Completed", types={"number": 9})
    build.known_property("plan", types={"text": 9}, values=("plus",))
    build.known_property("age", types={"number": 9})
    return f"{live_server.url}/segments/+new/?from="
