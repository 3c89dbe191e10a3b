"""Clocks, checked against a reader that looks at every minute."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSimError
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys.domain.clock import (
    DateRule,
    TimeOfDay,
    Window,
    date_moment,
    first_pass,
    is_open,
    next_closing,
    next_date_moment,
    next_in_timetable,
    next_opening,
    next_time,
)
from segments.domain.values import Length

NEW_YORK, BERLIN, LORD_HOWE, APIA = "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"
MONDAY, FRIDAY, SATURDAY, SUNDAY = 0, 4, 5, 6
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def there(text: str, zone: str, *, fold: int = 0) -> datetime:
    """What a clock shows, as an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def shown(at: datetime, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).strftime("%a %d %b %H:%M")


def on(*days: int) -> frozenset[int]:
    return frozenset(days)


# Nights on which clocks are set: New York on 8 March and 1 November 2026, Berlin on 29 March and 25 October,
# Lord Howe by half an hour on 5 April and 4 October; Apia left 30 December 2011 out.


@pytest.mark.parametrize(
    ("zone", "after", "at", "expected"),
    [
        (NEW_YORK, "2026-03-07 03:00", time(2, 30), "Sun 08 Mar 03:30"),
        (NEW_YORK, "2026-03-08 04:00", time(2, 30), "Mon 09 Mar 02:30"),
        (NEW_YORK, "2026-10-31 20:00", time(1, 30), "Sun 01 Nov 01:30"),
        (BERLIN, "2026-03-28 12:00", time(2, 15), "Sun 29 Mar 03:15"),
        (LORD_HOWE, "2026-10-03 12:00", time(2, 10), "Sun 04 Oct 02:40"),
        (LORD_HOWE, "2026-10-03 12:00", time(2, 40), "Sun 04 Oct 02:40"),
        (BERLIN, "2028-02-28 12:00", time(9), "Tue 29 Feb 09:00"),
        (BERLIN, "2027-02-28 12:00", time(9), "Mon 01 Mar 09:00"),
        (BERLIN, "2026-06-01 09:00", time(9), "Tue 02 Jun 09:00"),
    ],
)
def test_next_time(zone: str, after: str, at: time, expected: str) -> None:
    assert shown(next_time(TimeOfDay(at=at), there(after, zone), zone=zone), zone) == expected


def test_next_time__a_doubled_hour_is_its_first_pass_and_once_a_day() -> None:
    wanted = TimeOfDay(at=time(1, 30))
    first = next_time(wanted, there("2026-10-31 20:00", NEW_YORK), zone=NEW_YORK)
    assert first == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert shown(next_time(wanted, first, zone=NEW_YORK), NEW_YORK) == "Mon 02 Nov 01:30"


def test_next_time__a_weekday_that_a_zone_left_out() -> None:
    """The Friday of 16:00 was over before it began: it is read on the clock as it was."""
    wanted = TimeOfDay(at=time(16), days=on(FRIDAY))
    moved = next_time(wanted, there("2011-12-29 12:00", APIA), zone=APIA)
    assert shown(moved, APIA) == "Sat 31 Dec 16:00"
    assert shown(next_time(wanted, moved, zone=APIA), APIA) == "Fri 06 Jan 16:00"


NIGHT = Window(start=time(21), end=time(8))


