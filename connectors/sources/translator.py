"""What a vendor's webhooks come to: callbacks, read by one small module a vendor.

Vendors tell of everything that happens in the account, so what concerns nobody we know is left aside. Each
field that changed becomes a trait named after the source: a stage told by the source "hubspot" is the trait
`hubspot_stage`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.domain.callback import Callback

Json = Any

OLDEST = timedelta(minutes=5)  # of a signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A webhook as it came."""

    headers: Mapping[str, str]  # looks names up whatever their case
    body: bytes
    url: str  # as the vendor was given it


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One thing that a webhook tells; the same id whenever it is told again."""

    id: str
    callback: Callback


@dataclass(frozen=True, slots=True, kw_only=True)
class Translator:
    """One vendor's webhooks."""

    is_proven: Callable[[Sent, str, datetime], bool]  # with the source's secret, at a moment
    read: Callable[[Json, str], list[Told]]  # body, slug of the source; raises CallbackError


def trait_of(system: str, field: str) -> str:
    """The trait that a field of the other system becomes."""
    return f"{system.replace('-', '_')}_{field}"


def moment_of(value: Json) -> str | None:
    """An instant as ISO 8601, from that, or seconds or milliseconds since 1970; None for anything else."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 10**14:
        return None
    return datetime.fromtimestamp(value / 1000 if value > 10**11 else value, tz=UTC).isoformat()
