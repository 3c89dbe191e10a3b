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


def is_same_json(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON: numbers by value, everything by type, so that true is no 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    match one, other:
        case ((int() | float() | Decimal()), (int() | float() | Decimal())):
            return one == other
        case list(), list():
            return len(one) == len(other) and all(map(is_same_json, one, other))
        case dict(), dict():
            return one.keys() == other.keys() and all(is_same_json(one[key], other[key]) for key in one)
        case _:
            return type(one) is type(other) and bool(one == other)


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