@pytest.mark.parametrize(
    ("window", "zone", "now", "opens", "closes"),
    [
        pytest.param(
            Window(start=time(8), end=time(10)),
            BERLIN,
            "2026-06-01 07:00",
            "Mon 01 Jun 08:00",
            "Mon 01 Jun 07:00",
            id="before it",
        ),
        pytest.param(
            Window(start=time(8), end=time(10)),
            BERLIN,
            "2026-06-01 09:59",
            "Mon 01 Jun 09:59",
            "Mon 01 Jun 10:00",
            id="inside: at once",
        ),
        pytest.param(
            Window(start=time(8), end=time(10)),
            BERLIN,
            "2026-06-01 10:00",
            "Tue 02 Jun 08:00",
            "Mon 01 Jun 10:00",
            id="its end is outside",
        ),
        pytest.param(
            Window(start=time(8), end=time(10), days=on(FRIDAY, SATURDAY)),
            BERLIN,
            "2026-06-01 09:00",
            "Fri 05 Jun 08:00",
            "Mon 01 Jun 09:00",
            id="another day",
        ),
        pytest.param(
            NIGHT, BERLIN, "2026-06-01 23:00", "Mon 01 Jun 23:00", "Tue 02 Jun 08:00", id="overnight"
        ),
        pytest.param(
            NIGHT, BERLIN, "2026-06-02 07:59", "Tue 02 Jun 07:59", "Tue 02 Jun 08:00", id="after midnight"
        ),
        pytest.param(
            Window(start=time(21), end=time(8), days=on(SATURDAY)),
            BERLIN,
            "2026-06-06 07:00",
            "Sat 06 Jun 21:00",
            "Sat 06 Jun 07:00",
            id="the morning of its day belongs to the night before",
        ),
        pytest.param(
            Window(start=time(21), end=time(8), days=on(SATURDAY)),
            BERLIN,
            "2026-06-07 07:00",
            "Sun 07 Jun 07:00",
            "Sun 07 Jun 08:00",
            id="the morning after its day",
        ),
        pytest.param(
            Window(days=on(SATURDAY, SUNDAY)),
            NEW_YORK,
            "2026-11-01 10:00",
            "Sun 01 Nov 10:00",
            "Mon 02 Nov 00:00",
            id="whole days, one of 25 hours",
        ),
        pytest.param(
            Window(start=time(18)),
            BERLIN,
            "2026-06-01 12:00",
            "Mon 01 Jun 18:00",
            "Mon 01 Jun 12:00",
            id="from",
        ),
        pytest.param(
            Window(end=time(6)), BERLIN, "2026-06-01 12:00", "Tue 02 Jun 00:00", "Mon 01 Jun 12:00", id="to"
        ),
        pytest.param(
            Window(start=time(2, 10), end=time(2, 50)),
            NEW_YORK,
            "2026-03-08 00:00",
            "Mon 09 Mar 02:10",
            "Sun 08 Mar 00:00",
            id="wholly in the gap: not that day",
        ),
        pytest.param(
            Window(start=time(2, 30), end=time(4)),
            NEW_YORK,
            "2026-03-08 00:00",
            "Sun 08 Mar 03:00",
            "Sun 08 Mar 00:00",
            id="begins in the gap",
        ),
        pytest.param(
            Window(start=time(21), end=time(2, 30)),
            NEW_YORK,
            "2026-03-08 00:00",
            "Sun 08 Mar 00:00",
            "Sun 08 Mar 03:00",
            id="ends in the gap: where it is over",
        ),
    ],
)
def test_windows(window: Window, zone: str, now: str, opens: str, closes: str) -> None:
    at = there(now, zone)
    assert shown(next_opening(window, at, zone=zone), zone) == opens
    closing = next_closing(window, at, zone=zone)
    assert closing is not None
    assert shown(closing, zone) == closes


def test_windows__the_second_pass_is_open_again() -> None:
    quiet = Window(start=time(1, 5), end=time(1, 30))
    second = there("2026-11-01 01:10", NEW_YORK, fold=1)
    assert is_open(quiet, second, zone=NEW_YORK)
    after_first = there("2026-11-01 01:40", NEW_YORK)
    assert next_opening(quiet, after_first, zone=NEW_YORK) == there("2026-11-01 01:05", NEW_YORK, fold=1)


def test_windows__one_that_never_closes() -> None:
    assert next_closing(Window(), there("2026-06-01 12:00", BERLIN), zone=BERLIN) is None
    assert (
        next_closing(Window(start=time(8), end=time(8)), there("2026-06-01 12:00", BERLIN), zone=BERLIN)
        is None
    )


# Around nights on which clocks are set, and around a leap day.
_NIGHTS: Sequence[tuple[str, datetime]] = [
    (NEW_YORK, datetime(2026, 3, 8, 7, tzinfo=UTC)),
    (NEW_YORK, datetime(2026, 11, 1, 6, tzinfo=UTC)),
    (BERLIN, datetime(2026, 3, 29, 1, tzinfo=UTC)),
    (BERLIN, datetime(2026, 10, 25, 1, tzinfo=UTC)),
    (LORD_HOWE, datetime(2026, 4, 4, 15, tzinfo=UTC)),
    (LORD_HOWE, datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    (BERLIN, datetime(2028, 2, 28, 23, tzinfo=UTC)),
    (APIA, datetime(2011, 12, 30, 10, tzinfo=UTC)),
]
nights = st.sampled_from(_NIGHTS)
minutes = st.integers(min_value=-36 * 60, max_value=36 * 60)
times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 1, 10, 29, 30, 31, 45, 59]))
weekdays = st.frozensets(st.integers(0, 6), min_size=1)
windows = st.builds(Window, start=times, end=times, days=weekdays)


