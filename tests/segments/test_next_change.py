"""The next moment at which an answer can change by time alone is never late, and mostly exact."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from profiles.domain.facts import Facts, Stay, TraitChange
from segments.domain.conditions import Condition
from segments.domain.evaluate import holds
from segments.domain.next_change import next_change
from segments.domain.parse import parse_condition
from tests.segments import worlds
from tests.segments.at_length import at_length
from tests.segments.domain.people import NOW, happened, somebody
from tests.segments.worlds import DAY, TICK, facts_of, hints_of

HOUR = timedelta(hours=1)
WEEK_AGO = {"event": "Order", "during": {"last": "P7D"}}
_QUARTERS = [timedelta(minutes=15) * number for number in range(1, 200)]
_SPANS = [timedelta(), HOUR, DAY, 7 * DAY, 8 * DAY, 28 * DAY, 29 * DAY, 30 * DAY, 31 * DAY, 365 * DAY]


def due(document: Mapping[str, Any], facts: Facts, now: datetime = NOW) -> datetime | None:
    return next_change(parse_condition(dict(document), allow_entry=True), facts, now)


def ordered(*agos: timedelta, **properties: Any) -> Facts:
    return somebody(events=[happened("Order", ago=ago, properties=properties) for ago in agos])


def test_window__the_newest_decides_for_at_least() -> None:
    facts = ordered(DAY, 2 * DAY, 9 * DAY)
    assert due(WEEK_AGO, facts) == NOW + 6 * DAY
    assert due(WEEK_AGO | {"count": {"op": "at_least", "value": 2}}, facts) == NOW + 5 * DAY
    assert due(WEEK_AGO | {"count": {"op": "at_least", "value": 3}}, facts) is None
    assert due(WEEK_AGO | {"count": {"op": "at_most", "value": 1}}, facts) == NOW + 5 * DAY
    assert due(WEEK_AGO | {"count": {"op": "exactly", "value": 1}}, facts) == NOW + 5 * DAY
    assert due({"none": [WEEK_AGO]}, facts) == NOW + 6 * DAY


def test_window__tests_leave_events_out() -> None:
    test = {"property": "n", "op": "is", "value": 1}
    facts = somebody(events=[happened("Order", ago=DAY * n, properties={"n": n}) for n in (1, 2)])
    assert due(WEEK_AGO | {"where": [test]}, facts) == NOW + 6 * DAY
    assert due(WEEK_AGO | {"where": [test | {"value": 2}]}, facts) == NOW + 5 * DAY
    assert due(WEEK_AGO | {"where": [test | {"value": 3}]}, facts) is None


def test_window__what_comes_later_and_what_never_does() -> None:
    assert due({"event": "Order", "during": {"before_last": "P30D"}}, ordered(DAY)) == NOW + 29 * DAY
    assert due({"event": "Order"}, ordered(DAY)) is None
    assert due({"event": "Order"}, ordered(-HOUR)) == NOW + HOUR  # its clock is ahead
    assert due(WEEK_AGO, somebody()) is None
    assert due({"trait": "a", "op": "is", "value": 1}, somebody(traits={"a": 1})) is None


def test_tree__only_what_changes_the_whole() -> None:
    german = {"trait": "country", "op": "is", "value": "DE"}
    assert due({"all": [WEEK_AGO, german]}, ordered(DAY)) is None
    paid = {"event": "Paid", "during": {"last": "P1D"}}
    facts = somebody(events=[happened("Order", ago=DAY), happened("Paid", ago=HOUR)])
    assert due({"any": [WEEK_AGO, paid]}, facts) == NOW + 6 * DAY


def test_stays__begin_end_and_slide() -> None:
    facts = somebody(stays={"vip": [Stay(entered_at=NOW - DAY, left_at=NOW + DAY)]})
    assert due({"segment": "vip", "is": "member"}, facts) == NOW + DAY
    recent = {"segment": "vip", "is": "member", "during": {"last": "PT30H"}}
    assert due(recent, facts) == NOW + 6 * HOUR
    assert due({"segment": "vip", "is": "left", "during": {"last": "P1D"}}, facts) == NOW + DAY


def test_sequence__waits_until_its_time_is_over() -> None:
    not_paid = {"event": "Paid", "within": "P1D", "not": True}
    viewed = [happened("Viewed", ago=HOUR), happened("Viewed", ago=2 * HOUR)]
    asked = {"sequence": [{"event": "Viewed"}, not_paid]}
    assert due(asked, somebody(events=viewed)) == NOW + 22 * HOUR
    paid = happened("Paid", ago=HOUR / 2)
    assert due(asked, somebody(events=[*viewed, paid])) is None
    recent = asked | {"during": {"last": "P2D"}}
    assert due(recent, somebody(events=viewed), NOW + DAY) == NOW + 47 * HOUR


def test_has_been__is_reached() -> None:
    history = {"plan": [TraitChange(at=NOW - DAY, arrival=1, value="trial")]}
    facts = replace(somebody(traits={"plan": "trial"}), trait_history=history)
    asked = {
        "has_been": {"trait": "plan", "op": "is", "value": "trial"},
        "for": {"op": "at_least", "value": "P7D"},
    }
    assert due(asked, facts) == NOW + 6 * DAY
    assert due(asked | {"for": {"op": "less_than", "value": "P7D"}}, facts) == NOW + 6 * DAY
    assert due(asked | {"has_been": {"trait": "plan", "op": "is", "value": "pro"}}, facts) is None


def test_totals_and_positions__turn_when_an_event_goes() -> None:
    events = [happened("Order", ago=DAY * n, properties={"n": n}) for n in (1, 2, 3)]
    total = {"total": "sum", "event": "Order", "property": "n", "during": {"last": "P7D"}, "op": "at_least"}
    assert due(total | {"value": 3}, somebody(events=events)) == NOW + 5 * DAY
    last = {"last": "Order", "had": [{"property": "n", "op": "is", "value": 2}]}
    assert due(last | {"during": {"before_last": "P2D"}}, somebody(events=events), NOW - HOUR) == NOW
    assert due(last, somebody(events=events)) is None


def test_lists_and_shares__wait_for_nobody() -> None:
    facts = replace(somebody(), lists={"beta": [Stay(entered_at=NOW - DAY)]})
    assert due({"list": "beta"}, facts) is None
    assert due({"bucket": "a", "from": 0, "to": 50}, facts) is None
    opened = {"engagement": "opened", "during": {"last": "P7D"}}
    mails = [
        happened("Email Opened", ago=DAY * n, properties={"by": by})
        for n, by in ((1, "machine"), (2, "human"))
    ]
    assert due(opened, somebody(events=mails)) == NOW + 5 * DAY


@pytest.mark.parametrize(
    ("op", "value", "trait", "zone", "expected"),
    [
        ("within_next", "P3D", "2026-11-30T12:00:00Z", "UTC", NOW + 4 * DAY),
        ("within_next", "P3D", "2026-11-24T12:00:00Z", "UTC", NOW + DAY),
        ("within_last", "P3D", "2026-11-22T12:00:00Z", "UTC", NOW + 2 * DAY),
        ("more_than_ago", "P1M", "2026-11-22T12:00:00Z", "UTC", NOW + 29 * DAY),
        ("more_than_ago", "P1D", "2026-11-20", "UTC", None),
        ("anniversary", "today", "1990-11-23", "UTC", NOW + 12 * HOUR),
        ("anniversary", "today", "1990-11-24", "Europe/Berlin", NOW + 11 * HOUR),
        ("anniversary", {"within_next": "P7D"}, "1990-12-02", "UTC", NOW + DAY + 12 * HOUR),
        ("anniversary", "today", "1992-02-29", "UTC", datetime(2027, 2, 28, tzinfo=UTC)),
        ("before", "2027-01-01", "2026-01-01", "UTC", None),
        # Clocks go back an hour on 31 October: the day up to its noon is 25 hours long.
        ("more_than_ago", "P1D", "2027-10-30T12:00", "Europe/Berlin", datetime(2027, 10, 31, 11, tzinfo=UTC)),
        ("more_than_ago", "P1D", "9998-12-31", "UTC", datetime(9999, 1, 1, tzinfo=UTC)),
        ("more_than_ago", "P90Y", "9998-12-31", "UTC", None),
    ],
)  # fmt: skip
def test_dates(op: str, value: Any, trait: str, zone: str, expected: datetime | None) -> None:
    facts = somebody(traits={"a": trait}, zone=zone)
    assert due({"trait": "a", "op": op, "value": value}, facts) == expected


def moments(condition: Condition, facts: Facts, now: datetime) -> set[datetime]:
    """Moments at which an answer is likely to turn, found without looking at the condition."""
    edges = {event.ts for event in facts.events_of("*")}
    edges |= {change.at for changes in facts.trait_history.values() for change in changes}
    edges |= {
        edge
        for stays in facts.stays.values()
        for stay in stays
        for edge in (stay.entered_at, stay.left_at)
        if edge
    }
    near = {now + quarter for quarter in _QUARTERS} | {worlds.NOW, worlds.NOW + DAY}
    near |= {edge + sign * span for edge in edges | near for span in _SPANS for sign in (1, -1)}
    return {at + by for at in near for by in (-TICK, timedelta(), TICK) if at + by > now}


def check_never_late(documents: list[dict[str, Any]], facts: Facts, now: datetime) -> None:
    for document in documents:
        condition = parse_condition(document, allow_entry=True)
        answer = holds(condition, facts, now)
        found = next_change(condition, facts, now)
        assert found is None or found > now
        late = [
            at
            for at in sorted(moments(condition, facts, now))
            if (found is None or at < found) and holds(condition, facts, at) is not answer
        ]
        assert late == [], f"{document} of {facts} changes at {late[0]}, not at {found}"


_starts = st.sampled_from([worlds.NOW - ago for ago in (timedelta(), TICK, DAY, 8 * DAY, 30 * DAY)])


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(data=st.data())
def test_next_change__is_never_late(data: st.DataObject) -> None:
    documents = data.draw(st.lists(worlds.trees, min_size=1, max_size=4))
    facts = facts_of(data.draw(worlds.members(hints_of(documents))), at=worlds.NOW)
    if data.draw(st.booleans()):
        facts = replace(facts, event=data.draw(st.sampled_from(list(facts.events_of("*")))))
    check_never_late(documents, facts, data.draw(_starts))


test_next_change__is_never_late_at_length = at_length(test_next_change__is_never_late, examples=1_000)
