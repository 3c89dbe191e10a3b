"""Each kind of step, and what the settings make of it."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from journeys.domain.engine import Outcome
from journeys.domain.settings import Company
from profiles.domain.facts import Stay
from tests.journeys.documents import (
    Document,
    branch,
    case,
    crm,
    go_to,
    is_vip,
    list_change,
    repeat,
    send,
    split,
    wait,
    wait_for,
)
from tests.journeys.story import (
    BERLIN,
    LORD_HOWE,
    NEW_YORK,
    NOON,
    TOKYO,
    Story,
    at,
    reasons,
    shown,
    there,
    told,
)

MARKETING = send(message_class="marketing")
ORDERED = {"event": "Order Completed", "during": {"since": "entry"}}


# Waits for a time on the clock


@pytest.mark.parametrize(
    ("until", "zone", "entered", "goes_on"),
    [
        ({"at": "16:00", "days": ["fri"]}, BERLIN, "2026-03-02 12:00", "2026-03-06 16:00"),
        ({"at": "16:00"}, BERLIN, "2026-03-02 16:00", "2026-03-03 16:00"),
        ({"at": "02:30"}, NEW_YORK, "2026-03-07 12:00", "2026-03-08 03:30"),
        ({"at": "01:30"}, NEW_YORK, "2026-10-31 12:00", "2026-11-01 01:30"),
        ({"at": "02:15"}, LORD_HOWE, "2026-10-03 12:00", "2026-10-04 02:45"),
        ({"at": "09:00"}, BERLIN, "2028-02-28 12:00", "2028-02-29 09:00"),
        ({"from": "08:00", "to": "10:00"}, BERLIN, "2026-03-02 07:00", "2026-03-02 08:00"),
        ({"from": "08:00", "to": "10:00"}, BERLIN, "2026-03-02 09:59", "2026-03-02 09:59"),
        ({"from": "08:00", "to": "10:00"}, BERLIN, "2026-03-02 10:00", "2026-03-03 08:00"),
        ({"from": "22:00", "to": "02:00"}, BERLIN, "2026-03-02 01:59", "2026-03-02 01:59"),
        ({"from": "22:00", "to": "02:00"}, BERLIN, "2026-03-02 02:00", "2026-03-02 22:00"),
        ({"from": "22:00", "to": "02:00", "days": ["sat"]}, BERLIN, "2026-03-08 01:00", "2026-03-08 01:00"),
        ({"from": "02:10", "to": "02:50"}, NEW_YORK, "2026-03-07 12:00", "2026-03-09 02:10"),
        ({"from": "18:00"}, BERLIN, "2026-03-02 23:59", "2026-03-02 23:59"),
        ({"to": "06:00"}, BERLIN, "2026-03-02 23:59", "2026-03-03 00:00"),
        ({"days": ["sat", "sun"]}, NEW_YORK, "2026-03-02 12:00", "2026-03-07 00:00"),
    ],
)
def test_wait__for_a_time(until: Document, zone: str, entered: str, goes_on: str) -> None:
    story = told(wait_for(until=until), crm())
    story.zone = zone
    begin, end = there(entered, zone), there(goes_on, zone)
    story.happens("Cart Updated", when=begin)
    if end > begin:
        assert story.due_at == end
        assert not story.passes(until=end - timedelta(microseconds=1)).sent
        story.passes(until=end)
    assert story.sent_at == [end]


@pytest.mark.parametrize(
    ("setting", "goes_on"),
    [
        (None, "2026-03-03 00:00"),  # the person's own: Tokyo
        ("person", "2026-03-03 00:00"),
        ("company", "2026-03-02 16:00"),
        ("America/New_York", "2026-03-02 22:00"),
    ],
)
def test_wait__by_whose_clock(setting: str | None, goes_on: str) -> None:
    settings = {"time_zone": setting} if setting else None
    hour = {"company": "16:00", "America/New_York": "16:00"}.get(setting or "", "08:00")
    story = told(wait_for(until={"at": hour}), settings=settings)
    story.zone, story.company = TOKYO, Company(zone=BERLIN)
    story.happens("Cart Updated", when=there("2026-03-02 12:00", BERLIN))
    assert shown(story.due_at, BERLIN) == goes_on


# Waits for a date

RENEWAL = wait_for(until_date={"trait": "renewal", "offset": "-P7D", "at": "09:00"})
OR_LEAVE = wait_for(until_date={"trait": "renewal", "offset": "-P7D", "at": "09:00", "otherwise": "exit"})


def renewing(value: object, *, step: Document = RENEWAL) -> Story:
    story = told(step, crm())
    story.traits = {"renewal": value}
    return story.happens("Cart Updated")


def test_wait__for_a_date() -> None:
    story = renewing("2026-04-01")
    assert story.due_at == datetime(2026, 3, 25, 9, tzinfo=UTC)
    story.passes(until=at(days=60))
    assert story.sent_at == [datetime(2026, 3, 25, 9, tzinfo=UTC)]
    assert reasons(story, Outcome.WAITED) == [""]


def test_wait__for_a_date_that_moves() -> None:
    story = renewing("2026-04-01").changes(when=at(days=1), renewal="2026-05-01")
    assert story.due_at == datetime(2026, 4, 24, 9, tzinfo=UTC)
    story.changes(when=at(days=2), renewal="2026-03-20")
    assert story.due_at == datetime(2026, 3, 13, 9, tzinfo=UTC)
    story.changes(when=at(days=2, hours=1), other="x")
    story.passes(until=at(days=60))
    assert reasons(story, Outcome.WAITING) == [
        "2026-03-25T09:00:00+00:00",
        "2026-04-24T09:00:00+00:00",
        "2026-03-13T09:00:00+00:00",
    ]
    assert story.sent_at == [datetime(2026, 3, 13, 9, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("value", "reason"),
    [("2026-03-05", "past_date"), (None, "no_date"), ("soon", "no_date"), ({"a": 1}, "no_date")],
)
def test_wait__for_a_date_that_is_over_or_none(value: object, reason: str) -> None:
    going = renewing(value)
    assert reasons(going, Outcome.WAITED) == [reason]
    assert len(going.sent) == 1
    leaving = renewing(value, step=OR_LEAVE)
    assert reasons(leaving, Outcome.EXITED) == [reason]
    assert leaving.sent == []
    assert leaving.state is None


def test_wait__for_a_date_that_is_now_is_on_time() -> None:
    story = renewing("2026-03-09T12:00", step=wait_for(until_date={"trait": "renewal", "offset": "-P7D"}))
    assert reasons(story, Outcome.WAITED) == [""]


def test_wait__for_a_date_that_goes_while_waiting() -> None:
    story = renewing("2026-04-01").changes(when=at(days=1), renewal=None)
    assert reasons(story, Outcome.WAITED) == ["no_date"]
    story = renewing("2026-04-01", step=OR_LEAVE).changes(when=at(days=1), renewal="2026-01-01")
    assert reasons(story, Outcome.EXITED) == ["past_date"]


# Split


def test_split__shares_are_kept_and_the_same_again() -> None:
    document = split(variants={"A": (30, [crm("a")]), "B": (60, [crm("b")])}, hold_out=10)
    taken: Counter[str] = Counter()
    for number in range(3000):
        story = told(document, crm("below"))
        story.uuid = UUID(int=number)
        story.happens("Cart Updated")
        (way,) = reasons(story, Outcome.SPLIT)
        assert [sent.step for sent in story.sent] == [*{"A": ["a"], "B": ["b"]}.get(way, []), "below"]
        taken[way] += 1
    assert abs(taken["A"] - 900) < 100
    assert abs(taken["B"] - 1800) < 100
    assert abs(taken["hold_out"] - 300) < 60


@pytest.mark.parametrize(
    ("variants", "hold_out", "way"),
    [({"A": (100, [])}, 0, "A"), ({"A": (0, []), "B": (100, [])}, 0, "B"), ({"A": (0, [])}, 100, "hold_out")],
)
def test_split__edges(variants: dict[str, tuple[float, list[Document]]], hold_out: float, way: str) -> None:
    for number in range(50):
        story = told(split(variants=variants, hold_out=hold_out))
        story.uuid = UUID(int=number)
        assert reasons(story.happens("Cart Updated"), Outcome.SPLIT) == [way]


# Repeat


def test_repeat__so_many_times() -> None:
    story = told(repeat(steps=[crm("a"), wait("w", length="P1D")], times=3), crm("below"))
    story.happens("Cart Updated").passes(until=at(days=10))
    assert [(sent.step, moment) for sent, moment in zip(story.sent, story.sent_at, strict=True)] == [
        ("a", at()),
        ("a", at(days=1)),
        ("a", at(days=2)),
        ("below", at(days=3)),
    ]
    assert len({(sent.step, sent.visit) for sent in story.sent}) == 4
    assert reasons(story, Outcome.REPEATED) == ["1", "2", "3", "times"]


def test_repeat__until_is_asked_before_each_round() -> None:
    story = told(repeat(steps=[crm("a"), wait("w", length="P1D")], times=9, until=ORDERED), crm("below"))
    story.happens("Cart Updated").happens("Order Completed", when=at(days=1, hours=1))
    assert [sent.step for sent in story.sent] == ["a", "a"]  # in the middle of a round it goes on
    story.passes(until=at(days=10))
    assert [sent.step for sent in story.sent] == ["a", "a", "below"]
    assert reasons(story, Outcome.REPEATED) == ["1", "2", "until"]
    told_again = told(repeat(steps=[crm("a")], until=is_vip()))
    told_again.traits = {"vip": True}
    assert told_again.happens("Cart Updated").sent == []


def test_repeat__inside_of_each_other_and_of_branches() -> None:
    inner = repeat("inner", steps=[branch(cases=[case("V", condition=is_vip(), steps=[crm("a")])])], times=2)
    story = told(repeat("outer", steps=[inner, wait("w", length="PT1H")], times=3))
    story.traits = {"vip": True}
    story.happens("Cart Updated").passes(until=at(days=1))
    assert story.sent_at == [at()] * 2 + [at(hours=1)] * 2 + [at(hours=2)] * 2
    assert story.state is None


def test_repeat__a_hundred_rounds_at_once() -> None:
    story = told(repeat(steps=[crm("a")], times=100)).happens("Cart Updated").passes(until=NOON)
    assert len(story.sent) == 100
    assert story.state is None


# Lists, journeys


def test_list__later_steps_see_it() -> None:
    on_list = {"list": "beta"}
    ways = [
        list_change("l1"),
        branch("b1", cases=[case("On", condition=on_list, steps=[crm("on")])]),
        list_change("l2", change="remove"),
        branch("b2", cases=[case("On", condition=on_list, steps=[crm("still")])], otherwise=[crm("off")]),
    ]
    story = told(*ways).happens("Cart Updated")
    assert [sent.step for sent in story.sent] == ["on", "off"]
    assert [(write.list, write.is_added) for write in story.decisions[-1].list_writes] == [
        ("beta", True),
        ("beta", False),
    ]
    assert (Outcome.LISTED, "l1", "beta") in story.outcomes
    assert (Outcome.UNLISTED, "l2", "beta") in story.outcomes


def test_list__taking_off_somebody_who_is_not_on_it() -> None:
    story = told(
        list_change(change="remove"), branch(cases=[case("On", condition={"list": "beta"}, steps=[])])
    )
    story.lists = {"beta": (Stay(entered_at=at(days=-9), left_at=at(days=-8)),)}
    assert reasons(story.happens("Cart Updated"), Outcome.BRANCHED) == ["else"]


def test_go_to_journey__ends_this_run() -> None:
    story = told(go_to()).happens("Cart Updated")
    assert story.state is None
    assert story.decisions[-1].goes_to == "other"
    assert (Outcome.MOVED_ON, "j", "other") in story.outcomes
    ending = story.decisions[-1].ending
    assert ending is not None
    assert (ending.outcome, ending.reason) == (Outcome.MOVED_ON, "other")
