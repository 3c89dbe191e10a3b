"""Whose write key is it? Answered from memory, so that it can be answered while the database is away.

A wrong "unknown key" loses messages for good: browsers never come back after a 401. So what was once
known stays known until the database itself says otherwise, and an unknown key is forgotten after a second.
"""

import re
import time
from dataclasses import dataclass
from typing import Final

from django.db import Error

from connectors.models import Source

_KNOWN_FOR: Final = 5.0  # seconds until a source's changes are seen
_UNKNOWN_FOR: Final = 1.0  # a key made a moment ago must work
_MOST: Final = 10_000  # keys remembered; guessing keys must not fill the memory
_USABLE = re.compile(r"[!-9;-~]{1,64}")  # printable, no colon: that ends a user name


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What the HTTP door must know of a source."""

    source_id: int
    is_server: bool
    is_historical: bool
    rate_limit: float | None  # messages a second in one web process


@dataclass(frozen=True, slots=True)
class _Entry:
    door: Door | None
    read_at: float


_entries: dict[str, _Entry] = {}


def door_of(key: str) -> Door | None:
    """Find the source of a write key; None: no active HTTP source has it.

    Raises:
        django.db.Error: the database is away and the key was never seen by this process.
    """
    if not _USABLE.fullmatch(key):
        return None
    entry = _entries.get(key)
    now = time.monotonic()
    if entry is not None and now - entry.read_at < (_KNOWN_FOR if entry.door else _UNKNOWN_FOR):
        return entry.door
    try:
        door = _read(key)
    except Error:
        if entry is None or entry.door is None:
            raise
        return entry.door
    _remember(key, _Entry(door, now))
    return door


def forget() -> None:
    """Ask the database again at the next message, as after a change of a source in this process."""
    _entries.clear()


def _read(key: str) -> Door | None:
    source = Source.objects.filter(write_key=key, kind="http", is_active=True).first()
    if source is None:
        return None
    return Door(
        source_id=source.pk,
        is_server=source.trust == Source.Trust.SERVER,
        is_historical=source.is_historical,
        rate_limit=_rate(source.settings.get("rate_limit")),
    )


def _remember(key: str, entry: _Entry) -> None:
    if len(_entries) >= _MOST:
        for other in [other for other, known in _entries.items() if known.door is None]:
            del _entries[other]
    _entries[key] = entry


def _rate(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None
