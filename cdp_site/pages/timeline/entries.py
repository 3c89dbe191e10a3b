"""What a timeline is made of, and where a page of it ends."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any

_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CURSOR = re.compile(r"(-?[0-9]{1,17})\.([0-9]{1,2})\.([0-9]{1,19})", re.ASCII)


class Source(IntEnum):
    """Where an entry was read. The number breaks ties of time: what follows from an event stands above it."""

    EVENT = 1
    MERGE = 2
    CONSENT = 3
    LEFT = 4  # a segment
    ENTERED = 5  # a segment
    DECISION = 6
    DELIVERY = 7


class Group(StrEnum):
    """What the filter chips offer."""

    WEB = "web"
    ORDERS = "orders"
    MESSAGES = "messages"
    JOURNEYS = "journeys"
    PROFILE = "profile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """The last entry of a page; the next page begins after it."""

    at: datetime
    rank: int
    tie: int

    def __str__(self) -> str:
        return f"{(self.at - _START) // _MICROSECOND}.{self.rank}.{self.tie}"

    @classmethod
    def read(cls, text: str) -> "Cursor | None":
        """Read what `str` wrote; None for anything else, since addresses get cut and edited."""
        found = _CURSOR.fullmatch(text)
        if found is None:
            return None
        micros, rank, tie = map(int, found.groups())
        try:
            at = _START + timedelta(microseconds=micros)
        except OverflowError:
            return None
        return cls(at=at, rank=rank, tie=tie) if tie < 2**63 else None

    @classmethod
    def before(cls, at: datetime) -> "Cursor":
        """The place just before an instant: everything that happened earlier follows."""
        return cls(at=at, rank=0, tie=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened."""

    source: Source
    at: datetime
    tie: int
    data: Mapping[str, Any]  # by source; see the columns in queries.py

    @property
    def cursor(self) -> Cursor:
        return Cursor(at=self.at, rank=self.source.value, tie=self.tie)
