"""What holds for all steps of a journey, or for all journeys: zone, quiet hours, caps, throttle."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.domain.message import MessageClass
from journeys.domain.clock import Window, next_closing
from segments.domain.values import EPOCH

PERSON_ZONE = "person"
COMPANY_ZONE = "company"
LONGEST_DAYS = 366  # of caps and throttles: what was sent is looked up that far back for each decision


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """When messages of these classes wait."""

    window: Window
    classes: frozenset[MessageClass] = frozenset({MessageClass.MARKETING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """How many messages of a class one person gets in a time, from all journeys together."""

    message_class: MessageClass
    most: int
    per: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """How many messages a journey sends through one channel in a time, to all people together."""

    most: int
    per: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one journey."""

    time_zone: str = PERSON_ZONE  # or COMPANY_ZONE, or the name of a zone
    quiet_hours: QuietHours | None = None
    caps: tuple[Cap, ...] = ()
    throttle: Throttle | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """What holds for all journeys."""

    zone: str = "UTC"
    quiet_hours: QuietHours | None = None
    caps: tuple[Cap, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message to the person that left, or may still leave."""

    at: datetime
    message_class: str


# When a journey's message may leave through a channel, with a place kept for it: (channel, throttle, now).
Place = Callable[[str, Throttle, datetime], datetime]


def at_once(channel: str, throttle: Throttle, now: datetime) -> datetime:
    """A throttle that holds nobody up."""
    return now


def zone_of(settings: Settings, *, person: str, company: Company) -> str:
    """The zone whose clock a journey goes by."""
    match settings.time_zone:
        case "person":
            return person
        case "company":
            return company.zone
        case zone:
            return zone


def quiet_until(hours: QuietHours | None, message_class: str, now: datetime, *, zone: str) -> datetime | None:
    """When a message may leave that quiet hours hold back now; None if they do not."""
    if hours is None or message_class not in hours.classes:
        return None
    over = next_closing(hours.window, now, zone=zone)
    return over if over is not None and over > now else None


def is_capped(caps: Sequence[Cap], message_class: str, now: datetime, *, sent: Sequence[Sent]) -> bool:
    """Whether one more message of the class would be too many."""
    return any(
        sum(one.message_class == message_class and one.at > now - cap.per for one in sent) >= cap.most
        for cap in caps
        if cap.message_class == message_class
    )


def first_period(throttle: Throttle, taken: Mapping[datetime, int], now: datetime) -> datetime:
    """When the first period begins that has a place free; periods follow each other from 1970 on.

    Args:
        taken: how many places are taken of each period that has begun or lies ahead.
    """
    begins_at = EPOCH + (now - EPOCH) // throttle.per * throttle.per
    while taken.get(begins_at, 0) >= throttle.most:
        begins_at += throttle.per
    return begins_at


def longest_cap(caps: Sequence[Cap]) -> timedelta | None:
    """How far back sent messages must be known; None if not at all."""
    return max((cap.per for cap in caps), default=None)
