"""Callbacks: signed, understood, stored as events of the right person, or kept aside."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import Error, connection
from django.test import Client

from connectors import vault
from connectors.models import Connection, Delivery, Source
from profiles.domain.envelope import open_envelope
from profiles.models import DeadLetter, Inbox, Person
from tests import build, sinks

pytestmark = pytest.mark.django_db


@pytest.fixture
def source() -> Source:
    return build.source(slug="crm", kind="crm", trust="server", secret=vault.seal(sinks.WEBHOOK_SECRET))


@pytest.fixture
def ada() -> Person:
    return build.person(identities={"user_id": "42", "email": "ada@example.com"})


@pytest.fixture
def crm_connection() -> Connection:
    return build.connection(slug="crm", kind="crm", settings={})


def made(
    person: Person,
    connection: Connection,
    *,
    action: str = "create_deal",
    external_id: str = "D-1",
    fields: dict[str, Any] | None = None,
) -> Delivery:
    """A delivery of ours that the CRM took."""
    return build.delivery(
        person=person,
        channel="crm",
        destination="connection:crm",
        connection=connection,
        action=action,
        external_id=external_id,
        rendered={"action": action, "body": json.dumps({"fields": fields or {}})},
    )


def post(body: Any, *, slug: str = "crm", message_id: str = "msg-1", **headers: str) -> Any:
    text = body if isinstance(body, str) else json.dumps(body)
    signed = {**sinks.signed(text, message_id=message_id), **headers}
    content_type = signed.pop("Content-Type")
    client = Client(enforce_csrf_checks=True)
    return client.post(f"/hooks/{slug}", text, content_type=content_type, headers=signed)


def callback(kind: str = "deal.stage_changed", **data: Any) -> dict[str, Any]:
    return {"type": kind, "data": data}


def told() -> list[dict[str, Any]]:
    return [
        json.loads(bytes(raw))
        for row in Inbox.objects.order_by("id")
        for raw in open_envelope(bytes(row.body)).messages
    ]


def kept() -> list[tuple[str, dict[str, Any]]]:
    return [
        (letter.code, json.loads(bytes(open_envelope(bytes(letter.body)).messages[0])))
        for letter in DeadLetter.objects.order_by("id")
    ]


def test_hook__becomes_an_event_of_the_person(source: Source) -> None:
    response = post(callback(user_id=42, stage="won", amount=249.5) | {"timestamp": "2026-11-23T10:00:00Z"})
    assert (response.status_code, response.json()) == (200, {"success": True, "outcome": "stored"})
    (message,) = told()
    assert message == {
        "type": "track",
        "event": "deal.stage_changed",
        "messageId": "msg-1",
        "timestamp": "2026-11-23T10:00:00Z",
        "userId": "42",
        "properties": {"user_id": 42, "stage": "won", "amount": 249.5},
    }
    assert Inbox.objects.get().source_id == source.pk


def test_hook__by_email(source: Source) -> None:
    post(callback(email="ada@example.com"))
    assert told()[0]["context"]["externalIds"] == [{"type": "email", "id": "ada@example.com"}]


def test_hook__by_delivery(source: Source, ada: Person, crm_connection: Connection) -> None:
    delivery = made(ada, crm_connection)
    post(callback(delivery_id=str(delivery.uuid), stage="won"))
    assert told()[0]["_person"] == str(ada.uuid)


def test_hook__by_the_thing_we_made(source: Source, ada: Person, crm_connection: Connection) -> None:
    made(ada, crm_connection, action="create_task", external_id="T-7")
    post(callback("task.completed", object_id="T-7"))
    post(callback("task.completed", external_id="T-7"), message_id="msg-2")
    assert [message.get("_person") for message in told()] == [str(ada.uuid)] * 2
    assert all("context" not in message for message in told())


def test_hook__by_a_contact_that_is_known(source: Source, crm_connection: Connection) -> None:
    build.person(identities={"crm": "C-9"})
    post(callback("contact.called", external_id="C-9"))
    assert told()[0]["context"]["externalIds"] == [{"type": "crm", "id": "C-9"}]


def test_hook__a_new_contact_is_learned_from_what_else_is_said(source: Source) -> None:
    post(callback("contact.created", external_id="C-9", email="ada@example.com"))
    assert told()[0]["context"]["externalIds"] == [
        {"type": "email", "id": "ada@example.com"},
        {"type": "crm", "id": "C-9"},
    ]


def test_hook__a_contact_of_somebody_else_does_not_merge_two_people(
    source: Source, ada: Person, crm_connection: Connection
) -> None:
    build.person(identities={"crm": "C-9"})
    delivery = made(ada, crm_connection)
    post(callback(delivery_id=str(delivery.uuid), external_id="C-9"))
    (message,) = told()
    assert message["_person"] == str(ada.uuid)
    assert "context" not in message


def test_hook__the_delivery_of_a_merged_person(
    source: Source, ada: Person, crm_connection: Connection
) -> None:
    old = build.person()
    delivery = made(old, crm_connection)
    old.merged_into = ada
    old.save()
    post(callback(delivery_id=str(delivery.uuid)))
    assert told()[0]["_person"] == str(ada.uuid)


def test_hook__traits(source: Source) -> None:
    post(callback("contact.updated", user_id="42", traits={"owner": "Mia"}))
    traits, event = told()
    assert (traits["type"], traits["traits"], traits["messageId"]) == (
        "identify",
        {"owner": "Mia"},
        "msg-1:traits",
    )
    assert (event["type"], event["properties"]) == ("track", {"user_id": "42"})


@pytest.mark.parametrize(
    ("action", "kind", "data"),
    [
        ("create_deal", "deal.created", {}),
        ("create_task", "task.created", {}),
        ("add_note", "note.created", {"text": "x"}),
        ("upsert_contact", "contact.updated", {"traits": {"name": "Ada"}}),
    ],
)
def test_hook__our_own_write_coming_back_changes_nothing(
    source: Source,
    ada: Person,
    crm_connection: Connection,
    action: str,
    kind: str,
    data: dict[str, Any],
) -> None:
    delivery = made(ada, crm_connection, action=action, external_id="X-1", fields={"name": "Ada", "a": 1})
    for number, identifier in enumerate(
        ({"delivery_id": str(delivery.uuid)}, {"external_id": "X-1"}, {"object_id": "X-1"})
    ):
        if action == "upsert_contact" and "object_id" in identifier:
            continue
        response = post(callback(kind, **identifier, **data), message_id=f"msg-{number}")
        assert response.json()["outcome"] == "echo"
    assert told() == []
    assert kept() == []


def test_hook__news_about_what_we_wrote_is_no_echo(
    source: Source, ada: Person, crm_connection: Connection
) -> None:
    made(ada, crm_connection, action="upsert_contact", external_id="C-1", fields={"name": "Ada"})
    response = post(callback("contact.updated", external_id="C-1", traits={"name": "Ada", "vip": True}))
    assert response.json()["outcome"] == "stored"
    assert told()[0]["traits"] == {"name": "Ada", "vip": True}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({}, "no_identifier"),
        ({"external_id": "C-unknown"}, "unknown_person"),
        ({"object_id": "D-unknown"}, "unknown_person"),
        ({"delivery_id": str(uuid4())}, "unknown_person"),
        ({"delivery_id": "not-ours"}, "unknown_person"),
    ],
)
def test_hook__what_fits_nobody_is_kept_aside(source: Source, data: dict[str, Any], code: str) -> None:
    response = post(callback(**data, stage="won"))
    assert (response.status_code, response.json()["outcome"]) == (200, "kept_aside")
    assert told() == []
    ((found, message),) = kept()
    assert found == code
    assert message["properties"]["stage"] == "won"


def test_hook__an_unreadable_time_is_kept_aside(source: Source) -> None:
    response = post(callback(user_id="42") | {"timestamp": "yesterday"})
    assert response.json()["outcome"] == "kept_aside"
    assert kept()[0][0] == "invalid_timestamp"


@pytest.mark.parametrize(
    "headers",
    [
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "nonsense"},
        {"webhook-signature": "v1,not base64!"},
        {"webhook-signature": ""},
        {"webhook-id": ""},
        {"webhook-timestamp": "soon"},
    ],
)
def test_hook__a_bad_signature_is_refused(source: Source, headers: dict[str, str]) -> None:
    response = post(callback(user_id="42"), **headers)
    assert (response.status_code, response.json()["code"]) == (401, "bad_signature")
    assert told() == []


def test_hook__an_old_signature_is_refused(source: Source) -> None:
    text = json.dumps(callback(user_id="42"))
    old = sinks.signed(text, at=datetime.now(UTC) - timedelta(minutes=10))
    response = Client().post(
        "/hooks/crm",
        text,
        content_type="application/json",
        headers={key: value for key, value in old.items() if key != "Content-Type"},
    )
    assert response.status_code == 401


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{", "invalid_json"),
        ('{"a": NaN}', "invalid_json"),
        ("[" * 100_000, "invalid_json"),
        ("[]", "invalid_callback"),
        ('{"type": "x"}', "invalid_callback"),
    ],
)
def test_hook__a_bad_body_is_refused(source: Source, body: str, code: str) -> None:
    response = post(body)
    assert (response.status_code, response.json()["code"]) == (400, code)
    assert response.json()["message"]


def test_hook__bytes_that_are_no_text(source: Source) -> None:
    client = Client()
    response = client.post(
        "/hooks/crm", b"\xff\xfe", content_type="application/json", headers={"webhook-id": "x"}
    )
    assert response.status_code == 401


def test_hook__too_large(source: Source) -> None:
    response = post(callback(user_id="42", text="x" * 1_100_000))
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


def test_hook__unknown_or_other_sources(source: Source) -> None:
    build.source(slug="site", kind="http")
    build.source(slug="off", kind="crm", secret=source.secret, is_active=False)
    build.source(slug="blank", kind="crm")
    assert post(callback(user_id="42"), slug="nowhere").status_code == 404
    assert post(callback(user_id="42"), slug="site").status_code == 404
    assert post(callback(user_id="42"), slug="off").status_code == 404
    assert post(callback(user_id="42"), slug="blank").status_code == 401
    assert Client().get("/hooks/crm").status_code == 405


def test_hook__the_store_is_away(source: Source, caplog: pytest.LogCaptureFixture) -> None:
    def away(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        raise Error("gone")

    with connection.execute_wrapper(away):
        response = post(callback(user_id="42"))
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert response["Retry-After"]


def test_hook__told_twice_has_one_id(source: Source) -> None:
    for _ in range(2):
        post(callback(user_id="42"), message_id="msg-9")
    assert [message["messageId"] for message in told()] == ["msg-9", "msg-9"]
    post(callback(user_id="42"), message_id="m" * 300)
    assert len(told()[2]["messageId"]) == 64