def reads_as_open(window: Window, at: datetime, zone: str) -> bool:
    """By the definition: the reading lies in the window that began on some day."""
    reading = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    for back in (0, 1):
        day = reading.date() - back * DAY
        if day.weekday() not in window.days:
            continue
        begin = datetime.combine(day, window.start)
        end = datetime.combine(day, window.end)
        if begin <= reading < (end if begin < end else end + DAY):
            return True
    return False


@given(night=nights, around=minutes, window=windows)
@settings(max_examples=300, deadline=None)
def test_windows__as_minute_by_minute(night: tuple[str, datetime], around: int, window: Window) -> None:
    zone, at = night
    now = at + around * MINUTE
    opened = next_opening(window, now, zone=zone)
    closed = next_closing(window, now, zone=zone)
    for minute in range(2 * 24 * 60):
        one = now + minute * MINUTE
        if reads_as_open(window, one, zone):
            assert opened <= one
            assert closed is None or closed != one
        else:
            assert opened != one
            assert closed is not None
            assert closed <= one
        if opened < one and closed is not None and closed < one:
            return


@given(night=nights, around=minutes, at=times, days=weekdays)
@settings(max_examples=300, deadline=None)
def test_next_time__shows_the_time_or_an_hour_that_was_skipped(
    night: tuple[str, datetime], around: int, at: time, days: frozenset[int]
) -> None:
    zone, moment = night
    after = moment + around * MINUTE
    found = next_time(TimeOfDay(at=at, days=days), after, zone=zone)
    assert after < found <= after + 16 * DAY
    reading = found.astimezone(ZoneInfo(zone))
    if reading.time() != at:
        skipped = datetime.combine(reading.date(), at, tzinfo=ZoneInfo(zone))
        assert zone == APIA or skipped.astimezone(UTC) == found
    else:
        assert reading.fold == 0
        assert reading.weekday() in days or zone == APIA
    # No day in between was left out.
    for ahead in range(-1, 17):
        day = after.astimezone(ZoneInfo(zone)).date() + ahead * DAY
        if day.weekday() in days:
            assert not after < first_pass(day, at, zone=zone) < found


# Dates


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        (DateRule(), "2026-06-10", "Wed 10 Jun 00:00"),
        (DateRule(offset=Length(days=7), is_before=True, at=time(9)), "2026-06-10", "Wed 03 Jun 09:00"),
        (DateRule(offset=Length(days=1)), "2026-06-10T18:30", "Thu 11 Jun 18:30"),
        (DateRule(offset=Length(seconds=3600)), "2026-06-10T18:30", "Wed 10 Jun 19:30"),
        (DateRule(), "2026-06-10T18:30:00Z", "Wed 10 Jun 20:30"),
        (DateRule(at=time(9)), "2026-06-10T23:30:00Z", "Thu 11 Jun 09:00"),
        (DateRule(offset=Length(months=1), is_before=True), "2028-03-31", "Tue 29 Feb 00:00"),
        (DateRule(offset=Length(months=12)), "2028-02-29", "Wed 28 Feb 00:00"),
        (DateRule(offset=Length(days=1)), "2026-03-28T02:30", "Sun 29 Mar 03:30"),
        (DateRule(offset=Length(days=1), at=time(2, 30)), "2026-10-24", "Sun 25 Oct 02:30"),
        (DateRule(), 1_781_086_200, "Wed 10 Jun 12:10"),
    ],
)
def test_date_moment(rule: DateRule, value: object, expected: str) -> None:
    found = date_moment(rule, value, zone=BERLIN)
    assert found is not None
    assert shown(found, BERLIN) == expected


@pytest.mark.parametrize("value", [None, "soon", True, [], "2026-02-30", "9998-12-31"])
def test_date_moment__no_date(value: object) -> None:
    assert date_moment(DateRule(offset=Length(days=36_000)), value, zone=BERLIN) is None


