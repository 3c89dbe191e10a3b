"""Reading journeys: the whole, settings, limits, and what is asked of a definition."""

from collections.abc import Callable
from datetime import time, timedelta
from typing import Any

import pytest

from connectors.domain.message import MessageClass
from journeys.domain.clock import Window
from journeys.domain.definition import Definition, JourneyError, Place, Role, parse_journey
from journeys.domain.nodes import (
    Again,
    Branch,
    Policy,
    Reentry,
    Send,
    Wait,
    WaitUntil,
)
from journeys.domain.parse import read_company
from journeys.domain.settings import Cap, Company, QuietHours, Settings, Throttle
from segments.domain.conditions import EventCount
from tests.journeys.documents import (
    Document,
    branch,
    cart_journey,
    case,
    crm,
    has_plan,
    is_vip,
    journey,
    leave,
    send,
    set_trait,
    wait,
    wait_until,
    webhook,
)

KINDS = "wait, wait_until, branch, split, repeat, send, crm, webhook, set_trait, list, go_to_journey, exit"


def faults_of(document: Any) -> dict[str, str]:
    with pytest.raises(JourneyError) as caught:
        parse_journey(document)
    return {fault.path: str(fault.message) for fault in caught.value.faults}


def test_parse_journey__reads_every_part() -> None:
    read = parse_journey(cart_journey())
    assert read.entry.on == EventCount(name="Cart Updated")
    assert read.entry.key == ("properties", "cart_id")
    assert read.entry.reentry == Reentry(
        policy=Policy.AFTER_EXIT, not_within=timedelta(days=30), again=Again.RESTART
    )
    assert read.first == Wait(id="s1", length=timedelta(hours=4))
    until = read.step("s2")
    assert isinstance(until, WaitUntil)
    assert (until.name, until.timeout) == ("Ordered?", timedelta(days=3))
    divided = read.step("s4")
    assert isinstance(divided, Branch)
    assert [each.name for each in divided.cases] == ["VIP"]
    assert read.goal is not None
    assert [step.id for step in read.goal.steps] == ["g1"]
    assert read.step("g1") == read.goal.steps[0]
    assert read.settings == Settings(
        quiet_hours=QuietHours(window=Window(start=time(21), end=time(8))), time_zone="person"
    )


def test_parse_journey__defaults() -> None:
    read = parse_journey(
        journey(steps=[{"id": "s", "kind": "send", "channel": "email", "template": "welcome"}])
    )
    assert read.entry.reentry == Reentry(policy=Policy.AFTER_EXIT, not_within=None, again=Again.IGNORE)
    assert read.entry.key == ()
    assert (read.goal, read.exit_when) == (None, None)
    sent = read.step("s")
    assert isinstance(sent, Send)
    assert sent.message_class is MessageClass.MARKETING  # the class that needs consent


def test_parse_journey__goal_is_a_plain_condition() -> None:
    read = parse_journey(journey(goal=is_vip()))
    assert read.goal is not None
    assert read.goal.steps == ()


@pytest.mark.parametrize(
    ("step_id", "after"),
    [
        ("a", "b"),
        ("b", "z"),
        ("c1", "c2"),
        ("c2", "z"),  # the end of a case joins below the branch
        ("deep", "e2"),  # the end of a nested sequence joins inside the outer one
        ("u", "e2"),
        ("e2", "z"),
        ("z", None),
    ],
)
def test_after__joins_below(step_id: str, after: str | None) -> None:
    read = parse_journey(
        journey(
            steps=[
                wait("a"),
                branch(
                    "b",
                    cases=[case("VIP", condition=is_vip(), steps=[wait("c1"), wait("c2")])],
                    otherwise=[wait_until("u", then=[wait("deep")]), wait("e2")],
                ),
                wait("z"),
            ]
        )
    )
    following = read.after(step_id)
    assert (following.id if following else None) == after


def test_walk__order_of_the_document() -> None:
    assert [step.id for step in parse_journey(cart_journey()).walk()] == ["s1", "s2", "s3", "s4", "s5", "s6"]


