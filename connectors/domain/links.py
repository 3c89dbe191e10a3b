"""Signed tokens in mails: clicks, opens, unsubscribing.

A token carries all it needs, so that links in old mails work after the delivery was erased. It is
signed for one purpose: a click's token unsubscribes nobody, and no address but those we put into a mail
is ever redirected to.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from uuid import UUID

_SIGNATURE_BYTES = 16
_UUID_BYTES = 16
_HASH_BYTES = 32


class Purpose(Enum):
    """What a token is good for; part of what is signed."""

    CLICK = b"c"
    OPEN = b"o"
    UNSUBSCRIBE = b"u"


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    delivery: UUID
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsubscribe:
    delivery: UUID
    address_hash: str  # suppresses the address even when nothing else is known of it any more


def click_token(click: Click, *, key: bytes) -> str:
    return _sign(click.delivery.bytes + click.url.encode(), purpose=Purpose.CLICK, key=key)


def open_token(delivery: UUID, *, key: bytes) -> str:
    return _sign(delivery.bytes, purpose=Purpose.OPEN, key=key)


def unsubscribe_token(unsubscribe: Unsubscribe, *, key: bytes) -> str:
    payload = unsubscribe.delivery.bytes + bytes.fromhex(unsubscribe.address_hash)
    return _sign(payload, purpose=Purpose.UNSUBSCRIBE, key=key)


def read_click(token: str, *, keys: Sequence[bytes]) -> Click | None:
    """Return what was signed; None for anything we did not sign."""
    payload = _read(token, purpose=Purpose.CLICK, keys=keys)
    if payload is None:
        return None
    return Click(delivery=UUID(bytes=payload[:_UUID_BYTES]), url=payload[_UUID_BYTES:].decode())


def read_open(token: str, *, keys: Sequence[bytes]) -> UUID | None:
    payload = _read(token, purpose=Purpose.OPEN, keys=keys)
    return None if payload is None else UUID(bytes=payload)


def read_unsubscribe(token: str, *, keys: Sequence[bytes]) -> Unsubscribe | None:
    payload = _read(token, purpose=Purpose.UNSUBSCRIBE, keys=keys)
    if payload is None or len(payload) != _UUID_BYTES + _HASH_BYTES:
        return None
    return Unsubscribe(delivery=UUID(bytes=payload[:_UUID_BYTES]), address_hash=payload[_UUID_BYTES:].hex())


def _sign(payload: bytes, *, purpose: Purpose, key: bytes) -> str:
    signed = _signature(payload, purpose=purpose, key=key) + payload
    return base64.urlsafe_b64encode(signed).decode().rstrip("=")


def _read(token: str, *, purpose: Purpose, keys: Sequence[bytes]) -> bytes | None:
    try:
        signed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    signature, payload = signed[:_SIGNATURE_BYTES], signed[_SIGNATURE_BYTES:]
    for key in keys:
        if hmac.compare_digest(signature, _signature(payload, purpose=purpose, key=key)):
            return payload
    return None


def _signature(payload: bytes, *, purpose: Purpose, key: bytes) -> bytes:
    return hmac.new(key, purpose.value + payload, hashlib.sha256).digest()[:_SIGNATURE_BYTES]
