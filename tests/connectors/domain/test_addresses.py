from typing import Any

import pytest

from connectors.domain.addresses import address_hash, address_of

KEY = b"k" * 32


@pytest.mark.parametrize(
    ("named", "held", "address"),
    [
        ("new@example.com", {"old@example.com", "new@example.com"}, "new@example.com"),
        (" New@Example.com ", {"old@example.com", "new@example.com"}, "new@example.com"),
        ("somebody.else@example.com", {"mine@example.com"}, "mine@example.com"),
        ("somebody.else@example.com", set(), ""),
        (None, {"b@example.com", "a@example.com"}, "a@example.com"),
        (7, set(), ""),
        ({"x": 1}, {"a@example.com"}, "a@example.com"),
    ],
)
def test_address_of(named: Any, held: set[str], address: str) -> None:
    assert address_of(named=named, held=held) == address


def test_address_hash__same_for_any_spelling() -> None:
    plain = address_hash("ada@example.com", channel="email", key=KEY)
    assert address_hash(" Ada@Example.COM", channel="email", key=KEY) == plain


def test_address_hash__differs_by_channel_and_key() -> None:
    found = {
        address_hash("ada@example.com", channel="email", key=KEY),
        address_hash("ada@example.com", channel="sms", key=KEY),
        address_hash("ada@example.com", channel="email", key=b"j" * 32),
    }
    assert len(found) == 3
    assert not any("ada" in text for text in found)
