"""A person moving forward: what counts as another value, and what is remembered."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from profiles.domain.exact import is_same_json
from profiles.domain.history import PersonState

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def somebody(**fields: Any) -> PersonState:
    return PersonState(person_id=1, uuid=UUID(int=1), first_seen_at=NOW, last_seen_at=NOW, **fields)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ([1], [True], False),
        (1, True, False),
        (0, False, False),
        ({"a": [{"b": 1}]}, {"a": [{"b": True}]}, False),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ([1, 2], [1], False),
        ("1", 1, False),
        (None, False, False),
        (7, 7.0, True),
        (Decimal("7.50"), 7.5, True),
        ([7, {"a": Decimal(1)}], [7.0, {"a": 1}], True),
        (None, None, True),
        ("a", "a", True),
    ],
)
def test_is_same_json(one: Any, other: Any, same: bool) -> None:
    assert is_same_json(one, other) is same
    assert is_same_json(other, one) is same


def test_set_trait__a_nested_value_of_another_type_is_a_change() -> None:
    state = somebody(traits={"flags": [1]})
    assert state.set_trait("flags", [True], micros=1) == (True, [1])
    assert state.traits["flags"] == [True]
    assert state.traits["flags"][0] is True


def test_set_trait__remembers_what_rules_ask_about_in_the_order_of_time() -> None:
    state = somebody(trait_history={"plan": []})
    for micros, value in ((20, "pro"), (30, "pro"), (10, "trial"), (40, None)):
        state.set_trait("plan", value, micros=micros, arrival=micros)
        state.set_trait("other", value, micros=micros)
    assert [(change.arrival, change.value) for change in state.trait_history["plan"]] == [
        (10, "trial"),
        (20, "pro"),
        (40, None),
    ]
    assert "other" not in state.trait_history