def test_conditions__each_with_its_place() -> None:
    assert [place for place, _condition in parse_journey(cart_journey()).conditions()] == [
        Place(role=Role.TRIGGER),
        Place(role=Role.FILTER),
        Place(role=Role.GOAL),
        Place(role=Role.EXIT),
        Place(role=Role.WAIT, step="s2"),
        Place(role=Role.CASE, step="s4", case="VIP"),
    ]


def test_reads__of_all_conditions_but_no_history_for_the_trigger() -> None:
    read = parse_journey(cart_journey())
    assert read.reads.event_names == {"Order Completed"}
    assert read.reads.segments == {"vip", "unsubscribed"}
    assert read.reads.needs_entry
    assert parse_journey(journey()).reads.window == timedelta()


def test_settings__all() -> None:
    settings = {
        "time_zone": "Europe/Berlin",
        "quiet_hours": {"from": "21:00", "to": "08:00", "days": ["sat"], "classes": ["service"]},
        "caps": [{"class": "marketing", "most": 2, "per": "P7D"}],
        "throttle": {"per": "PT1H", "most": 1000},
    }
    assert parse_journey({**journey(), "settings": settings}).settings == Settings(
        time_zone="Europe/Berlin",
        quiet_hours=QuietHours(
            window=Window(start=time(21), end=time(8), days=frozenset({5})),
            classes=frozenset({MessageClass.SERVICE}),
        ),
        caps=(Cap(message_class=MessageClass.MARKETING, most=2, per=timedelta(days=7)),),
        throttle=Throttle(most=1000, per=timedelta(hours=1)),
    )


CLASSES = "must be a list of at least one of marketing, service, transactional"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ([], {"": "must be an object"}),
        ({"zone": "UTC"}, {".zone": "is not a known key here"}),
        (
            {"time_zone": "Europe/Atlantis"},
            {".time_zone": "must be “person”, “company” or the name of a time zone"},
        ),
        ({"quiet_hours": {}}, {".quiet_hours": "must leave a time in which messages may be sent"}),
        (
            {"quiet_hours": {"from": "08:00", "to": "08:00"}},
            {".quiet_hours": "must leave a time in which messages may be sent"},
        ),
        ({"quiet_hours": {"from": "21:00", "classes": ["spam"]}}, {".quiet_hours.classes": CLASSES}),
        ({"caps": {}}, {".caps": "must be a list"}),
        ({"caps": [{"most": 2, "per": "P367D"}]}, {".caps[0].per": "can be a year at most"}),
        (
            {"caps": [{"most": 0, "per": "P1D"}]},
            {".caps[0].most": "must be a whole number from 1 to 1000000000"},
        ),
        (
            {"throttle": {"most": 1}},
            {".throttle.per": "must be a length of time such as PT4H or P3D, without months and years"},
        ),
    ],
)
def test_settings__faults(settings: Any, expected: dict[str, str]) -> None:
    found = faults_of({**journey(), "settings": settings})
    assert {path: found[f"settings{path}"] for path in expected} == expected


def test_company__reads_its_own() -> None:
    company = read_company(
        {"language": 1, "quiet_hours": {"from": "22:00", "to": "07:00"}, "caps": [{"most": 3, "per": "P7D"}]},
        zone="Europe/Berlin",
    )
    assert company == Company(
        zone="Europe/Berlin",
        quiet_hours=QuietHours(window=Window(start=time(22), end=time(7))),
        caps=(Cap(message_class=MessageClass.MARKETING, most=3, per=timedelta(days=7)),),
    )
    with pytest.raises(JourneyError):
        read_company({"throttle": {}}, zone="UTC")


@pytest.mark.parametrize("length", ["P1M", "P1Y", "PT0S", "4h", "P", "-P1D", "P1DT", "P999999D", 4, None])
def test_parse_journey__refuses_lengths_that_are_not_exact(length: Any) -> None:
    assert list(faults_of(journey(steps=[{"id": "a", "kind": "wait", "for": length}]))) == ["steps[0].for"]


