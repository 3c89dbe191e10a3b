"""People as they were at a moment, and what happened to them from then on, in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from journeys.domain.engine import PastRun
from journeys.domain.settings import Sent
from profiles.domain.arrival import Arrived
from profiles.domain.facts import Json
from profiles.domain.history import PersonState
from segments.live import ByHand


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From one moment up to, and without, another."""

    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TraitSaid:
    """A trait was written otherwise than by a message; None removed it."""

    at: datetime
    arrival: int
    person: int
    key: str
    value: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentSaid:
    """A consent was given or taken back otherwise than by a message."""

    at: datetime
    arrival: int
    person: int
    category: str
    is_granted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSaid:
    """Somebody was added to a segment by hand or removed; None: that was taken back."""

    at: datetime
    arrival: int
    person: int
    slug: str
    is_added: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSent:
    """Another journey's message left, or was about to."""

    at: datetime
    arrival: int
    person: int
    sent: Sent


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressClosed:
    """An address must not be written to from now on."""

    at: datetime
    arrival: int
    person: int
    address: str
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeOne:
    """Somebody of the company found two persons to be one."""

    at: datetime
    arrival: int
    person: int  # who goes on
    old: int


Happening = TraitSaid | ConsentSaid | ListSaid | MessageSent | AddressClosed | MadeOne


@dataclass(slots=True, kw_only=True)
class Past:
    """One customer: everybody who is one person today, as they were when the period begins.

    `states` are moved forward by a replay; a `Past` is played once.
    """

    survivor: int
    period: Period
    states: dict[int, PersonState]
    present: frozenset[int]  # of the states, those who exist when the period begins
    messages: Sequence[Arrived] = ()  # in order; with their resolutions
    happenings: Sequence[Happening] = ()  # in order
    by_hand: Mapping[int, Mapping[str, Sequence[ByHand]]] = field(default_factory=dict)
    runs: Mapping[int, Sequence[PastRun]] = field(default_factory=dict)
    sent: Mapping[int, Sequence[Sent]] = field(default_factory=dict)
    closed: Mapping[str, frozenset[str]] = field(default_factory=dict)  # address -> scopes
    late: frozenset[int] = frozenset()  # arrivals of messages that count as received when they happened
    unstored: int = 0  # how many were new and merged at once: their public id is not known
