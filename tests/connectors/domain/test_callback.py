from typing import Any
from uuid import UUID

import pytest

from connectors.domain.callback import CallbackError, is_echo, read_callback

UUID_TEXT = "5f0e2b1a-0000-4000-8000-000000000001"


def body(kind: str = "deal.stage_changed", **data: Any) -> dict[str, Any]:
    return {"type": kind, "data": data}


def test_read_callback__everything() -> None:
    callback = read_callback(
        body(user_id=42, delivery_id=UUID_TEXT, stage="won", traits={"plan": "pro"})
        | {"timestamp": "2026-11-23T10:00:00Z"}
    )
    assert callback.type == "deal.stage_changed"
    assert callback.timestamp == "2026-11-23T10:00:00Z"
    assert callback.identifiers == {"user_id": "42", "delivery_id": UUID_TEXT}
    assert callback.delivery_id == UUID(UUID_TEXT)
    assert callback.traits == {"plan": "pro"}
    assert callback.properties == {"user_id": 42, "delivery_id": UUID_TEXT, "stage": "won"}


def test_read_callback__no_identifier_is_readable() -> None:
    assert read_callback(body(user_id=None, email="", stage="won")).identifiers == {}


def test_delivery_id__not_one_of_ours() -> None:
    assert read_callback(body(delivery_id="other-7")).delivery_id is None


@pytest.mark.parametrize(
    ("bad", "path"),
    [
        ([], ""),
        ("x", ""),
        ({}, "type"),
        ({"type": 7, "data": {}}, "type"),
        ({"type": " ", "data": {}}, "type"),
        ({"type": "x" * 201, "data": {}}, "type"),
        ({"type": "x"}, "data"),
        ({"type": "x", "data": []}, "data"),
        ({"type": "x", "data": {"traits": []}}, "data.traits"),
        ({"type": "x", "data": {}, "timestamp": 7}, "timestamp"),
        ({"type": "x", "data": {"user_id": True}}, "data.user_id"),
        ({"type": "x", "data": {"email": ["a"]}}, "data.email"),
    ],
)
def test_read_callback__names_the_place_of_the_fault(bad: Any, path: str) -> None:
    with pytest.raises(CallbackError) as caught:
        read_callback(bad)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("kind", "traits", "action", "sent", "echo"),
    [
        ("deal.created", {}, "create_deal", {}, True),
        ("deal.stage_changed", {}, "create_deal", {}, False),
        ("task.created", {}, "create_deal", {}, False),
        ("contact.updated", {"plan": "pro"}, "upsert_contact", {"plan": "pro", "name": "Ada"}, True),
        ("contact.updated", {"plan": "free"}, "upsert_contact", {"plan": "pro"}, False),
        ("contact.updated", {"phone": "1"}, "upsert_contact", {"plan": "pro"}, False),
        ("anything", {}, "", {}, False),
    ],
)
def test_is_echo(kind: str, traits: dict[str, Any], action: str, sent: dict[str, Any], echo: bool) -> None:
    assert is_echo(read_callback(body(kind, traits=traits)), action=action, sent=sent) is echo
