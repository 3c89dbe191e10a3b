"""Lengths of time as journeys count them: exact, a day being 24 hours and a week seven days."""

from datetime import timedelta
from enum import Enum

from segments.domain.values import parse_length


class Unit(Enum):
    """What lengths are counted in on screen, largest first."""

    WEEKS = timedelta(weeks=1)
    DAYS = timedelta(days=1)
    HOURS = timedelta(hours=1)
    MINUTES = timedelta(minutes=1)
    SECONDS = timedelta(seconds=1)


def exact_length(text: str) -> timedelta | None:
    """Read an ISO 8601 duration; None if it is none, or has months or years, which are of no exact length."""
    length = parse_length(text)
    return length.exact() if length and not length.months else None


def in_largest_unit(length: timedelta) -> tuple[int, Unit]:
    """How many of which unit a length is, weeks left aside: people say 14 days."""
    units = [unit for unit in Unit if unit is not Unit.WEEKS and not length % unit.value]
    unit = units[0] if units else Unit.SECONDS
    return length // unit.value, unit


def written(amount: int, unit: Unit) -> str:
    """The ISO 8601 duration of so many units."""
    match unit:
        case Unit.WEEKS | Unit.DAYS:
            return f"P{amount}{unit.name[0]}"
        case Unit.HOURS | Unit.MINUTES | Unit.SECONDS:
            return f"PT{amount}{unit.name[0]}"
