"""What a CRM is asked to do, in words of ours, and whom it concerns there.

A connection keeps a mapping: field of the CRM -> where its value comes from. `name`, `email`, `phone`,
`user_id` and `id` (our public id of the person) are taken from what is known of them; `traits.<key>` and
`identities.<kind>` name one thing exactly. What somebody lacks is left out, never sent as empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from connectors.domain.message import DeliveryError, Recipient

Json = Any

_ADDRESSES = ("email", "phone")
_PREFIXES = ("traits.", "identities.")
PLAIN_SOURCES = ("name", *_ADDRESSES, "user_id", "id")


class Action(StrEnum):
    """What a CRM can be asked to do about a person."""

    UPSERT_CONTACT = "upsert_contact"
    CREATE_DEAL = "create_deal"
    CREATE_TASK = "create_task"
    ADD_NOTE = "add_note"
    ADD_TO_LIST = "add_to_list"
    UPDATE_FIELD = "update_field"


ON_CONTACTS = frozenset({Action.UPSERT_CONTACT, Action.UPDATE_FIELD})  # the others need one first


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A person as the CRM can find them."""

    id: str  # what the CRM calls them; "" if that is not known yet
    key: str  # the value of the field by which we find them; "" if they have none
    fields: Mapping[str, Json] = field(default_factory=dict)  # of the CRM


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One thing to do, the same in each attempt."""

    id: UUID  # of the delivery: what the CRM keeps to recognise the thing by
    action: Action
    contact: Contact
    fields: Mapping[str, Json]  # of the thing to be made
    decided_at: datetime
    may_exist: bool  # an earlier attempt may have made it


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What came of one piece of work."""

    id: str = ""  # what the CRM calls it
    told: Json = None  # the part of the answer that is about it


# Of each piece of work of one call. None: the CRM does not know the contact by the id it once gave.
Outcome = Made | DeliveryError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorField:
    """A field of contacts, as the CRM describes it."""

    name: str
    label: str


def is_source(path: str) -> bool:
    """Tell whether a mapping can take values from there."""
    return path in PLAIN_SOURCES or any(path.startswith(one) and len(path) > len(one) for one in _PREFIXES)


def mapped(
    mapping: Mapping[str, str], *, recipient: Recipient, traits: Mapping[str, Json]
) -> dict[str, Json]:
    """Fill in the CRM's fields from what is known of a person; what is not known is left out."""
    found = {
        name: value_at(path, recipient=recipient, traits=traits) for name, path in mapping.items() if path
    }
    return {name: value for name, value in found.items() if value not in (None, "")}


def value_at(path: str, *, recipient: Recipient, traits: Mapping[str, Json]) -> Json:
    """Read what a mapping names; None for what somebody lacks."""
    kind, _dot, name = path.partition(".")
    if kind == "traits" and name:
        return _trait(traits, name)
    if kind == "identities" and name:
        return recipient.identities.get(name)
    if path == "id":
        return str(recipient.id)
    if path == "name":
        parts = [traits.get("firstName"), traits.get("lastName")]
        return traits.get("name") or " ".join(str(part) for part in parts if part)
    known = recipient.identities.get(path)
    return known or traits.get(path) if path in _ADDRESSES else known


def _trait(traits: Mapping[str, Json], path: str) -> Json:
    """A trait by its key, which may hold points itself, or what lies inside one."""
    if path in traits:
        return traits[path]
    found: Json = traits
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def contact_of(
    settings: Mapping[str, Json], *, recipient: Recipient, traits: Mapping[str, Json], system: str
) -> Contact:
    """Find out how a person can be found in the CRM of these settings."""
    key = value_at(str(settings["contact_value"]), recipient=recipient, traits=traits)
    return Contact(
        id=recipient.identities.get(system, ""),
        key="" if key is None else str(key),
        fields=mapped(settings["mapping"], recipient=recipient, traits=traits),
    )
