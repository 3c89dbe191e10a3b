"""Webhooks of HubSpot: an array of changes a request, signed by the app's client secret (version 3).

A change names an object and one property; who a contact is, we know by the id HubSpot gave it. Deals, tasks
and notes are ours to place only if a delivery of ours made them.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.domain.callback import Callback, CallbackError
from connectors.sources.translator import OLDEST, Json, Sent, Told, Translator, moment_of, trait_of

_OBJECTS = {"0-1": "contact", "0-3": "deal", "0-27": "task", "0-46": "note"}
_STAGE, _OWNER = "dealstage", "hubspot_owner_id"


def is_proven(sent: Sent, secret: str, now: datetime) -> bool:
    """Check the signature: HMAC of method, address, body and time, in base64."""
    stamp = sent.headers.get("X-HubSpot-Request-Timestamp", "")
    if not (stamp.isascii() and stamp.isdecimal()) or len(stamp) > 15:
        return False
    if abs(now.timestamp() - int(stamp) / 1000) > OLDEST.total_seconds():
        return False
    signed = b"POST" + sent.url.encode() + sent.body + stamp.encode()
    right = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
    return hmac.compare_digest(right.encode(), sent.headers.get("X-HubSpot-Signature-v3", "").encode())


def read(body: Json, system: str) -> list[Told]:
    """Read the changes of one request.

    Raises:
        CallbackError: it is no array of changes.
    """
    if not isinstance(body, list) or not all(isinstance(one, dict) for one in body):
        raise CallbackError("", "must be an array of objects")
    return [told for one in body if (told := _told(one, system)) is not None]


def _told(change: Mapping[str, Any], system: str) -> Told | None:
    thing, _point, what = str(change.get("subscriptionType", "")).partition(".")
    if thing == "object":
        thing = _OBJECTS.get(str(change.get("objectTypeId", "")), "")
    object_id = change.get("objectId")
    if thing not in _OBJECTS.values() or not object_id:
        return None
    name, value = str(change.get("propertyName") or ""), change.get("propertyValue")
    if what == "propertyChange" and name:
        kind, field = _named(thing, name)
        properties = {field: value, "property": name}
        traits = {trait_of(system, field): value}
        changed = {name: value}
    elif what == "creation":
        kind, properties, traits, changed = f"{thing}.created", {}, {}, {}
    else:
        return None
    identifier = "external_id" if thing == "contact" else "object_id"
    told = Callback(
        type=kind,
        timestamp=moment_of(change.get("occurredAt")),
        identifiers={identifier: str(object_id)},
        traits=traits,
        properties={**properties, identifier: str(object_id)},
        changed=changed,
    )
    parts = (change.get("eventId"), object_id, name or what, change.get("occurredAt"))
    return Told(id=":".join(map(str, parts)), callback=told)


def _named(thing: str, name: str) -> tuple[str, str]:
    """What happened, and the word for the field."""
    if name == _STAGE:
        return f"{thing}.stage_changed", "stage"
    if name == _OWNER:
        return f"{thing}.owner_changed", "owner"
    return f"{thing}.updated", name


HUBSPOT = Translator(is_proven=is_proven, read=read)
