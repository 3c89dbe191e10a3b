"""Clocks on the wall: when a moment, a window, a date or a timetable comes, somewhere in the world.

Moments in, moments out: aware UTC instants. Two readings of a clock are special, where it is set:

- A time of day that the clock skips is read with the offset before the gap (02:30 comes at 03:30); one that
  it shows twice is the first of the two. Either comes once a day.
- A window is open while the clock shows a time in it: one that lies wholly in a gap does not open, one that
  ends in a gap ends where the gap begins, and one that the clock shows twice is open twice.

The coming openings of a window are worked out once per zone and day and kept, because the runs of one
journey ask for the same ones.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim

from profiles.domain.facts import Json
from segments.domain.values import Clock, Day, Instant, Length, add_months, anniversary, date_value

EVERY_DAY: Final = frozenset(range(7))
MIDNIGHT: Final = time()

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_AHEAD: Final = 16  # days: a weekday comes within eight, and within fifteen where a zone leaves one out


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeOfDay:
    """A time on some days of the week."""

    at: time
    days: frozenset[int] = EVERY_DAY  # 0 is Monday


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From one time of day up to another, not including it; overnight where it would end before it begins."""

    start: time = MIDNIGHT
    end: time = MIDNIGHT  # midnight: the end of the day
    days: frozenset[int] = EVERY_DAY  # the days on which it begins, 0 is Monday