@pytest.mark.parametrize("step_id", ["", "a b", "a:b", "-a", "a" * 61, 5, None])
def test_parse_journey__refuses_ids(step_id: Any) -> None:
    assert list(faults_of(journey(steps=[{**wait(), "id": step_id}]))) == ["steps[0].id"]


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param(leave(), id="exit"),
        pytest.param(
            branch(
                cases=[case("VIP", condition=is_vip(), steps=[wait("a"), leave("x1")])],
                otherwise=[leave("x2")],
            ),
            id="branch",
        ),
        pytest.param(wait_until(then=[leave("x1")], timeout="P1D", otherwise=[leave("x2")]), id="wait until"),
        pytest.param(wait_until(then=[leave("x1")]), id="wait until, for ever"),
        pytest.param({"id": "x", "kind": "go_to_journey", "journey": "other"}, id="another journey"),
        pytest.param({"id": "r", "kind": "repeat", "times": 2, "steps": [leave("x1")]}, id="repeat"),
        pytest.param(
            {
                "id": "p",
                "kind": "split",
                "salt": "s",
                "variants": [{"name": "A", "share": 100, "steps": [leave("x1")]}],
            },
            id="split",
        ),
    ],
)
def test_parse_journey__nothing_can_follow_an_exit(ending: Document) -> None:
    faults = faults_of(journey(steps=[ending, wait("after")]))
    assert faults == {"steps[1]": "can never run: everybody has left the journey before it"}


@pytest.mark.parametrize(
    "open_end",
    [
        pytest.param(branch(cases=[case("VIP", condition=is_vip(), steps=[leave()])]), id="no else"),
        pytest.param(wait_until(then=[leave()], timeout="P1D"), id="time-out goes on"),
    ],
)
def test_parse_journey__a_way_past_an_exit_is_enough(open_end: Document) -> None:
    assert parse_journey(journey(steps=[open_end, wait("after")])).after("x") is not None


def test_parse_journey__names_of_cases_differ() -> None:
    twice = [case("VIP", condition=is_vip(), steps=[]), case("VIP", condition=has_plan("a"), steps=[])]
    assert faults_of(journey(steps=[branch(cases=twice)])) == {
        "steps[0].cases[1].name": "another case has this name"
    }


def test_parse_journey__reports_all_faults_at_once() -> None:
    document = journey(
        entry={"on": {"event": 5}, "key": "x"},
        steps=[wait(length="soon"), wait_until(condition={"trait": "plan", "op": "resembles"}), webhook("")],
    )
    assert {"entry.key", "steps[0].for", "steps[2].id"} <= set(faults_of(document))
    paths = list(faults_of(document))
    assert any(path.startswith("entry.on") for path in paths)
    assert any(path.startswith("steps[1].if") for path in paths)


def nested(levels: int) -> Document:
    step = wait("leaf")
    for level in range(levels):
        step = branch(f"b{level}", cases=[case("VIP", condition=is_vip(), steps=[step])])
    return step


def test_parse_journey__limits() -> None:
    parse_journey(journey(steps=[nested(12)]))
    assert set(faults_of(journey(steps=[nested(13)])).values()) == {"must be at most 12 levels deep"}
    parse_journey(journey(steps=[wait(f"w{number}") for number in range(500)]))
    too_many = journey(steps=[wait(f"w{number}") for number in range(501)])
    assert faults_of(too_many) == {"": "a journey has at most 500 steps"}


STEPS: list[Callable[[], Document]] = [wait, wait_until, send, crm, webhook, set_trait, leave]


@pytest.mark.parametrize("make", STEPS)
def test_parse_journey__every_step_may_have_a_name(make: Callable[[], Document]) -> None:
    read = parse_journey(journey(steps=[{**make(), "name": "Say hello"}]))
    assert read.first.name == "Say hello"


def test_step__unknown() -> None:
    read: Definition = parse_journey(journey())
    with pytest.raises(KeyError):
        read.step("nowhere")
