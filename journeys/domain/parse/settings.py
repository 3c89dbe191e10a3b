"""The settings of a journey, and what the company sets for all of them."""

from collections.abc import Mapping
from typing import Final

from connectors.domain.message import MessageClass
from journeys.domain.clock import next_closing
from journeys.domain.parse.keys import Document, JourneyError, Reader, below
from journeys.domain.parse.times import read_window
from journeys.domain.settings import (
    COMPANY_ZONE,
    LONGEST_DAYS,
    PERSON_ZONE,
    Cap,
    Company,
    QuietHours,
    Settings,
    Throttle,
)
from profiles.domain.arrival import known_zone
from profiles.domain.facts import Json
from segments.domain.phrases import gettext_noop
from segments.domain.values import EPOCH

_MOST: Final = 1_000_000_000


def read_settings(reader: Reader, value: Json) -> Settings:
    """Read `settings`."""
    path = "settings"
    document = reader.object(value, path, known=("time_zone", "quiet_hours", "caps", "throttle"))
    if document is None:
        return Settings()
    return Settings(
        time_zone=_time_zone(reader, document, path),
        quiet_hours=_quiet_hours(reader, document, path),
        caps=_caps(reader, document, path),
        throttle=_throttle(reader, document, path),
    )


def read_company(settings: Mapping[str, Json], *, zone: str) -> Company:
    """Read the company's own settings. Raises JourneyError."""
    reader = Reader()
    document = reader.object(settings, "", known=("language", "quiet_hours", "caps")) or {}
    company = Company(
        zone=zone, quiet_hours=_quiet_hours(reader, document, ""), caps=_caps(reader, document, "")
    )
    if reader.faults:
        raise JourneyError(reader.faults)
    return company


def _time_zone(reader: Reader, document: Document, path: str) -> str:
    name = document.get("time_zone", PERSON_ZONE)
    if name in (PERSON_ZONE, COMPANY_ZONE):
        return str(name)
    if not isinstance(name, str) or not (zone := known_zone(name)):
        message = gettext_noop("must be “person”, “company” or the name of a time zone")
        reader.fault(below(path, "time_zone"), message)
        return PERSON_ZONE
    return zone


def _quiet_hours(reader: Reader, document: Document, path: str) -> QuietHours | None:
    value = document.get("quiet_hours")
    if value is None:
        return None
    place = below(path, "quiet_hours")
    found = reader.object(value, place, known=("from", "to", "days", "classes"))
    if found is None:
        return None
    window = read_window(reader, found, place)
    if next_closing(window, EPOCH, zone="UTC") is None:
        reader.fault(place, gettext_noop("must leave a time in which messages may be sent"))
    classes = found.get("classes", [MessageClass.MARKETING.value])
    known = {one.value for one in MessageClass}
    if (
        not isinstance(classes, list)
        or not classes
        or not all(isinstance(one, str) and one in known for one in classes)
    ):
        message = gettext_noop("must be a list of at least one of {choices}")
        reader.fault(below(place, "classes"), message, {"choices": ", ".join(MessageClass)})
        return None
    return QuietHours(window=window, classes=frozenset(map(MessageClass, classes)))


def _caps(reader: Reader, document: Document, path: str) -> tuple[Cap, ...]:
    value = document.get("caps", [])
    place = below(path, "caps")
    if not isinstance(value, list):
        reader.fault(place, gettext_noop("must be a list"))
        return ()
    caps = [_cap(reader, item, f"{place}[{number}]") for number, item in enumerate(value)]
    return tuple(cap for cap in caps if cap)


def _cap(reader: Reader, value: Json, path: str) -> Cap | None:
    document = reader.object(value, path, known=("class", "most", "per"))
    if document is None:
        return None
    kind = reader.choice(document, "class", path, default=MessageClass.MARKETING)
    most, per = (
        reader.number(document, "most", path, least=1, most=_MOST),
        reader.length(document, "per", path),
    )
    if per is not None and per.days > LONGEST_DAYS:
        reader.fault(below(path, "per"), gettext_noop("can be a year at most"))
    return Cap(message_class=kind, most=most, per=per) if per else None


def _throttle(reader: Reader, document: Document, path: str) -> Throttle | None:
    value = document.get("throttle")
    place = below(path, "throttle")
    found = reader.object(value, place, known=("most", "per")) if value is not None else None
    if found is None:
        return None
    per = reader.length(found, "per", place)
    if per is not None and per.days > LONGEST_DAYS:
        reader.fault(below(place, "per"), gettext_noop("can be a year at most"))
    most = reader.number(found, "most", place, least=1, most=_MOST)
    return Throttle(most=most, per=per) if per else None
