"""JSON with exact numbers, and objects that are read only when somebody looks into them."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number", enc_hook=lambda value: dict(value)).encode


def decode_json(raw: bytes | str) -> Any:
    """Read JSON; a number with a fraction is a Decimal."""
    return _decode(raw)


def encode_json(value: Any) -> bytes:
    """Write JSON; decimals as numbers."""
    return _encode(value)


class LazyObject(Mapping[str, Any]):
    """A JSON object that is decoded when it is first looked into; most events never are."""

    __slots__ = ("_text", "_value")

    def __init__(self, text: bytes | str) -> None:
        self._text = text
        self._value: dict[str, Any] | None = None

    def _read(self) -> dict[str, Any]:
        if self._value is None:
            self._value = _decode(self._text)
        return self._value

    def __getitem__(self, key: str) -> Any:
        return self._read()[key]

    def get(self, key: str, default: Any = None) -> Any:
        """As a dict has it; Mapping's own goes through an exception for each missing key."""
        return self._read().get(key, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __repr__(self) -> str:
        return repr(self._read())
