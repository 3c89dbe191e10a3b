from collections.abc import Callable
from datetime import time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.domain.message import MessageClass
from journeys.domain.clock import DateRule, TimeOfDay, Window
from journeys.domain.definition import Definition, JourneyError, Place, Role, parse_journey
from journeys.domain.nodes import (
    Again,
    ApiEntry,
    Branch,
    Crossing,
    DateEntry,
    GoToJourney,
    ListChange,
    Listing,
    NoDate,
    Policy,
    Reentry,
    Repeat,
    ScheduleEntry,
    SegmentEntry,
    Send,
    Split,
    Step,
    Trigger,
    Variant,
    Wait,
    WaitClock,
    WaitDate,
    WaitUntil,
)
from journeys.domain.parse import read_company
from journeys.domain.settings import Cap, Company, QuietHours, Settings, Throttle
from segments.domain.conditions import EventCount
from segments.domain.values import Length
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


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ([], {"": "must be an object"}),
        ({}, {"entry": "must be an object", "steps": "must be a list of steps"}),
        (journey(steps=[]), {"steps": "must have at least one step"}),
        ({**journey(), "stepps": []}, {"stepps": "is not a known key here"}),
        ({**journey(), "language": 2}, {"language": "must be 1"}),
        ({**journey(), "language": True}, {"language": "must be 1"}),
        ({**journey(), "entry": 3}, {"entry": "must be an object"}),
        (journey(steps=[wait("a"), 7]), {"steps[1]": "must be an object"}),
        (journey(steps=[{"kind": ["wait"]}]), {"steps[0].kind": f"must be one of {KINDS}"}),
        (
            journey(steps=[{"id": "a", "kind": "dance"}]),
            {"steps[0].kind": f"must be one of {KINDS}"},
        ),
        (journey(steps=[{**wait("a"), "fro": 1}]), {"steps[0].fro": "is not a known key here"}),
        (journey(steps=[wait("a"), wait("a")]), {"steps[1].id": "the id “a” is used by another step"}),
        (
            journey(goal={"if": is_vip(), "steps": [crm("w")]}),
            {"steps[0].id": "the id “w” is used by another step"},
        ),
        (
            journey(goal={"if": is_vip(), "steps": [wait("g")]}),
            {"goal.steps[0].kind": "a goal's steps can only act, not wait or divide"},
        ),
        (journey(goal={"if": is_vip(), "stepps": []}), {"goal.stepps": "is not a known key here"}),
        (
            journey(steps=[branch(cases=[])]),
            {"steps[0].cases": "must be a list of at least one case"},
        ),
        (
            journey(steps=[wait_until(otherwise=[wait("a")])]),
            {"steps[0].else": "can never run: without a timeout nobody's time runs out"},
        ),
        (journey(steps=[set_trait() | {"set": {}}]), {"steps[0].set": "must name at least one trait"}),
        (journey(steps=[{**send(), "channel": "pigeon"}]), {"steps[0].channel": "must be one of email"}),
        (
            journey(steps=[send(message_class="spam")]),
            {"steps[0].class": "must be one of marketing, service, transactional"},
        ),
    ],
)
def test_parse_journey__faults_with_their_path(document: Any, expected: dict[str, str]) -> None:
    assert faults_of(document) == expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (
            {"key": "cart_id"},
            {"entry.key": "must begin with “properties.” or “context.” and name a field"},
        ),
        (
            {"key": "properties"},
            {"entry.key": "must begin with “properties.” or “context.” and name a field"},
        ),
        (
            {"reentry": {"policy": "sometimes"}},
            {"entry.reentry.policy": "must be one of never, after_exit, always"},
        ),
        ({"reentry": {"agian": "end"}}, {"entry.reentry.agian": "is not a known key here"}),
        ({"on": {"event": "A", "count": {}}}, {"entry.on.count": "is not a known key here"}),
    ],
)
def test_parse_journey__faults_of_the_entry(parts: Document, expected: dict[str, str]) -> None:
    assert faults_of(journey(entry={"on": {"event": "Cart Updated"}, **parts})) == expected


