"""What the manual says about clocks is what happens: each row of its tables is run."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from journeys.domain.clock import next_date_moment, next_in_timetable
from journeys.domain.definition import parse_journey
from journeys.domain.nodes import DateEntry
from tests.journeys.documents import crm, journey, wait_for
from tests.journeys.story import Story
from tests.test_docs import DOCS, kept_rows

MANUAL = DOCS / "journeys.md"


def there(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def shown(moment: datetime | None, zone: str) -> str:
    return moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M") if moment else "never"


@pytest.mark.parametrize(("until", "zone", "reached", "comes"), kept_rows("clocks", file=MANUAL))
def test_waits_for_a_time(until: str, zone: str, reached: str, comes: str) -> None:
    story = Story(document=journey(steps=[wait_for(until=json.loads(until)), crm()]), zone=zone)
    begin = there(reached, zone)
    story.happens("Cart Updated", when=begin)
    assert shown(story.due_at or begin, zone) == comes


@pytest.mark.parametrize(("value", "rule", "zone", "asked", "comes"), kept_rows("dates", file=MANUAL))
def test_dates(value: str, rule: str, zone: str, asked: str, comes: str) -> None:
    on = parse_journey(journey(entry={"on": {"date": "day", **json.loads(rule)}})).entry.on
    assert isinstance(on, DateEntry)
    found = next_date_moment(on.rule, json.loads(value), after=there(asked, zone), zone=zone)
    assert shown(found, zone) == comes


@pytest.mark.parametrize(("cron", "zone", "after", "comes"), kept_rows("timetables", file=MANUAL))
def test_timetables(cron: str, zone: str, after: str, comes: str) -> None:
    assert shown(next_in_timetable(cron, there(after, zone), zone=zone), zone) == comes
