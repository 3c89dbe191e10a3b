"""Layout and changes: what the page draws and what it says a draft changes."""

import pytest

from journeys.domain.changes import Change, ChangeKind, Part, changes_between
from journeys.domain.definition import parse_journey
from journeys.domain.layout import Place, Side, WayKind, columns, ends, places, ways_of
from journeys.domain.parse.steps import always_ends
from tests.journeys.documents import (
    Document,
    branch,
    case,
    crm,
    is_vip,
    journey,
    leave,
    repeat,
    split,
    wait,
    wait_until,
)


def vip(*steps: Document) -> Document:
    return case("VIP", condition=is_vip(), steps=list(steps))


@pytest.mark.parametrize(
    ("steps", "width"),
    [
        ([wait()], 1),
        ([branch(cases=[vip(wait("a"))])], 2),
        ([wait_until()], 1),
        ([wait_until(then=[wait("a")])], 1),
        ([wait_until(timeout="P1D", then=[wait("a")])], 2),
        ([wait_until(timeout="P1D", otherwise=[branch(cases=[vip()])])], 3),
        ([wait("a"), branch(cases=[vip(branch("b2", cases=[vip()]))]), wait("z")], 3),
    ],
)
def test_columns(steps: list[Document], width: int) -> None:
    assert columns(steps) == width


@pytest.mark.parametrize(
    ("widths", "expected"),
    [
        ([1], [(0, Side.MIDDLE)]),
        ([1, 1], [(1, Side.LEFT), (1, Side.RIGHT)]),
        ([1, 1, 1], [(2, Side.LEFT), (0, Side.MIDDLE), (2, Side.RIGHT)]),
        ([2, 1], [(1, Side.LEFT), (2, Side.RIGHT)]),
        ([1, 2, 1], [(3, Side.LEFT), (0, Side.MIDDLE), (3, Side.RIGHT)]),
        ([1, 3], [(3, Side.LEFT), (1, Side.RIGHT)]),
    ],
)
def test_places(widths: list[int], expected: list[tuple[int, Side]]) -> None:
    assert places(widths) == [
        Place(width=width, reach=reach, side=side)
        for width, (reach, side) in zip(widths, expected, strict=True)
    ]


@pytest.mark.parametrize(
    ("step", "kinds"),
    [
        (wait(), []),
        (wait_until(), []),
        (wait_until(timeout="P1D"), [WayKind.THEN, WayKind.TIMED_OUT]),
        (wait_until(then=[leave()]), [WayKind.THEN]),
        ({"kind": "branch", "cases": "none", "else": None}, [WayKind.ELSE]),
        ({"kind": "unheard of"}, []),
        (wait_until(timeout="P1D", then=[leave()]), [WayKind.THEN, WayKind.TIMED_OUT]),
        (branch(cases=[vip()]), [WayKind.CASE, WayKind.ELSE]),
    ],
)
def test_ways_of(step: Document, kinds: list[WayKind]) -> None:
    assert [way.kind for way in ways_of(step)] == kinds


@pytest.mark.parametrize(
    ("step", "is_end"),
    [
        (wait(), False),
        (leave(), True),
        (wait_until(then=[leave()]), True),
        (wait_until(timeout="P1D", then=[leave()]), False),
        (wait_until(timeout="P1D", then=[leave()], otherwise=[leave("y")]), True),
        (branch(cases=[vip(leave())], otherwise=[leave("y")]), True),
        (split(variants={"A": (90, [leave()])}, hold_out=10), False),
        (split(variants={"A": (100, [leave()])}), True),
        (repeat(steps=[leave()]), True),
        (repeat(steps=[leave()], until=is_vip()), False),
    ],
)
def test_ends__as_the_parser_says(step: Document, is_end: bool) -> None:
    assert ends(step) is is_end
    assert always_ends(parse_journey(journey(steps=[step])).first) is is_end


def told(live: Document, draft: Document) -> list[tuple[Part, ChangeKind, str]]:
    changes: list[Change] = changes_between(parse_journey(live), parse_journey(draft))
    return [(change.part, change.kind, change.step_id) for change in changes]


LIVE = journey(steps=[wait("a"), branch("b", cases=[vip(crm("c"))]), wait("d")])


@pytest.mark.parametrize(
    ("draft", "expected"),
    [
        (LIVE, []),
        (
            journey(steps=[wait("a", length="P1D"), *LIVE["steps"][1:]]),
            [(Part.STEP, ChangeKind.CHANGED, "a")],
        ),
        (
            journey(steps=[*LIVE["steps"], wait("new")]),
            [(Part.STEP, ChangeKind.ADDED, "new")],
        ),
        (
            journey(steps=[wait("new"), *LIVE["steps"]]),
            [(Part.STEP, ChangeKind.ADDED, "new")],
        ),
        (journey(steps=LIVE["steps"][1:]), [(Part.STEP, ChangeKind.REMOVED, "a")]),
        (
            journey(steps=[wait("a"), branch("b", cases=[vip(crm("c", action="create_deal"))]), wait("d")]),
            [(Part.STEP, ChangeKind.CHANGED, "c")],  # and not the branch that owns it
        ),
        (
            journey(steps=[wait("a"), branch("b", cases=[vip()], otherwise=[crm("c")]), wait("d")]),
            [(Part.STEP, ChangeKind.MOVED, "c")],
        ),
        (
            journey(steps=[wait("d"), *LIVE["steps"][1:2], wait("a")]),
            [(Part.STEP, ChangeKind.MOVED, "d"), (Part.STEP, ChangeKind.MOVED, "a")],
        ),
        (
            {**LIVE, "entry": {"on": {"event": "Other"}}, "goal": is_vip(), "exit_when": {"known": "email"}},
            [
                (Part.ENTRY, ChangeKind.CHANGED, ""),
                (Part.GOAL, ChangeKind.ADDED, ""),
                (Part.EXIT, ChangeKind.ADDED, ""),
            ],
        ),
        ({**LIVE, "settings": {"time_zone": "company"}}, [(Part.SETTINGS, ChangeKind.ADDED, "")]),
    ],
)
def test_changes_between(draft: Document, expected: list[tuple[Part, ChangeKind, str]]) -> None:
    assert told(LIVE, draft) == expected


def test_changes_between__a_goal_is_taken_away() -> None:
    assert told({**LIVE, "goal": is_vip()}, LIVE) == [(Part.GOAL, ChangeKind.REMOVED, "")]
