from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from connectors.domain.message import MessageClass
from journeys.domain.definition import Definition, JourneyError, Place, Role, parse_journey
from journeys.domain.nodes import Again, Branch, Policy, Reentry, Send, Wait, WaitUntil
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

KINDS = "wait, wait_until, branch, send, crm, webhook, set_trait, exit"


def faults_of(document: Any) -> dict[str, str]:
    with pytest.raises(JourneyError) as caught:
        parse_journey(document)
    return {fault.path: str(fault.message) for fault in caught.value.faults}


def test_parse_journey__reads_every_part() -> None:
    read = parse_journey(cart_journey())
    assert read.entry.on.name == "Cart Updated"
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
    assert read.settings["time_zone"] == "person"


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
            {"steps[0].kind": "must be one of wait, wait_until, branch, send, crm, webhook, set_trait, exit"},
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
        ({"present": "both"}, {"entry.present": "only “new” can be run yet"}),
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


LATER_STEPS: list[Document] = [
    {"id": "a", "kind": "split", "variants": []},
    {"id": "a", "kind": "repeat", "times": 3, "steps": []},
    {"id": "a", "kind": "go_to_journey", "journey": "other"},
    {"id": "a", "kind": "list", "list": "beta", "change": "add"},
    {"id": "a", "kind": "wait", "until": {"at": "16:00"}},
    {"id": "a", "kind": "wait", "until_date": {"trait": "renewal"}},
]


@pytest.mark.parametrize("step", LATER_STEPS, ids=lambda step: next(reversed(step)))
def test_parse_journey__refuses_what_cannot_run_yet(step: Document) -> None:
    (message,) = faults_of(journey(steps=[step])).values()
    assert message.endswith("cannot be run yet")


@pytest.mark.parametrize(
    "on",
    [
        {"segment": "vip", "change": "entered"},
        {"date": "birthday", "at": "09:00"},
        {"schedule": "0 9 * * *"},
        {"api": True},
    ],
)
def test_parse_journey__refuses_entries_that_cannot_run_yet(on: Document) -> None:
    faults = faults_of(journey(entry={"on": on}))
    assert faults == {"entry.on": f"an entry by “{next(iter(on))}” cannot be run yet"}


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
