"""What two people made of one part, put together."""

from typing import Any

import pytest

from journeys.domain.editing import NotThere, merged

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
        ({"a": 1, "b": 1}, {"a": 1}, {"a": 2, "b": 1}, {"a": 2}),
        ({"a": 1}, {"a": 2}, None, {"a": 2}),
        # A rule is one thing.
        ({"if": VIP}, {"if": PAYS}, {"if": VIP | {"is": "left"}}, {"if": PAYS}),
        ({"if": {}, "a": 1}, {"if": {}, "a": 2}, {"if": VIP, "a": 1}, {"if": VIP, "a": 2}),
        # In a list each thing is found again: as it was, by its name, by its number.
        ({"cases": [A, B]}, {"cases": [A_PAYS, B]}, {"cases": [B, A]}, {"cases": [B, A_PAYS]}),
        ([A, B], [A | {"name": "C"}, B], [B, A_PAYS], [B, C_PAYS]),
        ([{}, {}], [{}, A], [B, {}], [B, A]),
        # … and what was added or taken out is so whatever became of the others.
        ([WEEK], [WEEK, DAY], [WEEK | {"most": 3}], [WEEK | {"most": 3}, DAY]),
        ([WEEK, DAY], [DAY], [WEEK, DAY, {"most": 9}], [DAY, {"most": 9}]),
    ],
)
def test_merged(seen: Any, mine: Any, theirs: Any, expected: Any) -> None:
    assert merged(seen, mine, theirs) == expected


def test_merged__what_was_changed_is_gone() -> None:
    with pytest.raises(NotThere):
        merged({"cases": [A, B]}, {"cases": [{**A, "if": PAYS}, B]}, {"cases": [B]})