@pytest.mark.parametrize(
    ("rule", "value", "after", "expected"),
    [
        (DateRule(), "2026-06-10", "2026-06-09 23:59", "2026-06-10 00:00"),
        (DateRule(), "2026-06-10", "2026-06-10 00:00", None),
        (DateRule(is_yearly=True), "1990-06-10", "2026-06-10 00:00", "2027-06-10 00:00"),
        (DateRule(is_yearly=True, at=time(9)), "1992-02-29", "2026-06-10 00:00", "2027-02-28 09:00"),
        (DateRule(is_yearly=True, at=time(9)), "1992-02-29", "2027-06-10 00:00", "2028-02-29 09:00"),
        (
            DateRule(is_yearly=True, offset=Length(days=7), is_before=True),
            "1990-01-03",
            "2026-06-10 00:00",
            "2026-12-27 00:00",
        ),
        (DateRule(is_yearly=True), "2030-06-10", "2026-06-10 00:00", "2030-06-10 00:00"),
        (DateRule(is_yearly=True), "soon", "2026-06-10 00:00", None),
    ],
)
def test_next_date_moment(rule: DateRule, value: str, after: str, expected: str | None) -> None:
    found = next_date_moment(rule, value, after=there(after, BERLIN), zone=BERLIN)
    assert found == (there(expected, BERLIN) if expected else None)


@given(day=st.dates(date(1950, 1, 1), date(2030, 1, 1)), after=st.dates(date(2020, 1, 1), date(2030, 1, 1)))
@settings(deadline=None)
def test_next_date_moment__every_year_once(day: date, after: date) -> None:
    rule = DateRule(is_yearly=True, at=time(9))
    now = first_pass(after, time(), zone=NEW_YORK)
    found = next_date_moment(rule, day.isoformat(), after=now, zone=NEW_YORK)
    assert found is not None
    back = found.astimezone(ZoneInfo(NEW_YORK)).date()
    leaps = (day.month, day.day) == (2, 29) and (back.month, back.day) == (2, 28)
    assert (back.month, back.day) == (day.month, day.day) or leaps
    assert found > now
    assert found <= now + 367 * DAY or back == day


# Timetables


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        ("0 9 * * MON", BERLIN, "2026-06-01 09:00", ["Mon 08 Jun 09:00", "Mon 15 Jun 09:00"]),
        ("30 2 * * *", NEW_YORK, "2026-03-07 12:00", ["Sun 08 Mar 03:30", "Mon 09 Mar 02:30"]),
        ("30 1 * * *", NEW_YORK, "2026-10-31 12:00", ["Sun 01 Nov 01:30", "Mon 02 Nov 01:30"]),
        ("0 8 29 2 *", BERLIN, "2026-06-01 12:00", ["Tue 29 Feb 08:00"]),
        ("0 0 L * *", BERLIN, "2026-02-01 12:00", ["Sat 28 Feb 00:00", "Tue 31 Mar 00:00"]),
        ("*/30 * * * *", NEW_YORK, "2026-03-08 01:29", ["Sun 08 Mar 01:30", "Sun 08 Mar 03:00"]),
        (
            "*/30 1 * * *",
            NEW_YORK,
            "2026-11-01 01:10",
            ["Sun 01 Nov 01:30", "Sun 01 Nov 01:00", "Sun 01 Nov 01:30"],
        ),
    ],
)
def test_next_in_timetable(cron: str, zone: str, after: str, expected: list[str]) -> None:
    now, found = there(after, zone), []
    for _ in expected:
        following = next_in_timetable(cron, now, zone=zone)
        assert following is not None
        assert following > now
        now = following
        found.append(shown(now, zone))
    assert found == expected


def test_next_in_timetable__never() -> None:
    assert next_in_timetable("0 0 30 2 MON#1", there("2026-06-01 12:00", BERLIN), zone=BERLIN) is not None
    with pytest.raises(CronSimError):
        next_in_timetable("0 0 30 2 *", there("2026-06-01 12:00", BERLIN), zone=BERLIN)
    with pytest.raises(CronSimError):
        next_in_timetable("often", there("2026-06-01 12:00", BERLIN), zone=BERLIN)