FORMS: list[tuple[Document, Step]] = [
    (
        {"kind": "wait", "until": {"at": "16:00", "days": ["fri"]}},
        WaitClock(id="a", until=TimeOfDay(at=time(16), days=frozenset({4}))),
    ),
    (
        {"kind": "wait", "until": {"from": "22:00", "to": "06:00", "days": ["fri", "sat"]}},
        WaitClock(id="a", until=Window(start=time(22), end=time(6), days=frozenset({4, 5}))),
    ),
    ({"kind": "wait", "until": {"from": "18:00"}}, WaitClock(id="a", until=Window(start=time(18)))),
    (
        {"kind": "wait", "until": {"from": "18:00", "to": "24:00"}},
        WaitClock(id="a", until=Window(start=time(18))),
    ),
    ({"kind": "wait", "until": {"to": "06:30"}}, WaitClock(id="a", until=Window(end=time(6, 30)))),
    (
        {"kind": "wait", "until": {"days": ["mon"]}},
        WaitClock(id="a", until=Window(days=frozenset({0}))),
    ),
    (
        {
            "kind": "wait",
            "until_date": {"trait": "plan.renewal", "offset": "-P7D", "at": "09:00", "otherwise": "exit"},
        },
        WaitDate(
            id="a",
            path=("plan", "renewal"),
            rule=DateRule(offset=Length(days=7), is_before=True, at=time(9)),
            otherwise=NoDate.EXIT,
        ),
    ),
    (
        {"kind": "wait", "until_date": {"trait": "renewal", "offset": "P1M"}},
        WaitDate(id="a", path=("renewal",), rule=DateRule(offset=Length(months=1))),
    ),
    (
        {
            "kind": "split",
            "salt": "s",
            "variants": [{"name": "A", "share": 50, "steps": []}, {"share": 40.5, "steps": []}],
            "hold_out": 9.5,
        },
        Split(
            id="a",
            salt="s",
            variants=(
                Variant(name="A", share=Decimal(50), steps=()),
                Variant(name="variant 2", share=Decimal("40.5"), steps=()),
            ),
            hold_out=Decimal("9.5"),
        ),
    ),
    (
        {"kind": "repeat", "times": 3, "steps": [wait("w")]},
        Repeat(id="a", times=3, steps=(Wait(id="w", length=timedelta(hours=4)),)),
    ),
    (
        {"kind": "list", "list": "beta", "change": "remove"},
        ListChange(id="a", list="beta", change=Listing.REMOVE),
    ),
    ({"kind": "go_to_journey", "journey": "other"}, GoToJourney(id="a", journey="other")),
]


@pytest.mark.parametrize(("step", "expected"), FORMS)
def test_parse_journey__forms_of_steps(step: Document, expected: Step) -> None:
    assert parse_journey(journey(steps=[{"id": "a", **step}])).first == expected


TIME = "must be a time of day such as 08:00 or 21:30"
DAYS = "must be a list of at least one of mon, tue, wed, thu, fri, sat, sun"
SHARES = "the shares and what is held out must add up to 100"


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ({"kind": "wait"}, {"for": "must be a length of time such as PT4H or P3D, without months and years"}),
        (
            {"kind": "wait", "for": "P1D", "until": {"at": "08:00"}},
            {"": "must have only one of for, until"},
        ),
        ({"kind": "wait", "until": {}}, {"until": "must say from when, to when or on which days"}),
        ({"kind": "wait", "until": {"at": "8:00"}}, {"until.at": TIME}),
        ({"kind": "wait", "until": {"at": "24:00"}}, {"until.at": TIME}),
        ({"kind": "wait", "until": {"from": "25:00"}}, {"until.from": TIME}),
        ({"kind": "wait", "until": {"days": []}}, {"until.days": DAYS}),
        ({"kind": "wait", "until": {"days": [["mon"]]}}, {"until.days": DAYS}),
        (
            {"kind": "wait", "until": {"at": "08:00", "to": "09:00"}},
            {"until.at": "cannot stand beside “from” and “to”"},
        ),
        ({"kind": "wait", "until_date": {}}, {"until_date.trait": "must be a text"}),
        ({"kind": "wait", "until_date": {"trait": "a..b"}}, {"until_date.trait": "must name a trait"}),
        (
            {"kind": "wait", "until_date": {"trait": "a", "offset": "7 days"}},
            {"until_date.offset": "must be a length of time such as P7D, or -P7D for so long before"},
        ),
        (
            {"kind": "wait", "until_date": {"trait": "a", "otherwise": "stay"}},
            {"until_date.otherwise": "must be one of go_on, exit"},
        ),
        (
            {"kind": "split", "salt": "s", "variants": []},
            {"variants": "must be a list of at least one variant", "": SHARES},
        ),
        (
            {"kind": "split", "salt": "s", "variants": [{"name": "A", "share": 99, "steps": []}]},
            {"": SHARES},
        ),
        (
            {"kind": "split", "variants": [{"name": "A", "share": 100, "steps": []}]},
            {"salt": "must be a text"},
        ),
        (
            {
                "kind": "split",
                "salt": "s",
                "variants": [{"name": "A", "share": True, "steps": []}],
                "hold_out": 100,
            },
            {"variants[0].share": "must be a number of per cent from 0 to 100"},
        ),
        (
            {
                "kind": "split",
                "salt": "s",
                "variants": [
                    {"name": "A", "share": 50, "steps": []},
                    {"name": "A", "share": 50, "steps": []},
                ],
            },
            {"variants[1].name": "another variant has this name"},
        ),
        (
            {"kind": "split", "salt": "s", "variants": [{"name": "hold_out", "share": 100, "steps": []}]},
            {"variants[0].name": "“hold_out” is the name of those who are held out"},
        ),
        (
            {"kind": "repeat", "times": 101, "steps": [wait("w")]},
            {"times": "must be a whole number from 1 to 100"},
        ),
        ({"kind": "repeat", "times": 2, "steps": []}, {"steps": "must have at least one step"}),
        ({"kind": "list", "list": "beta", "change": "drop"}, {"change": "must be one of add, remove"}),
        ({"kind": "go_to_journey"}, {"journey": "must be a text"}),
    ],
)
def test_parse_journey__faults_of_steps(step: Document, expected: dict[str, str]) -> None:
    found = faults_of(journey(steps=[{"id": "a", **step}]))
    assert found == {f"steps[0].{path}".rstrip("."): message for path, message in expected.items()}


