from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from cdp_site.api import issue_token
from cdp_site.models import AuditEntry
from cdp_site.web import Role
from connectors.models import Delivery
from profiles.models import Person
from tests import build

pytestmark = pytest.mark.django_db


def api(role: Role = Role.MARKETER) -> Client:
    return Client(headers={"authorization": f"Bearer {issue_token(build.user(role=role))}"})


@pytest.fixture
def ada() -> Person:
    return build.person(identities={"user_id": "42"})


@pytest.fixture
def deliveries(ada: Person) -> dict[str, Delivery]:
    crm = build.connection(slug="crm")
    welcome: dict[str, Any] = {"journey_id": 3, "context": {"journey": {"slug": "welcome"}}}
    return {
        "mail": build.delivery(
            person=ada, step="s1", run_id=7, template=build.template(slug="hi"), **welcome
        ),
        "deal": build.delivery(
            person=ada,
            state="dead",
            channel="crm",
            connection=crm,
            destination="connection:crm",
            action="create_deal",
            last_error="The destination refused the message (status 422).",
            **welcome,
        ),
        "other": build.delivery(person=build.person(), state="blocked", last_error="consent_unset"),
    }


def listed(client: Client, query: str = "") -> list[str]:
    return [row["id"] for row in client.get(f"/api/v1/deliveries/{query}").json()["results"]]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["other", "deal", "mail"]),
        ("?journey=welcome", ["deal", "mail"]),
        ("?journey=3", ["deal", "mail"]),
        ("?journey=nothing", []),
        ("?person=user_id:42", ["deal", "mail"]),
        ("?state=dead", ["deal"]),
        ("?connection=crm", ["deal"]),
        ("?channel=email", ["other", "mail"]),
        ("?channel=email&state=sent&journey=welcome", ["mail"]),
    ],
)
def test_deliveries__filters(deliveries: dict[str, Delivery], query: str, names: list[str]) -> None:
    assert listed(api(), query) == [str(deliveries[name].uuid) for name in names]


def test_deliveries__by_public_id(deliveries: dict[str, Delivery], ada: Person) -> None:
    assert len(listed(api(), f"?person={ada.uuid}")) == 2


@pytest.mark.parametrize("query", ["?state=lost", "?person=user_id:nobody", "?person=x"])
def test_deliveries__bad_filters(query: str) -> None:
    assert api().get(f"/api/v1/deliveries/{query}").status_code == 400


def test_deliveries__pages_by_cursor(
    ada: Person, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    rows = [build.delivery(person=ada) for _ in range(5)]
    client = api()
    with django_assert_max_num_queries(5):
        first = client.get("/api/v1/deliveries/?limit=3").json()
    build.delivery(person=ada)  # arrives meanwhile and moves nothing
    second = client.get(first["next"]).json()
    found = [row["id"] for row in [*first["results"], *second["results"]]]
    assert found == [str(row.uuid) for row in reversed(rows)]


def test_deliveries__one_with_its_attempts(deliveries: dict[str, Delivery], ada: Person) -> None:
    deal = deliveries["deal"]
    build.attempt(delivery=deal, number=1, is_success=False, reason="no")
    shown = api().get(f"/api/v1/deliveries/{deal.uuid}/").json()
    assert (shown["person"], shown["journey"], shown["connection"]) == (str(ada.uuid), "welcome", "crm")
    assert (shown["state"], shown["action"]) == ("dead", "create_deal")
    assert "422" in shown["reason"]
    assert [attempt["reason"] for attempt in shown["history"]] == ["no"]
    assert api().get(f"/api/v1/deliveries/{uuid4()}/").status_code == 404


def test_replay__one(deliveries: dict[str, Delivery]) -> None:
    client = api()
    path = f"/api/v1/deliveries/{deliveries['deal'].uuid}/replay/"
    assert client.post(path).json() == {"replayed": 1}
    assert client.post(path).json() == {"replayed": 0}
    assert Delivery.objects.get(pk=deliveries["deal"].pk).state == "queued"
    assert AuditEntry.objects.get().actor.startswith("api:")


def test_replay__by_filter(deliveries: dict[str, Delivery]) -> None:
    body = {"filters": {"journey": "welcome", "state": "dead"}, "render_again": True}
    response = api().post("/api/v1/deliveries/replay/", body, content_type="application/json")
    assert response.json() == {"replayed": 1}
    assert Delivery.objects.get(pk=deliveries["other"].pk).state == "blocked"


def test_replay__by_ids(deliveries: dict[str, Delivery]) -> None:
    ids = [str(delivery.uuid) for delivery in deliveries.values()]
    response = api().post("/api/v1/deliveries/replay/", {"ids": ids}, content_type="application/json")
    assert response.json() == {"replayed": 2}
    assert Delivery.objects.get(pk=deliveries["mail"].pk).state == "sent"


@pytest.mark.parametrize(
    "body", [{}, {"ids": [], "filters": {}}, {"filters": {"colour": "red"}}, {"ids": ["x"]}]
)
def test_replay__bad_bodies(body: dict[str, Any]) -> None:
    response = api().post("/api/v1/deliveries/replay/", body, content_type="application/json")
    assert response.status_code == 400


def test_roles(deliveries: dict[str, Delivery]) -> None:
    path = f"/api/v1/deliveries/{deliveries['deal'].uuid}/replay/"
    assert Client().post(path).status_code == 401
    assert api(Role.SERVICE).post(path).status_code == 200
