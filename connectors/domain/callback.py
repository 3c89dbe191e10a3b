"""What a CRM or a signed webhook tells us, read once at the door.

    {"type": "deal.stage_changed", "id"?: "…", "timestamp"?: "2026-11-23T10:00:00Z",
     "data": {"delivery_id" | "user_id" | "email" | "external_id" | "object_id": …,
              "traits"?: {…}, anything else}}

`external_id` is the system's own id of the person, `object_id` its id of a deal, task or note that was
made by one of our deliveries. What else stands in `data` becomes the event's properties.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

Json = Any

IDENTIFIERS = ("delivery_id", "user_id", "email", "external_id", "object_id")
LONGEST_TYPE = 200
# What our own actions look like when the other system reports them back.
ECHOES = {
    "create_deal": {"deal.created"},
    "create_task": {"task.created"},
    "add_note": {"note.created"},
    "upsert_contact": {"contact.created", "contact.updated"},
    "update_field": {"contact.created", "contact.updated"},
}


class CallbackError(Exception):
    """The body cannot be understood: `path` names the place, `message` says what is wrong there."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """One thing the other system says has happened."""

    type: str
    timestamp: str | None
    identifiers: Mapping[str, str]  # those given, by the names in IDENTIFIERS
    traits: Mapping[str, Json] = field(default_factory=dict)
    properties: Mapping[str, Json] = field(default_factory=dict)
    # Fields of the other system by their names there, where the traits have names of ours.
    changed: Mapping[str, Json] = field(default_factory=dict)

    @property
    def delivery_id(self) -> UUID | None:
        """The delivery it answers to; None if it names none that could be ours."""
        try:
            return UUID(self.identifiers.get("delivery_id", ""))
        except ValueError:
            return None


def read_callback(body: Json) -> Callback:
    """Parse a body.

    Raises:
        CallbackError: it does not have the shape above.
    """
    if not isinstance(body, dict):
        raise CallbackError("", "must be an object")
    kind = body.get("type")
    if not isinstance(kind, str) or not kind.strip() or len(kind) > LONGEST_TYPE:
        raise CallbackError("type", f"must be a text of 1 to {LONGEST_TYPE} characters")
    data = body.get("data")
    if not isinstance(data, dict):
        raise CallbackError("data", "must be an object")
    traits = data.get("traits", {})
    if not isinstance(traits, dict):
        raise CallbackError("data.traits", "must be an object")
    timestamp = body.get("timestamp")
    if timestamp is not None and not isinstance(timestamp, str):
        raise CallbackError("timestamp", "must be a text in ISO 8601")
    return Callback(
        type=kind.strip(),
        timestamp=timestamp,
        identifiers=_identifiers(data),
        traits=traits,
        properties={key: value for key, value in data.items() if key != "traits"},
    )


def is_echo(callback: Callback, *, action: str, sent: Mapping[str, Json]) -> bool:
    """Tell whether a callback only reports what one of our own deliveries did.

    Args:
        action: of the delivery.
        sent: its fields as they went out; one with another value is news, not an echo.
    """
    if callback.type not in ECHOES.get(action, set()):
        return False
    # Some systems make a text of everything.
    told = {key: str(value) for key, value in callback.changed.items()}
    if told:
        return all(key in sent and str(sent[key]) == value for key, value in told.items())
    return all(key in sent and sent[key] == value for key, value in callback.traits.items())


def _identifiers(data: Mapping[str, Json]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in IDENTIFIERS:
        value = data.get(name)
        if value is None or value == "":
            continue
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise CallbackError(f"data.{name}", "must be a text or a whole number")
        found[name] = str(value)
    return found
