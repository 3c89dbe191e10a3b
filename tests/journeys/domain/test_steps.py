"""Each kind of step, and what the settings make of it."""

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from connectors.domain.message import MessageClass
from journeys.domain.clock import Window
from journeys.domain.engine import Outcome
from journeys.domain.settings import Cap, Company, QuietHours, Sent, Throttle
from profiles.domain.facts import Stay
from tests.journeys.documents import (
    Document,
    branch,
    case,
    crm,
    go_to,
    is_vip,
    journey,
    list_change,
    repeat,
    send,
    set_trait,
    split,
    wait,
    wait_for,
    wait_until,
)
from tests.journeys.story import NOON, Story, at

NEW_YORK, BERLIN, LORD_HOWE, TOKYO = "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Tokyo"
MARKETING = send(message_class="marketing")
ORDERED = {"event": "Order Completed", "during": {"since": "entry"}}


def told(*steps: Document, settings: Document | None = None, goal: Document | None = None) -> Story:
    return Story(document=journey(steps=list(steps), settings=settings, goal=goal))


def there(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def shown(moment: datetime | None, zone: str) -> str:
    assert moment is not None
    return moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


def kinds(story: Story) -> list[str]:
    return [outcome.value for outcome, _step, _reason in story.outcomes]


def reasons(story: Story, outcome: Outcome) -> list[str]:
    return [reason for each, _step, reason in story.outcomes if each is outcome]


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


# Quiet hours

NIGHT = {"quiet_hours": {"from": "21:00", "to": "08:00"}}


def willing(*steps: Document, settings: Document | None = None, goal: Document | None = None) -> Story:
    story = told(*steps, settings=settings, goal=goal)
    story.consent = {"email_marketing": True}
    return story


@pytest.mark.parametrize(
    ("zone", "night", "decided", "leaves"),
    [
        (BERLIN, NIGHT, "2026-03-02 20:59", "2026-03-02 20:59"),
        (BERLIN, NIGHT, "2026-03-02 21:00", "2026-03-03 08:00"),
        (BERLIN, NIGHT, "2026-03-03 07:59", "2026-03-03 08:00"),
        (BERLIN, NIGHT, "2026-03-03 08:00", "2026-03-03 08:00"),
        (NEW_YORK, NIGHT, "2026-03-07 23:00", "2026-03-08 08:00"),
        (NEW_YORK, {"quiet_hours": {"from": "21:00", "to": "02:30"}}, "2026-03-07 23:00", "2026-03-08 03:00"),
        (BERLIN, {"quiet_hours": {"days": ["sat", "sun"]}}, "2026-03-07 12:00", "2026-03-09 00:00"),
        (
            BERLIN,
            {"quiet_hours": {"from": "21:00", "to": "08:00", "days": ["sat"]}},
            "2026-03-06 23:00",
            "2026-03-06 23:00",
        ),
        (TOKYO, {**NIGHT, "time_zone": "Europe/Berlin"}, "2026-03-02 22:00", "2026-03-02 22:00"),
    ],
)
def test_quiet_hours(zone: str, night: Document, decided: str, leaves: str) -> None:
    story = willing(MARKETING, crm("after"), settings=night)
    story.zone = zone
    now, then = there(decided, zone), there(leaves, zone)
    story.happens("Cart Updated", when=now)
    if then > now:
        assert reasons(story, Outcome.HELD) == ["quiet_hours"]
        assert story.sent == []
        story.passes(until=then)
    assert story.sent_at == [then, then]
    assert [(sent.step, sent.visit) for sent in story.sent] == [("s", 1), ("after", 2)]


def test_quiet_hours__of_other_classes_do_not_count() -> None:
    story = willing(send(), settings=NIGHT).happens("Cart Updated", when=at(hours=10))
    assert len(story.sent) == 1
    loud = {"quiet_hours": {"from": "21:00", "to": "08:00", "classes": ["service"]}}
    assert willing(send(), settings=loud).happens("Cart Updated", when=at(hours=10)).sent == []


def test_quiet_hours__what_talks_to_systems_does_not_wait() -> None:
    loud = {"quiet_hours": {"from": "21:00", "to": "08:00", "classes": ["service"]}}
    assert len(willing(crm(), settings=loud).happens("Cart Updated", when=at(hours=10)).sent) == 1


def test_quiet_hours__everything_is_asked_again() -> None:
    story = willing(MARKETING, settings=NIGHT).happens("Cart Updated", when=at(hours=10))
    story.consent = {"email_marketing": False}
    story.passes(until=at(days=1))
    assert story.sent == []
    assert reasons(story, Outcome.NOT_SENT) == ["consent_denied"]


def test_quiet_hours__the_goal_is_asked_meanwhile() -> None:
    story = willing(MARKETING, settings=NIGHT, goal=ORDERED).happens("Cart Updated", when=at(hours=10))
    story.happens("Order Completed", when=at(hours=12)).passes(until=at(days=1))
    assert story.sent == []
    assert kinds(story)[-1] == "converted"


def test_quiet_hours__a_message_meanwhile_changes_nothing() -> None:
    story = willing(MARKETING, settings=NIGHT).happens("Cart Updated", when=at(hours=10))
    story.happens("Page Viewed", when=at(hours=11))
    assert reasons(story, Outcome.HELD) == ["quiet_hours"]
    assert story.due_at == at(hours=20)


def test_quiet_hours__of_the_company_follow_those_of_the_journey() -> None:
    story = willing(MARKETING, settings={"quiet_hours": {"from": "21:00", "to": "06:00"}})
    morning = QuietHours(window=Window(start=time(5), end=time(9)))
    story.company = Company(quiet_hours=morning)
    story.happens("Cart Updated", when=at(hours=10)).passes(until=at(days=1))
    assert story.sent_at == [at(hours=21)]


def test_quiet_hours__go_by_the_time_it_is() -> None:
    story = willing(MARKETING, settings=NIGHT)
    story.lag = timedelta(hours=10)  # the drain stood still: it is 22:00 when noon is decided
    story.happens("Cart Updated")
    assert story.sent == []
    assert story.due_at == at(hours=20)


def test_quiet_hours__a_goals_own_message_is_held_too() -> None:
    goal = {"if": ORDERED, "steps": [crm("deal"), {**MARKETING, "id": "thanks"}, crm("done")]}
    story = willing(wait("w", length="P9D"), settings=NIGHT, goal=goal)
    story.happens("Cart Updated").happens("Order Completed", when=at(hours=10))
    assert [sent.step for sent in story.sent] == ["deal"]
    assert story.decisions[-1].cancels_queued
    story.happens("Order Completed", when=at(hours=11))
    assert kinds(story).count("converted") == 1
    story.passes(until=at(days=1))
    assert [sent.step for sent in story.sent] == ["deal", "thanks", "done"]
    assert not story.decisions[-1].cancels_queued
    ending = story.decisions[-1].ending
    assert ending is not None
    assert ending.outcome is Outcome.CONVERTED
    assert "finished" not in kinds(story)


# Caps

TWICE_A_WEEK = {"caps": [{"class": "marketing", "most": 2, "per": "P7D"}]}


def earlier(*, days: float, message_class: str = "marketing") -> Sent:
    return Sent(at=at(days=-days), message_class=message_class)


@pytest.mark.parametrize(
    ("others", "is_sent"),
    [
        ([], True),
        ([earlier(days=1)], True),
        ([earlier(days=1), earlier(days=2)], False),
        ([earlier(days=1), earlier(days=7)], True),  # exactly seven days ago is over
        ([earlier(days=1), earlier(days=6.999)], False),
        ([earlier(days=1), earlier(days=2, message_class="service")], True),
    ],
)
def test_caps(others: list[Sent], is_sent: bool) -> None:
    for_journey = willing(MARKETING, settings=TWICE_A_WEEK)
    of_company = willing(MARKETING)
    cap = Cap(message_class=MessageClass.MARKETING, most=2, per=timedelta(days=7))
    of_company.company = Company(caps=(cap,))
    for story in (for_journey, of_company):
        story.others = others
        story.happens("Cart Updated")
        assert len(story.sent) == int(is_sent)
        assert reasons(story, Outcome.NOT_SENT) == ([] if is_sent else ["cap"])


def test_caps__count_what_the_same_decision_sends() -> None:
    sends = [{**MARKETING, "id": f"s{number}"} for number in range(4)]
    story = willing(*sends, crm(), settings=TWICE_A_WEEK).happens("Cart Updated")
    assert [sent.step for sent in story.sent] == ["s0", "s1", "c"]


def test_caps__are_asked_again_in_the_morning() -> None:
    story = willing(MARKETING, settings={**NIGHT, **TWICE_A_WEEK}).happens("Cart Updated", when=at(hours=10))
    story.others = [earlier(days=0), earlier(days=0)]
    assert reasons(story.passes(until=at(days=1)), Outcome.NOT_SENT) == ["cap"]


# Throttle

SLOWLY = {"throttle": {"per": "PT1H", "most": 1000}}


def test_throttle__holds_and_keeps_a_place() -> None:
    asked = []

    def place(channel: str, throttle: Throttle, now: datetime) -> datetime:
        asked.append((channel, throttle.most, now))
        return at(hours=2)

    story = willing(MARKETING, settings=SLOWLY)
    story.place = place
    story.happens("Cart Updated").happens("Page Viewed", when=at(hours=1)).passes(until=at(hours=3))
    assert asked == [("email", 1000, NOON)]
    assert reasons(story, Outcome.HELD) == ["throttle"]
    assert story.sent_at == [at(hours=2)]


def test_throttle__consent_is_asked_first_and_again() -> None:
    story = told(MARKETING, settings=SLOWLY)

    def place(channel: str, throttle: Throttle, now: datetime) -> datetime:
        raise AssertionError("nobody without consent takes a place")

    story.place = place
    assert reasons(story.happens("Cart Updated"), Outcome.NOT_SENT) == ["consent_unset"]


def test_throttle__a_place_in_the_night_is_given_up() -> None:
    places = iter([at(hours=10), at(hours=20)])
    story = willing(MARKETING, settings={**SLOWLY, **NIGHT})
    story.place = lambda channel, throttle, now: next(places)
    story.happens("Cart Updated").passes(until=at(days=1))
    assert reasons(story, Outcome.HELD) == ["throttle", "quiet_hours"]
    assert story.sent_at == [at(hours=20)]


# Together


def test_goal__in_the_middle_of_each_wait() -> None:
    for step in (
        wait("w", length="P9D"),
        wait_for(until={"at": "16:00", "days": ["sun"]}),
        wait_for(until_date={"trait": "renewal"}),
        wait_until(condition=is_vip(), timeout="P9D"),
        repeat(steps=[wait("w", length="P1D")], times=9),
    ):
        story = told(step, crm(), goal={"if": ORDERED, "steps": [set_trait(plan="gold")]})
        story.traits = {"renewal": "2026-06-01"}
        story.happens("Cart Updated").happens("Order Completed", when=at(hours=26))
        assert kinds(story)[-2:] == ["converted", "trait_set"]
        assert story.sent == []
        assert story.decisions[-1].cancels_queued
        assert story.state is None


def test_midnight_in_new_york__on_the_night_clocks_are_set() -> None:
    """Wait four hours over the gap, then until half past nine in the morning, then write."""
    story = willing(
        wait("w"), wait_for("m", until={"from": "09:30", "to": "11:00"}), MARKETING, settings=NIGHT
    )
    story.zone = NEW_YORK
    story.happens("Cart Updated", when=there("2026-03-07 22:30", NEW_YORK))
    assert shown(story.due_at, NEW_YORK) == "2026-03-08 03:30"  # four hours, though clocks show five
    story.passes(until=at(days=30))
    assert [shown(moment, NEW_YORK) for moment in story.sent_at] == ["2026-03-08 09:30"]
