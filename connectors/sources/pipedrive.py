"""Webhooks of Pipedrive, version 2: one change a request, with the record as it is and what it was.

Pipedrive signs nothing; it proves itself by HTTP Basic, with the source's secret as the password.
"""

import base64
import binascii
import hmac
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from connectors.domain.callback import Callback, CallbackError
from connectors.sources.translator import Json, Sent, Told, Translator, moment_of, trait_of

_THINGS = {"person": "contact", "deal": "deal", "activity": "task", "note": "note"}
_WORDS = {"stage_id": ("stage_changed", "stage"), "owner_id": ("owner_changed", "owner")}
_QUIET = frozenset({"update_time", "next_activity_id", "last_activity_id", "stage_change_time"})


def is_proven(sent: Sent, secret: str, now: datetime) -> bool:
    """Check the password."""
    scheme, _space, credentials = sent.headers.get("Authorization", "").partition(" ")
    try:
        pair = base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        return False
    password = pair.partition(b":")[2]
    return scheme.lower() == "basic" and hmac.compare_digest(password, secret.encode())


def read(body: Json, system: str) -> list[Told]:
    """Read what one request tells; a record may have changed in several fields.

    Raises:
        CallbackError: it does not have the shape of version 2.
    """
    meta = body.get("meta") if isinstance(body, dict) else None
    if not isinstance(meta, dict):
        raise CallbackError("meta", "must be an object")
    data = body.get("data")
    thing = _THINGS.get(str(meta.get("entity", "")))
    if thing is None or not isinstance(data, dict):
        return []  # of no concern, or deleted
    previous = body.get("previous")
    before = previous if isinstance(previous, dict) else {}
    at = moment_of(meta.get("timestamp"))
    known = _identifiers(thing, data, entity=str(meta.get("entity_id") or data.get("id") or ""))
    parts = (meta.get("id"), thing, meta.get("entity_id"), meta.get("timestamp"))
    return [
        Told(
            id=":".join(map(str, (*parts, kind, field))),
            callback=Callback(
                type=kind,
                timestamp=at,
                identifiers=known,
                traits={trait_of(system, field): value} if field else {},
                properties={**known, **({field: value} if field else {}), **more},
                changed={name: value} if name else {},
            ),
        )
        for kind, field, name, value, more in _happenings(thing, data, before, action=str(meta.get("action")))
    ]


_Happening = tuple[
    str, str, str, Json, Mapping[str, Json]
]  # type, our word, their field, value, further properties


def _happenings(
    thing: str, data: Mapping[str, Any], before: Mapping[str, Any], *, action: str
) -> Iterator[_Happening]:
    if action == "create":
        yield f"{thing}.created", "", "", None, {}
        return
    if thing == "task" and data.get("type") == "call" and data.get("done") and "done" in before:
        outcome = data.get("subject")
        yield "call.finished", "call_outcome", "", outcome, {"note": data.get("note")}
        return
    for name in sorted(before.keys() - _QUIET):
        if name in data and data[name] != before[name]:
            what, field = _WORDS.get(name, ("updated", name))
            yield f"{thing}.{what}", field, name, data[name], {}


def _identifiers(thing: str, data: Mapping[str, Any], *, entity: str) -> dict[str, str]:
    person = entity if thing == "contact" else data.get("person_id") or _participant(data)
    found = {"external_id": person, "object_id": "" if thing == "contact" else entity}
    return {name: str(value) for name, value in found.items() if value}


def _participant(data: Mapping[str, Any]) -> Json:
    listed = data.get("participants")
    first = listed[0] if isinstance(listed, list) and listed else None
    return first.get("person_id") if isinstance(first, dict) else None


PIPEDRIVE = Translator(is_proven=is_proven, read=read)
