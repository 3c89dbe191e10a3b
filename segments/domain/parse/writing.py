"""A tree as JSON."""

from decimal import Decimal
from typing import Any, assert_never

from segments.domain.conditions import (
    AllOf,
    AnyOf,
    BeforeLast,
    Between,
    Condition,
    ConsentIs,
    ContextTest,
    Count,
    During,
    EventCount,
    Ever,
    IdentityKnown,
    InSegment,
    Last,
    NoneOf,
    SinceEntry,
    TraitTest,
)
from segments.domain.operators import OPERATORS, Comparison, EntryValue, ItemTest, Range, Takes, Today, Value
from segments.domain.patterns import Pattern
from segments.domain.values import DateValue, Json, Length, json_number


def to_json(condition: Condition) -> dict[str, Any]:
    """Write a condition as JSON; `parse_condition` reads an equal one from it."""
    match condition:
        case AllOf():
            return {"all": [to_json(part) for part in condition.of]}
        case AnyOf():
            return {"any": [to_json(part) for part in condition.of]}
        case NoneOf():
            return {"none": [to_json(part) for part in condition.of]}
        case TraitTest():
            return {"trait": ".".join(condition.path), **_comparison_json(condition.comparison)}
        case ContextTest():
            return {"context": ".".join(condition.path), **_comparison_json(condition.comparison)}
        case EventCount():
            return _event_json(condition)
        case InSegment():
            return {
                "segment": condition.slug,
                "is": str(condition.standing),
                **_during_json(condition.during),
            }
        case ConsentIs():
            return {"consent": condition.category, "is": str(condition.state)}
        case IdentityKnown():
            return {"known": condition.kind}
        case _:
            assert_never(condition)


def _event_json(condition: EventCount) -> dict[str, Any]:
    document: dict[str, Any] = {"event": condition.name}
    if condition.where:
        document["where"] = [
            {str(test.source): ".".join(test.path), **_comparison_json(test.comparison)}
            for test in condition.where
        ]
    if condition.count != Count():
        document["count"] = {"op": str(condition.count.op), "value": condition.count.value}
    return document | _during_json(condition.during)


def _during_json(during: During) -> dict[str, Any]:
    match during:
        case Ever():
            return {}
        case Last():
            return {"during": {"last": str(during.length)}}
        case BeforeLast():
            return {"during": {"before_last": str(during.length)}}
        case Between():
            return {"during": {"between": [str(during.start), str(during.end)]}}
        case SinceEntry():
            return {"during": {"since": "entry"}}
        case _:
            assert_never(during)


def _comparison_json(comparison: Comparison) -> dict[str, Any]:
    document: dict[str, Any] = {"op": str(comparison.op)}
    takes = OPERATORS[comparison.op].takes
    if isinstance(comparison.value, EntryValue):
        document["same_as"] = {"entry": ".".join(comparison.value.path)}
    elif takes is Takes.TESTS:
        document["tests"] = _value_json(comparison.value)
    elif takes is Takes.RETURN and isinstance(comparison.value, Length):
        document["value"] = {"within_next": str(comparison.value)}
    elif takes is not Takes.NOTHING:
        document["value"] = _value_json(comparison.value)
    if comparison.ignore_case:
        document["ignore_case"] = True
    return document


def _value_json(value: "Value | ItemTest") -> Json:
    match value:
        case None | str() | bool():
            return value
        case Decimal():
            return json_number(value)
        case tuple():
            return [_value_json(one) for one in value]
        case Range():
            return [json_number(value.low), json_number(value.high)]
        case Pattern():
            return value.source
        case ItemTest():
            return {"property": ".".join(value.path), **_comparison_json(value.comparison)}
        case Comparison():
            return _comparison_json(value)
        case EntryValue():
            raise AssertionError("written by the comparison it stands in")
        case _:
            return _time_json(value)


def _time_json(value: DateValue | Length | Today) -> Json:
    return "today" if isinstance(value, Today) else str(value)
