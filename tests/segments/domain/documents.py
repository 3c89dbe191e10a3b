"""One valid value for each operator."""

from typing import Any

from segments.domain.operators import Operator

_ITEM_TESTS = {"tests": [{"property": "sku", "op": "is", "value": "a"}]}

SAMPLE_VALUES: dict[Operator, dict[str, Any]] = {
    Operator.IS: {"value": "a"},
    Operator.IS_NOT: {"value": 1},
    Operator.ONE_OF: {"value": ["a", 1]},
    Operator.NOT_ONE_OF: {"value": ["a", True]},
    Operator.CONTAINS: {"value": "a", "ignore_case": True},
    Operator.NOT_CONTAINS: {"value": "a"},
    Operator.STARTS_WITH: {"value": "a"},
    Operator.ENDS_WITH: {"value": "a"},
    Operator.MATCHES: {"value": "^a+$"},
    Operator.GREATER: {"value": 1},
    Operator.AT_LEAST: {"value": 1.5},
    Operator.LESS: {"value": -1},
    Operator.AT_MOST: {"value": 10**20},
    Operator.BETWEEN: {"value": [1, 2.5]},
    Operator.IS_TRUE: {},
    Operator.IS_FALSE: {},
    Operator.BEFORE: {"value": "2026-01-01"},
    Operator.AFTER: {"value": "2026-01-01T10:00:00"},
    Operator.ON: {"value": "2026-01-01"},
    Operator.WITHIN_LAST: {"value": "P7D"},
    Operator.WITHIN_NEXT: {"value": "P1M"},
    Operator.MORE_THAN_AGO: {"value": "PT4H"},
    Operator.MORE_THAN_AHEAD: {"value": "P1Y2M3DT4H5M6S"},
    Operator.ANNIVERSARY: {"value": {"within_next": "P7D"}},
    Operator.INCLUDES: {"value": True},
    Operator.INCLUDES_ANY: {"value": ["a"]},
    Operator.INCLUDES_ALL: {"value": ["a", 1]},
    Operator.INCLUDES_NONE: {"value": [False]},
    Operator.LENGTH: {"value": {"op": "at_least", "value": 2}},
    Operator.ANY_ITEM: _ITEM_TESTS,
    Operator.EVERY_ITEM: _ITEM_TESTS,
    Operator.NO_ITEM: _ITEM_TESTS,
    Operator.KNOWN: {},
    Operator.UNKNOWN: {},
}
