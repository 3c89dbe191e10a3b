"""Which address somebody is reached at, and the hash an address is suppressed under."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

LONGEST_ADDRESS = 320


def address_of(*, writes_to: str, traits: Mapping[str, Any], identities: Mapping[str, str]) -> str:
    """Return the address for a channel; "" where none is known.

    The trait wins, being the latest word of the person; an identity may be an older address of theirs.
    """
    named = traits.get(writes_to)
    found = named if isinstance(named, str) and _is_plausible(named) else identities.get(writes_to, "")
    return found.strip()


def address_hash(address: str, *, channel: str, key: bytes) -> str:
    """Return what stands for an address once it is forgotten; the same for any spelling of it."""
    plain = f"{channel}:{address.strip().lower()}"
    return hmac.new(key, plain.encode(), hashlib.sha256).hexdigest()


def _is_plausible(text: str) -> bool:
    name, at, domain = text.strip().rpartition("@")
    # A line break would let a trait add headers to the mail.
    return bool(name and at and domain) and len(text) <= LONGEST_ADDRESS and text.strip().isprintable()
