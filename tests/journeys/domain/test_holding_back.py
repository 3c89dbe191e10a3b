"""Messages that are held back: quiet hours, caps, throttles; and what all steps have in common."""

from datetime import datetime, time, timedelta

import pytest

from connectors.domain.message import MessageClass
from journeys.domain.clock import Window
from journeys.domain.engine import Outcome
from journeys.domain.settings import Cap, Company, QuietHours, Sent, Throttle
from tests.journeys.documents import (
    Document,
    crm,
    is_vip,
    repeat,
    send,
    set_trait,
    wait,
    wait_for,
    wait_until,
)
from tests.journeys.story import BERLIN, NEW_YORK, NOON, TOKYO, Story, at, kinds, reasons, shown, there, told

MARKETING = send(message_class="marketing")
ORDERED = {"event": "Order Completed", "during": {"since": "entry"}}


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
