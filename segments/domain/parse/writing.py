"""A tree as JSON."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, assert_never

from segments.domain.conditions import (
    AllOf,
    AnyOf,
    BeforeLast,
    Between,
    By,
    Channel,
    Condition,
    ConsentIs,
    ContextTest,
    Count,
    During,
    Engagement,
    EventCount,
    EventHad,
    EventLeaf,
    EventSequence,
    EventTotal,
    Ever,
    HasBeen,
    IdentityKnown,
    InBucket,
    InSegment,
    Last,
    NoneOf,
    OnList,
    PersonLeaf,
    SequenceStep,
    SinceEntry,
    Test,
    TraitTest,
)
from segments.domain.operators import (
    OPERATORS,
    Comparison,
    EntryValue,
    ItemTest,
    Range,
    StepValue,
    Takes,
    Today,
    Value,
)
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
        case _:
            return _event_json(condition) if isinstance(condition, EventLeaf) else _person_json(condition)


def _person_json(leaf: PersonLeaf) -> dict[str, Any]:
    match leaf:
        case TraitTest():
            return {"trait": ".".join(leaf.path), **_comparison_json(leaf.comparison)}
        case HasBeen():
            test = {"trait": ".".join(leaf.path), **_comparison_json(leaf.comparison)}
            return {"has_been": test, "for": {"op": str(leaf.span), "value": str(leaf.length)}}
        case ContextTest():
            return {"context": ".".join(leaf.path), **_comparison_json(leaf.comparison)}
        case InSegment():
            return {"segment": leaf.slug, "is": str(leaf.standing), **_during_json(leaf.during)}
        case OnList():
            return {"list": leaf.slug}
        case InBucket():
            return {"bucket": leaf.salt, "from": json_number(leaf.start), "to": json_number(leaf.end)}
        case ConsentIs():
            return {"consent": leaf.category, "is": str(leaf.state)}
        case IdentityKnown():
            return {"known": leaf.kind}
        case _:
            assert_never(leaf)


def _event_json(leaf: EventLeaf) -> dict[str, Any]:
    during = _during_json(leaf.during)
    match leaf:
        case EventCount():
            return {
                "event": leaf.name,
                **_tests_json("where", leaf.where),
                **_count_json(leaf.count),
                **during,
            }
        case EventTotal():
            return {
                "total": str(leaf.kind),
                "event": leaf.name,
                "property": ".".join(leaf.path),
                **_tests_json("where", leaf.where),
                **during,
                **_comparison_json(leaf.comparison),
            }
        case EventHad():
            tests = {**_tests_json("where", leaf.where), **_tests_json("had", leaf.had)}
            return {str(leaf.position): leaf.name, **tests, **during}
        case EventSequence():
            return {"sequence": [_step_json(step) for step in leaf.steps], **during}
        case Engagement():
            return _engagement_json(leaf) | during
        case _:
            assert_never(leaf)


def _step_json(step: SequenceStep) -> dict[str, Any]:
    document: dict[str, Any] = {"event": step.name, **_tests_json("where", step.where)}
    if step.within is not None:
        document["within"] = str(step.within)
    return document | ({"not": True} if step.is_not else {})


def _engagement_json(leaf: Engagement) -> dict[str, Any]:
    document: dict[str, Any] = {"engagement": str(leaf.kind)}
    if leaf.by is not By.HUMAN:
        document["by"] = str(leaf.by)
    if leaf.channel is not Channel.EMAIL:
        document["channel"] = str(leaf.channel)
    named = {"journey": leaf.journey, "step": leaf.step}
    return document | {key: value for key, value in named.items() if value} | _count_json(leaf.count)


def _tests_json(key: str, tests: Iterable[Test]) -> dict[str, Any]:
    written = [{str(test.source): ".".join(test.path), **_comparison_json(test.comparison)} for test in tests]
    return {key: written} if written else {}


def _count_json(count: Count) -> dict[str, Any]:
    return {} if count == Count() else {"count": {"op": str(count.op), "value": count.value}}


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
    elif isinstance(comparison.value, StepValue):
        document["same_as"] = {"step": comparison.value.step, "property": ".".join(comparison.value.path)}
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
        case EntryValue() | StepValue():
            raise AssertionError("written by the comparison it stands in")
        case _:
            return _time_json(value)


def _time_json(value: DateValue | Length | Today) -> Json:
    return "today" if isinstance(value, Today) else str(value)
