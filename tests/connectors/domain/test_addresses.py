from typing import Any

import pytest

from connectors.domain.addresses import address_hash, address_of

KEY = b"k" * 32


@pytest.mark.parametrize(
    ("traits", "identities", "address"),
    [
        ({"email": "new@example.com"}, {"email": "old@example.com"}, "new@example.com"),
        ({}, {"email": "old@example.com"}, "old@example.com"),
        ({"email": None}, {"email": "old@example.com"}, "old@example.com"),
        ({"email": 7}, {}, ""),
        ({"email": "nonsense"}, {}, ""),
        ({"email": "a@b.com\nBcc: c@d.com"}, {}, ""),
        ({"email": " ada@example.com "}, {}, "ada@example.com"),
        ({"email": "@example.com"}, {"user_id": "1"}, ""),
        ({"email": f"{'a' * 400}@example.com"}, {}, ""),
    ],
)
def test_address_of__email(traits: dict[str, Any], identities: dict[str, str], address: str) -> None:
    assert address_of(writes_to="email", traits=traits, identities=identities) == address


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
