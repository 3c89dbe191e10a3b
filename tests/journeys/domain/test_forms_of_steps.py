"""Reading journeys: the forms of entries and steps, and what is said of those that are none."""

from datetime import time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from journeys.domain.clock import DateRule, TimeOfDay, Window
from journeys.domain.definition import JourneyError, Role, parse_journey
from journeys.domain.nodes import (
    ApiEntry,
    Crossing,
    DateEntry,
    GoToJourney,
    ListChange,
    Listing,
    NoDate,
    Repeat,
    ScheduleEntry,
    SegmentEntry,
    Split,
    Step,
    Trigger,
    Variant,
    Wait,
    WaitClock,
    WaitDate,
)
from segments.domain.values import Length
from tests.journeys.documents import (
    Document,
    branch,
    crm,
    is_vip,
    journey,
    send,
    set_trait,
    wait,
    wait_until,
)

KINDS = "wait, wait_until, branch, split, repeat, send, crm, webhook, set_trait, list, go_to_journey, exit"


def faults_of(document: Any) -> dict[str, str]:
    with pytest.raises(JourneyError) as caught:
        parse_journey(document)
    return {fault.path: str(fault.message) for fault in caught.value.faults}


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
