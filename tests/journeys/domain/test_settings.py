"""Places in throttles, and whose clock it is."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys.domain.settings import Company, Settings, Throttle, first_period, zone_of

NOON = datetime(2026, 6, 1, 12, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
BEGUN = NOON - timedelta(minutes=20)


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        ({}, BEGUN),
        ({BEGUN: 1}, BEGUN),
        ({BEGUN: 2}, BEGUN + HOUR),
        ({BEGUN: 2, BEGUN + HOUR: 2}, BEGUN + 2 * HOUR),
        ({BEGUN - HOUR: 2}, BEGUN),  # over
        ({BEGUN + HOUR: 2}, BEGUN),
    ],
)
def test_first_period(taken: dict[datetime, int], expected: datetime) -> None:
    assert first_period(Throttle(most=2, per=HOUR), taken, NOON) == expected


@given(
    most=st.integers(1, 5),
    minutes=st.integers(1, 5000),
    asked=st.lists(st.integers(0, 10_000), max_size=60),
)
def test_first_period__no_period_ever_holds_more(most: int, minutes: int, asked: list[int]) -> None:
    throttle = Throttle(most=most, per=timedelta(minutes=minutes))
    taken: dict[datetime, int] = {}
    for minute in sorted(asked):
        now = NOON + timedelta(minutes=minute)
        begins_at = first_period(throttle, taken, now)
        assert begins_at + throttle.per > now
        taken[begins_at] = taken.get(begins_at, 0) + 1
    assert all(count <= most for count in taken.values())


@pytest.mark.parametrize(
    ("setting", "zone"),
    [("person", "Asia/Tokyo"), ("company", "Europe/Berlin"), ("America/New_York", "America/New_York")],
)
def test_zone_of(setting: str, zone: str) -> None:
    company = Company(zone="Europe/Berlin")
    assert zone_of(Settings(time_zone=setting), person="Asia/Tokyo", company=company) == zone
