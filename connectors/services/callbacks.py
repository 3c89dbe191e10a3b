"""Callbacks of CRMs and signed webhooks: whom they speak of, and what enters the person's history."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import msgspec

from connectors.domain.callback import Callback, is_echo
from connectors.domain.vendor import ON_CONTACTS
from connectors.models import Delivery, Source
from connectors.queries import survivor_of
from connectors.source_services import note_messages
from profiles.domain.envelope import seal_envelope
from profiles.domain.lanes import Rejected
from profiles.domain.messages import MAX_MESSAGE_ID, Fault
from profiles.models import Identity
from profiles.services import accept, accept_messages

# The word before the point of a callback's type, for things that our deliveries make.
_OUR_THINGS = {"deal": "create_deal", "task": "create_task", "call": "create_task", "note": "add_note"}


class Taken(Enum):
    """What became of a callback."""

    STORED = "stored"
    ECHO = "echo"  # our own write, reported back: nothing has happened
    KEPT_ASIDE = "kept_aside"  # nobody can tell whom it speaks of; see the dead letters
    OF_NOBODY = "of_nobody"  # it concerns nobody we know, as most of what a vendor tells


@dataclass(frozen=True, slots=True, kw_only=True)
class _Naming:
    """How a message names its person; `fault` where it cannot."""

    fields: Mapping[str, Any]
    fault: Fault | None = None


def take_callback(
    source: Source,
    callback: Callback,
    *,
    message_id: str,
    received_at: datetime,
    is_about_all: bool = False,
) -> Taken:
    """Put a callback into the inbox as an event of its person, and its traits as theirs.

    Args:
        message_id: the same whenever the same thing is told again.
        is_about_all: the system tells of everybody it has; those we do not know are no fault.
    """
    delivery = _delivery(source, callback)
    if delivery is not None and is_echo(callback, action=delivery.action, sent=_sent_fields(delivery)):
        return Taken.ECHO
    naming = _naming(source, callback, delivery=delivery)
    if is_about_all and not _names_somebody(source, callback, delivery=delivery):
        return Taken.OF_NOBODY
    messages = _messages(callback, naming=naming, message_id=_bounded(message_id))
    if naming.fault is not None:
        _keep_aside(source, messages, fault=naming.fault, received_at=received_at)
        return Taken.KEPT_ASIDE
    refused = accept_messages(source_id=source.pk, messages=messages, received_at=received_at)
    note_messages(source.pk, at=received_at)
    return Taken.KEPT_ASIDE if refused else Taken.STORED


def _delivery(source: Source, callback: Callback) -> Delivery | None:
    """Find the delivery of ours that a callback answers to.

    A source and a connection of one slug are taken for one system.
    """
    ours = Delivery.objects.filter(connection__slug=source.slug).order_by("-id")
    if callback.delivery_id is not None:
        # Any source that we trust to sign may quote an id it was sent.
        return Delivery.objects.filter(uuid=callback.delivery_id).first()
    thing = _OUR_THINGS.get(callback.type.partition(".")[0])
    object_id = callback.identifiers.get("object_id")
    if object_id is not None:
        # A deal and a task may have one number.
        actions = [thing] if thing else list(_OUR_THINGS.values())
        return ours.filter(external_id=object_id, action__in=actions).first()
    contact = callback.identifiers.get("external_id")
    if contact is None:
        return None
    if callback.type.startswith("contact."):
        return ours.filter(external_id=contact, action__in=ON_CONTACTS).first()
    if thing is not None and not _is_held(source.slug, contact):
        return ours.filter(external_id=contact, action=thing).first()
    return None


def _naming(source: Source, callback: Callback, *, delivery: Delivery | None) -> _Naming:
    """Name the person by all that is given and trustworthy."""
    given = callback.identifiers
    fields: dict[str, Any] = {}
    externals: list[dict[str, str]] = []
    person = survivor_of(delivery.person_id) if delivery else None
    if person is not None:
        fields["_person"] = str(person.uuid)
    if "user_id" in given:
        fields["userId"] = given["user_id"]
    if "email" in given:
        externals.append({"type": "email", "id": given["email"]})
    contact = given.get("external_id")
    if contact is not None and not _is_thing(callback, delivery=delivery):
        is_held = _is_held(source.slug, contact)
        # A contact that is somebody's already adds nothing, or would make one person of two.
        if (is_held and not (fields or externals)) or (not is_held and (fields or externals)):
            externals.append({"type": source.slug, "id": contact})
    if externals:
        fields["context"] = {"externalIds": externals}
    return _Naming(fields=fields, fault=None if fields else _fault(given))


def _names_somebody(source: Source, callback: Callback, *, delivery: Delivery | None) -> bool:
    """Tell whether a callback speaks of a person who is known already."""
    contact = callback.identifiers.get("external_id")
    return delivery is not None or (contact is not None and _is_held(source.slug, contact))


def _is_thing(callback: Callback, *, delivery: Delivery | None) -> bool:
    """Tell whether `external_id` was found to name a thing that a delivery made, not a contact."""
    external_id = callback.identifiers.get("external_id")
    return (
        delivery is not None
        and delivery.action in _OUR_THINGS.values()
        and delivery.external_id == external_id
    )


def _fault(given: Mapping[str, str]) -> Fault:
    if not given:
        names = "delivery_id, user_id, email, external_id or object_id"
        return Fault(code="no_identifier", message=f"The data need one of {names}.")
    return Fault(
        code="unknown_person", message=f"Nobody is known by the given {' and '.join(sorted(given))}."
    )


def _messages(callback: Callback, *, naming: _Naming, message_id: str) -> list[dict[str, Any]]:
    common = dict(naming.fields) | ({"timestamp": callback.timestamp} if callback.timestamp else {})
    event = {
        **common,
        "type": "track",
        "event": callback.type,
        "messageId": message_id,
        "properties": dict(callback.properties),
    }
    if not callback.traits:
        return [event]
    traits = {
        **common,
        "type": "identify",
        "messageId": f"{message_id}:traits",
        "traits": dict(callback.traits),
    }
    return [traits, event]


def _keep_aside(
    source: Source, messages: list[dict[str, Any]], *, fault: Fault, received_at: datetime
) -> None:
    accept(
        source_id=source.pk,
        received_at=received_at,
        lanes={},
        rejected=[
            Rejected(index=index, fault=fault, body=seal_envelope([msgspec.json.encode(message)]))
            for index, message in enumerate(messages)
        ],
    )


def _sent_fields(delivery: Delivery) -> dict[str, Any]:
    """The fields that a delivery told the system, under their names there."""
    rendered = delivery.rendered or {}
    if (body := rendered.get("body")) is not None:
        fields = json.loads(body).get("fields")
        return fields if isinstance(fields, dict) else {}
    contact = rendered.get("contact") or {}
    return {**contact.get("fields", {}), **rendered.get("fields", {})}


def _is_held(kind: str, value: str) -> bool:
    return Identity.objects.filter(kind=kind, value=value).exists()


def _bounded(message_id: str) -> str:
    longest = MAX_MESSAGE_ID - len(":traits")
    return message_id if len(message_id) <= longest else hashlib.sha256(message_id.encode()).hexdigest()
