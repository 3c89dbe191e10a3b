"""Webhooks of vendors: proven, read, told about the right person, and our own writes cut off."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from cdp_site.web import Role
from connectors import vault
from connectors.models import Connection, Delivery, Source
from profiles.models import DeadLetter, Person
from tests import build
from tests.connectors.outbox import told

pytestmark = pytest.mark.django_db
SECRET = "app-secret-9d1f"
AT = 1_790_000_000_000


@pytest.fixture
def ada(db: None) -> Person:
    """Known to both by the number 501."""
    return build.person(identities={"user_id": "42", "hubspot": "501", "pipedrive": "501"})


@pytest.fixture(autouse=True)
def systems(db: None) -> None:
    for kind in ("hubspot", "pipedrive"):
        build.source(slug=kind, kind=kind, trust="server", secret=vault.seal(SECRET))
        build.connection(slug=kind, kind=kind, settings={})


def made(person: Person, system: str, *, action: str, external_id: str, **rendered: Any) -> Delivery:
    return build.delivery(
        person=person,
        channel=system,
        destination=f"connection:{system}",
        connection=Connection.objects.get(slug=system),
        action=action,
        external_id=external_id,
        rendered={"action": action, "contact": {"fields": {}}, "fields": {}, **rendered},
    )


def hubspot(*changes: dict[str, Any], secret: str = SECRET, age: float = 0, base: str = "") -> Any:
    body, stamp = json.dumps(changes), str(int((time.time() - age) * 1000))
    signed = f"POST{base or 'http://localhost:8000'}/hooks/hubspot{body}{stamp}".encode()
    signature = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
    headers = {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": stamp}
    return Client().post("/hooks/hubspot", body, content_type="application/json", headers=headers)


def changed(kind: str, object_id: int, name: str = "", value: Any = None, **more: Any) -> dict[str, Any]:
    named = {"propertyName": name, "propertyValue": value} if name else {}
    return {"eventId": 1, "subscriptionType": kind, "objectId": object_id, "occurredAt": AT, **named, **more}


def pipedrive(body: Any, *, password: str = SECRET) -> Any:
    token = base64.b64encode(f"wayfare:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {token}"}
    return Client().post(
        "/hooks/pipedrive", json.dumps(body), content_type="application/json", headers=headers
    )


def record(entity: str, id_: int, data: dict[str, Any], previous: dict[str, Any] | None = None) -> Any:
    meta = {"id": "m-1", "entity": entity, "entity_id": id_, "timestamp": AT // 1000, "version": "2.0"}
    meta["action"] = "change" if previous is not None else "create"
    return {"meta": meta, "data": {"id": id_, **data}, "previous": previous}


@pytest.fixture(autouse=True)
def address(settings: Settings) -> None:
    settings.BASE_URL = "http://localhost:8000"


def test_hubspot__stage_and_owner_become_events_and_traits(ada: Person) -> None:
    made(ada, "hubspot", action="create_deal", external_id="9001")
    answer = hubspot(
        changed("deal.propertyChange", 9001, "dealstage", "closedwon"),
        changed("contact.propertyChange", 501, "hubspot_owner_id", "77"),
        changed("object.propertyChange", 4, "hs_task_status", "DONE", objectTypeId="0-27"),
        changed("company.propertyChange", 501, "name", "x"),
    )
    assert (answer.status_code, answer.json()["outcome"]) == (200, "stored, of_nobody")
    stage, stage_event, owner, owner_event = told()
    assert stage["traits"] == {"hubspot_stage": "closedwon"}
    assert (stage_event["event"], stage_event["properties"]["stage"]) == ("deal.stage_changed", "closedwon")
    assert stage_event["_person"] == str(ada.uuid)
    assert stage_event["timestamp"].startswith("2026-09-21T")
    assert owner["traits"] == {"hubspot_owner": "77"}
    assert owner_event["event"] == "contact.owner_changed"
    assert owner_event["context"]["externalIds"] == [{"type": "hubspot", "id": "501"}]


def test_hubspot__our_own_writes_come_back_as_nothing(ada: Person) -> None:
    made(
        ada,
        "hubspot",
        action="upsert_contact",
        external_id="501",
        contact={"fields": {"firstname": "Ada", "age": 36}},
        fields={"plan": "gold"},
    )
    made(ada, "hubspot", action="create_deal", external_id="9001")
    mine = hubspot(
        changed("contact.propertyChange", 501, "firstname", "Ada"),
        changed("contact.propertyChange", 501, "age", "36"),
        changed("contact.creation", 501),
        changed("deal.creation", 9001),
    )
    assert mine.json()["outcome"] == "echo"
    assert told() == []
    news = hubspot(changed("contact.propertyChange", 501, "firstname", "Adele"))
    assert news.json()["outcome"] == "stored"
    assert told()[0]["traits"] == {"hubspot_firstname": "Adele"}


def test_hubspot__what_concerns_nobody_is_left_aside() -> None:
    answer = hubspot(changed("contact.propertyChange", 999, "firstname", "X"), changed("deal.creation", 1))
    assert answer.json()["outcome"] == "of_nobody"
    assert told() == []
    assert not DeadLetter.objects.exists()


def test_hubspot__told_again_has_the_same_ids(ada: Person) -> None:
    for _ in range(2):
        hubspot(changed("contact.propertyChange", 501, "hubspot_owner_id", "77"))
    ids = [message["messageId"] for message in told()]
    assert ids[:2] == ids[2:]
    assert len(set(ids)) == 2


@pytest.mark.parametrize(
    "options", [{"secret": "other"}, {"age": 400}, {"base": "http://evil.example"}], ids=["key", "old", "url"]
)
def test_hubspot__unproven(ada: Person, options: dict[str, Any]) -> None:
    answer = hubspot(changed("contact.propertyChange", 501, "firstname", "X"), **options)
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_signature")
    assert told() == []


def test_pipedrive__stage_of_a_deal_and_outcome_of_a_call(ada: Person) -> None:
    deal = {"person_id": 501, "stage_id": 3, "owner_id": 8, "update_time": "b"}
    answer = pipedrive(record("deal", 12, deal, {"stage_id": 2, "owner_id": 8, "update_time": "a"}))
    assert (answer.status_code, answer.json()["outcome"]) == (200, "stored")
    call = {"type": "call", "done": True, "subject": "Wants an offer", "participants": [{"person_id": 501}]}
    pipedrive(record("activity", 13, call, {"done": False}))
    stage, stage_event, outcome, outcome_event = told()
    assert (stage["traits"], stage_event["event"]) == ({"pipedrive_stage": 3}, "deal.stage_changed")
    assert outcome["traits"] == {"pipedrive_call_outcome": "Wants an offer"}
    assert outcome_event["event"] == "call.finished"
    assert outcome_event["context"]["externalIds"] == [{"type": "pipedrive", "id": "501"}]


def test_pipedrive__our_own_writes_and_strangers(ada: Person) -> None:
    made(ada, "pipedrive", action="create_deal", external_id="12")
    made(ada, "pipedrive", action="upsert_contact", external_id="501", contact={"fields": {"name": "Ada"}})
    made(ada, "pipedrive", action="create_task", external_id="14")
    assert pipedrive(record("deal", 12, {"person_id": 501})).json()["outcome"] == "echo"
    assert pipedrive(record("person", 501, {"name": "Ada"}, {"name": "A"})).json()["outcome"] == "echo"
    assert pipedrive(record("deal", 14, {"person_id": 2})).json()["outcome"] == "of_nobody", (
        "14 is a task of ours"
    )
    assert told() == []


@pytest.mark.parametrize(
    ("body", "password", "status"),
    [(record("person", 501, {}), "wrong", 401), ({"v": 1}, SECRET, 400), ([], SECRET, 400)],
)
def test_pipedrive__unproven_or_unreadable(body: Any, password: str, status: int) -> None:
    assert pipedrive(body, password=password).status_code == status


def test_form__takes_the_secret_of_the_other_side(client: Client) -> None:
    client.force_login(build.user(role=Role.ADMIN))
    given = {"name": "Sales", "kind": "hubspot", "trust": "server", "secret": SECRET}
    made = client.post("/sources/new/", given)
    assert made.status_code == 200
    assert SECRET not in made.content.decode()
    assert "/hooks/sales" in made.content.decode()
    assert vault.unseal(Source.objects.get(slug="sales").secret) == SECRET