def first_pass(day: date, at: time, *, zone: str) -> datetime:
    """When clocks of a zone first show a time on a day."""
    return datetime.combine(day, at, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def next_time(wanted: TimeOfDay, after: datetime, *, zone: str) -> datetime:
    """The first such moment later than `after`."""
    times = _times(wanted, zone, after.date())
    return times[bisect_right(times, after)]


@lru_cache(maxsize=4096)
def _times(wanted: TimeOfDay, zone: str, day: date) -> tuple[datetime, ...]:
    """The moments around a UTC day and in the two weeks behind it."""
    return tuple(sorted({first_pass(one, wanted.at, zone=zone) for one in _days(day, wanted.days)}))


def _days(day: date, wanted: frozenset[int]) -> Iterator[date]:
    """The days of a week's days from two before a UTC day on: no clock is more than a day off."""
    days = (day + timedelta(days=ahead) for ahead in range(-2, _AHEAD))
    return (one for one in days if one.weekday() in wanted)


def is_open(window: Window, at: datetime, *, zone: str) -> bool:
    """Whether the clock shows a time inside of the window."""
    reading = at.astimezone(ZoneInfo(zone))
    shown, day = reading.time(), reading.weekday()
    if window.start < window.end:
        return window.start <= shown < window.end and day in window.days
    # Over midnight: what is left of the day before, and what begins today.
    if shown < window.end and (day - 1) % 7 in window.days:
        return True
    return shown >= window.start and day in window.days


def next_opening(window: Window, now: datetime, *, zone: str) -> datetime:
    """The first moment, now included, at which the window is open."""
    return _next(window, now, zone=zone, is_wanted_open=True)


def next_closing(window: Window, now: datetime, *, zone: str) -> datetime | None:
    """The first moment, now included, at which the window is not open; None if it never closes."""
    if window.start == window.end and window.days == EVERY_DAY:
        return None
    return _next(window, now, zone=zone, is_wanted_open=False)


def _next(window: Window, now: datetime, *, zone: str, is_wanted_open: bool) -> datetime:
    if is_open(window, now, zone=zone) is is_wanted_open:
        return now
    turns, opens = _turns(window, zone, now.date())
    place = bisect_right(turns, now)
    return turns[place + opens[place:].index(is_wanted_open)]


@lru_cache(maxsize=4096)
def _turns(window: Window, zone: str, day: date) -> tuple[tuple[datetime, ...], tuple[bool, ...]]:
    """The moments at which a window may open or close in the coming two weeks, and which it is then."""
    moments: set[datetime] = set()
    info = ZoneInfo(zone)
    for ahead in range(-2, _AHEAD):
        one = day + timedelta(days=ahead)
        for shown in (window.start, window.end):
            first = datetime.combine(one, shown, tzinfo=info)
            moments |= {first.astimezone(UTC), first.replace(fold=1).astimezone(UTC)}
        moments |= _settings(one, info)
    turns = tuple(sorted(moments))
    return turns, tuple(is_open(window, at, zone=zone) for at in turns)


def _settings(day: date, info: ZoneInfo) -> set[datetime]:
    """The moment on a UTC day at which clocks of a zone are set, if there is one."""
    before, after = datetime.combine(day, MIDNIGHT, UTC), datetime.combine(day + _DAY, MIDNIGHT, UTC)
    offset = before.astimezone(info).utcoffset()
    if after.astimezone(info).utcoffset() == offset:
        return set()
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(info).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return {after}


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRule:
    """A moment counted from a date that somebody's trait holds."""

    offset: Length | None = None
    is_before: bool = False  # the offset leads back
    at: time | None = None  # None: the time of the date itself, midnight for a plain day
    is_yearly: bool = False  # the date's return in each year; 29 February returns on the 28th


def date_moment(rule: DateRule, value: Json, *, zone: str) -> datetime | None:
    """The moment that a trait's value stands for; None where it holds no date, or one beyond the calendar."""
    try:
        read = _reading(value, zone=zone)
        return None if read is None else _moved(rule, *read, zone=zone)
    except (OverflowError, ValueError):
        return None


def next_date_moment(rule: DateRule, value: Json, *, after: datetime, zone: str) -> datetime | None:
    """The first moment later than `after`, of a yearly rule in any year; None if there is none."""
    try:
        read = _reading(value, zone=zone)
        if read is None:
            return None
        day, shown, exact = read
        if not rule.is_yearly:
            moment = _moved(rule, day, shown, exact, zone=zone)
            return moment if moment > after else None
        # An offset of some years moves the year that is looked for; two around it cover any zone.
        years = (rule.offset.months // 12 + rule.offset.days // 365 if rule.offset else 0) + 2
        first = max(day.year, after.year - years)
        for year in range(first, first + 2 * years + 1):
            moment = _moved(rule, anniversary(day, year=year), shown, None, zone=zone)
            if moment > after:
                return moment
    except (OverflowError, ValueError):
        pass
    return None


def _reading(value: Json, *, zone: str) -> tuple[date, time, datetime | None] | None:
    """The day and time that clocks show, and the instant where one was given."""
    match date_value(value):
        case Day(day=day):
            return day, MIDNIGHT, None
        case Clock(reading=reading):
            return reading.date(), reading.time(), None
        case Instant(at=at):
            reading = at.astimezone(ZoneInfo(zone))
            return reading.date(), reading.time(), at
        case _:
            return None


def _moved(rule: DateRule, day: date, shown: time, exact: datetime | None, *, zone: str) -> datetime:
    offset, sign = rule.offset or Length(), -1 if rule.is_before else 1
    seconds = sign * timedelta(seconds=offset.seconds)
    is_moved = bool(offset.months or offset.days)
    if exact is not None and rule.at is None and not is_moved:
        return exact + seconds
    day = add_months(day, sign * offset.months) + sign * timedelta(days=offset.days)
    return first_pass(day, shown if rule.at is None else rule.at, zone=zone) + seconds


def next_in_timetable(cron: str, after: datetime, *, zone: str) -> datetime | None:
    """The first moment later than `after` that a cron expression names; None if none comes in fifty years.

    Times of day follow the module's rule for clocks that are set; what comes every so many minutes or
    hours goes on through it.

    Raises:
        cronsim.CronSimError: it is no cron expression.
    """
    info = ZoneInfo(zone)
    minute, hour = (*cron.split(), "", "")[:2]
    if minute.startswith("*") or hour.startswith("*"):
        return next((at.astimezone(UTC) for at in CronSim(cron, after.astimezone(info))), None)
    begin = (after.astimezone(info) - _DAY).replace(tzinfo=None)  # what a gap moved may still be ahead
    moments = (first_pass(shown.date(), shown.time(), zone=zone) for shown in CronSim(cron, begin))
    return next((at for at in moments if at > after), None)