ENTRIES: list[tuple[Document, Trigger]] = [
    ({"segment": "vip", "change": "entered"}, SegmentEntry(segment="vip", change=Crossing.ENTERED)),
    ({"segment": "vip", "change": "left"}, SegmentEntry(segment="vip", change=Crossing.LEFT)),
    (
        {"date": "birthday", "offset": "-P7D", "at": "09:00", "every": "year"},
        DateEntry(
            path=("birthday",),
            rule=DateRule(offset=Length(days=7), is_before=True, at=time(9), is_yearly=True),
        ),
    ),
    (
        {"schedule": "0 9 * * MON", "segment": "vip"},
        ScheduleEntry(cron="0 9 * * MON", segment="vip"),
    ),
    ({"api": True}, ApiEntry()),
]


@pytest.mark.parametrize(("on", "expected"), ENTRIES)
def test_parse_journey__entries(on: Document, expected: Trigger) -> None:
    read = parse_journey(journey(entry={"on": on}))
    assert read.entry.on == expected
    assert Role.TRIGGER not in [place.role for place, _condition in read.conditions()]


CRON = "must be a cron expression of five parts, such as 0 9 * * MON"
ABSENT = "only those in a segment, or whom an “if” without the entry's own message picks, can be present"
UNKEYED = "only an event and the API bring something to tell runs apart"


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"on": {"segment": "vip", "change": "joined"}}, {"entry.on.change": "must be one of entered, left"}),
        ({"on": {"segment": ""}}, {"entry.on.segment": "must be a text"}),
        ({"on": {"date": "birthday", "every": "week"}}, {"entry.on.every": "must be “year”"}),
        ({"on": {"schedule": "daily", "segment": "vip"}}, {"entry.on.schedule": CRON}),
        ({"on": {"schedule": "0 9 * * * *", "segment": "vip"}}, {"entry.on.schedule": CRON}),
        ({"on": {"schedule": "0 9 31 2 *", "segment": "vip"}}, {"entry.on.schedule": CRON}),
        ({"on": {"schedule": "0 9 * * *"}}, {"entry.on.segment": "must be a text"}),
        ({"on": {"api": 1}}, {"entry.on.api": "must be true"}),
        ({"on": {"segment": "vip", "change": "left"}, "present": "both"}, {"entry.present": ABSENT}),
        ({"on": {"event": "A"}, "present": "both"}, {"entry.present": ABSENT}),
        (
            {
                "on": {"event": "A"},
                "if": {"event": "B", "during": {"since": "entry"}},
                "present": "present",
            },
            {"entry.present": ABSENT},
        ),
        ({"on": {"date": "birthday"}, "key": "properties.cart_id"}, {"entry.key": UNKEYED}),
    ],
)
def test_parse_journey__faults_of_entries(entry: Document, expected: dict[str, str]) -> None:
    assert faults_of(journey(entry=entry)) == expected


@pytest.mark.parametrize(
    "entry",
    [
        {"on": {"segment": "vip", "change": "entered"}, "present": "both"},
        {"on": {"event": "A"}, "if": is_vip(), "present": "present"},
        {"on": {"api": True}, "key": "properties.appointment"},
    ],
)
def test_parse_journey__sound_entries(entry: Document) -> None:
    assert parse_journey(journey(entry=entry)).entry.present.value == entry.get("present", "new")


def test_reads__what_entries_and_waits_look_at() -> None:
    dated = {"id": "d", "kind": "wait", "until_date": {"trait": "plan.renewal"}}
    read = parse_journey(journey(entry={"on": {"segment": "vip", "change": "left"}}, steps=[dated])).reads
    assert read.segments == {"vip"}
    assert read.trait_keys == {"plan"}
    assert read.needs_zone
    assert parse_journey(journey(entry={"on": {"date": "birthday"}})).reads.trait_keys == {"birthday"}


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
