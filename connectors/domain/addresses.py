"""Which address somebody is reached at, and the hash an address is suppressed under."""

import hashlib
import hmac
from collections.abc import Collection
from typing import Any


def address_of(*, named: Any, held: Collection[str]) -> str:
    """Choose the address to write to; "" where somebody has none.

    Args:
        named: the trait. Followed only if it is one of theirs: anybody can tell a browser's source
            somebody else's address.
        held: their identities of the channel's kind.
    """
    wanted = str(named or "").strip().lower()
    return wanted if wanted in held else min(held, default="")


def address_hash(address: str, *, channel: str, key: bytes) -> str:
    """Return what stands for an address once it is forgotten; the same for any spelling of it."""
    plain = f"{channel}:{address.strip().lower()}"
    return hmac.new(key, plain.encode(), hashlib.sha256).hexdigest()
