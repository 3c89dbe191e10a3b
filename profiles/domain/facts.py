"""What rules and journeys may know about one person at one moment.

`Facts` is a read-only view. The drain builds it from the database once per batch and moves it forward
message by message, so that a rule sees what had arrived up to and including the message being decided,
never later ones. Instants are aware UTC; events are ordered by (ts, arrival).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

Json = Any  # None, bool, int, float, Decimal, str, list, dict as JSON gives them


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One stored message as conditions see it; a struct, for each message becomes one."""

    name: str
    ts: datetime  # when it happened
    arrival: int  # order of arrival; breaks ties of ts
    received_at: datetime
    message_id: str  # a uuid as text
    properties: Mapping[str, Json]
    context: Mapping[str, Json]

    @property
    def order(self) -> tuple[datetime, int]:
        """The place in a person's history."""
        return (self.ts, self.arrival)


@dataclass(frozen=True, slots=True, kw_only=True)
class TraitChange:
    """From `at` on the trait had `value`; None: it was removed."""

    at: datetime
    arrival: int
    value: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """One stay in a segment or on a list."""

    entered_at: datetime
    left_at: datetime | None = None


def no_events(name: str) -> Sequence[Event]:
    """The history of somebody who did nothing."""
    return ()


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """One person at one moment; a struct, for each question asked of a person makes one.

    `events_of(name)` gives all events of that exact name in order; a name ending in `*` gives all whose
    name starts with what stands before it, merged in order. It must only be asked for names that the
    rule declared with `segments.domain.conditions.reads`.
    """

    person_id: int
    uuid: UUID
    zone: str  # IANA name: the person's own, else the company's; valid for zoneinfo and PostgreSQL
    traits: Mapping[str, Json] = {}
    consent: Mapping[str, bool] = {}
    identities: frozenset[str] = frozenset()  # kinds held
    stays: Mapping[str, Sequence[Stay]] = {}  # segment slug -> stays, oldest first
    lists: Mapping[str, Sequence[Stay]] = {}  # slug -> when added by hand
    events_of: Callable[[str], Sequence[Event]] = no_events
    # Of the traits whose history the rules declared, oldest first.
    trait_history: Mapping[str, Sequence[TraitChange]] = {}
    event: Event | None = None  # the message being processed; it counts even if its ts lies after now
    entry: Event | None = None  # the message that began the run

    def within(self, *, entry: Event | None, event: Event | None) -> "Facts":
        """The same person seen from inside a run."""
        return msgspec.structs.replace(self, entry=entry, event=event)
