"""What stands out about somebody."""

from typing import Any

import pytest

from segments.domain.likeness import likeness
from segments.domain.parse import parse_condition

SHARES: dict[str, dict[Any, float]] = {
    "country": {"DE": 0.6, "CH": 0.05},
    "plan": {"plus": 0.2},
    "newsletter": {True: 0.5, False: 0.5},
    "lang": {"de": 0.95},
    "city": {"Bern": 0.01},
}


def test_likeness__is_of_rare_traits_frequent_events_and_small_segments() -> None:
    found = likeness(
        traits={"country": "CH", "plan": "plus", "newsletter": False, "lang": "de", "name": "Ada", "age": 3},
        shares=SHARES,
        habits={"Page Viewed": 9, "Signed In": 1, "Order Completed": 2, "Searched": 2},
        segments={"vip": 0.02, "everybody": 1.0, "buyers": 0.4, "half": 0.5},
    )
    last = {"last": "P30D"}
    assert found["all"] == [
        {"trait": "country", "op": "is", "value": "CH"},
        {"trait": "plan", "op": "is", "value": "plus"},
        {"trait": "newsletter", "op": "is_false"},
        {"event": "Page Viewed", "count": {"op": "at_least", "value": 5}, "during": last},
        {"event": "Order Completed", "count": {"op": "at_least", "value": 1}, "during": last},
        {"event": "Searched", "count": {"op": "at_least", "value": 1}, "during": last},
        {"segment": "vip", "is": "member"},
        {"segment": "buyers", "is": "member"},
    ]
    parse_condition(found)


@pytest.mark.parametrize("traits", [{}, {"country": ["CH"], "plan": None, "city": {"x": 1}, "lang": 1}])
def test_likeness__of_somebody_plain_asks_nothing(traits: dict[str, object]) -> None:
    assert likeness(traits=traits, shares=SHARES, habits={}, segments={}) == {"all": []}
