"""What two people made of one part, put together."""

from typing import Any

import pytest

from journeys.domain.editing import TakenOut, merged, merged_part
from tests.journeys.documents import wait

STEP = {"id": "w", "kind": "wait", "name": "Think", "for": "P1D"}
VIP, PAYS = {"segment": "vip", "is": "member"}, {"event": "Paid"}
A, B, A_PAYS = {"name": "A", "if": VIP}, {"name": "B", "if": PAYS}, {"name": "A", "if": PAYS}
C_PAYS = {"name": "C", "if": PAYS}
WEEK, DAY = {"most": 2, "per": "P7D"}, {"most": 1, "per": "P1D"}


@pytest.mark.parametrize(
    ("seen", "mine", "theirs", "expected"),
    [
        # Each changed something else.
        (STEP, STEP | {"name": "Rest"}, STEP | {"for": "P9D"}, STEP | {"name": "Rest", "for": "P9D"}),
        ({"a": {"x": 1}}, {"a": {"x": 2}}, {"a": {"x": 1, "y": 3}}, {"a": {"x": 2, "y": 3}}),
        # Both changed the same: who came second is asked, and said mine.
        (STEP, STEP | {"name": "Rest"}, STEP | {"name": "Nap"}, STEP | {"name": "Rest"}),
        # Added and taken out.
        ({}, {"caps": [WEEK]}, {"throttle": DAY}, {"caps": [WEEK], "throttle": DAY}),
        ({}, {"caps": [WEEK]}, {"caps": [DAY]}, {"caps": [DAY, WEEK]}),
        ({"a": 1, "b": 1}, {"a": 1}, {"a": 2, "b": 1}, {"a": 2}),
        ({"a": 1}, {"a": 2}, None, {"a": 2}),
        # Null is a value, and true is no 1.
        (
            {"old": None, "a": 1},
            {"old": None, "a": 2},
            {"old": None, "a": 1, "b": 3},
            {"old": None, "a": 2, "b": 3},
        ),
        ({"old": 1, "a": 1}, {"old": None, "a": 1}, {"old": 1, "a": 2}, {"old": None, "a": 2}),
        ({"vip": 1}, {"vip": True}, {"vip": 1, "a": 2}, {"vip": True, "a": 2}),
        # A rule is one thing, and so are the forms of a wait and of an entry.
        ({"if": VIP}, {"if": PAYS}, {"if": VIP | {"is": "left"}}, {"if": PAYS}),
        ({"if": {}, "a": 1}, {"if": {}, "a": 2}, {"if": VIP, "a": 1}, {"if": VIP, "a": 2}),
        (
            STEP,
            STEP | {"for": "P2D"},
            {"id": "w", "kind": "wait", "name": "Nap", "until": {"at": "16:00"}},
            STEP | {"name": "Nap", "for": "P2D"},
        ),
        (
            {"on": PAYS, "key": "properties.cart"},
            {"on": {"api": True}},
            {"on": PAYS, "key": "properties.cart", "present": "both"},
            {"on": {"api": True}},
        ),
        (
            {"on": PAYS},
            {"on": PAYS, "key": "properties.cart"},
            {"on": PAYS | {"where": []}, "present": "both"},
            {"on": PAYS | {"where": []}, "key": "properties.cart", "present": "both"},
        ),
        # In a list each thing is found again: as it was, by its name, by its place.
        ({"cases": [A, B]}, {"cases": [A_PAYS, B]}, {"cases": [B, A]}, {"cases": [B, A_PAYS]}),
        ([A, B], [A | {"name": "C"}, B], [B, A_PAYS], [B, C_PAYS]),
        ([{}, {}], [{}, A], [B, {}], [B, A]),
        # … and what was added or taken out is so whatever became of the others.
        ([WEEK], [WEEK, DAY], [WEEK | {"most": 3}], [WEEK | {"most": 3}, DAY]),
        ([WEEK], [WEEK | {"most": 3}, DAY], [WEEK | {"most": 5}], [WEEK | {"most": 3}, DAY]),
        ([WEEK, DAY], [DAY], [WEEK, DAY, {"most": 9}], [DAY, {"most": 9}]),
        ([WEEK, DAY], [DAY | {"most": 3}], [WEEK | {"most": 5}, DAY], [DAY | {"most": 3}]),
        ([WEEK, WEEK], [WEEK], [WEEK, WEEK, DAY], [WEEK, DAY]),
        # Of plain values each is in or out.
        (["fri"], ["sat"], ["mon", "tue"], ["sat", "mon", "tue"]),
        (["fri", "sat"], ["fri"], ["fri", "sat", "sun"], ["fri", "sun"]),
        (["fri", "sat"], ["fri"], ["sat"], ["fri"]),
    ],
)
def test_merged(seen: Any, mine: Any, theirs: Any, expected: Any) -> None:
    assert merged(seen, mine, theirs) == expected
    assert repr(merged(seen, mine, theirs)).count("True") == repr(expected).count("True")


def way(*steps: str, **content: Any) -> dict[str, Any]:
    return {**content, "steps": [wait(step) for step in steps]}


@pytest.mark.parametrize(
    ("seen", "typed", "theirs", "expected"),
    [
        # By its steps a way is known wherever it went, whatever it is called by now.
        (
            [way("a"), way("b")],
            [{"if": VIP}, {}],
            [way("b"), way("a", name="A")],
            [{}, {"if": VIP, "name": "A"}],
        ),
        (
            [way("a"), way("b")],
            [{"if": VIP}, {}],
            [way("a", "x", if_=1), way("y")],
            [{"if": VIP, "if_": 1}, {}],
        ),
        # One without any is known by what it holds, or where all others are.
        ([way(), way("b")], [{"if": VIP}, {}], [way("x"), way("b")], [{"if": VIP}, {}]),
        ([way(), way()], [{"if": VIP}, {}], [way("x"), way("y")], [{"if": VIP}, {}]),
        (
            [way(if_=1), way("b")],
            [{"if_": 1, "name": "A"}, {}],
            [way(if_=2), way("b")],
            [{"if_": 2, "name": "A"}, {}],
        ),
    ],
)
def test_merged_part__ways(seen: Any, typed: Any, theirs: Any, expected: Any) -> None:
    assert merged_part({"cases": seen}, {"cases": typed}, {"cases": theirs}) == {"cases": expected}


@pytest.mark.parametrize(
    "theirs",
    [
        [way("b", if_=2)],
        [way("b", if_=2), way("c", if_=3)],  # another was added: what was typed is not for that
        [way("c", if_=3), way("b", if_=2)],
        [way(if_=3), way("b", if_=2)],
        [way("a", "b", if_=4)],  # neither of the two
    ],
)
def test_merged_part__what_was_changed_is_taken_out(theirs: Any) -> None:
    seen, typed = [way("a", if_=1), way("b", if_=2)], [{"if_": 5}, {"if_": 2}]
    with pytest.raises(TakenOut):
        merged_part({"cases": seen}, {"cases": typed}, {"cases": theirs})


def test_merged_part__a_bare_way_in_its_place_is_another() -> None:
    with pytest.raises(TakenOut):
        merged_part({"cases": [way(if_=1)]}, {"cases": [{"if_": 5}]}, {"cases": [way()]})
