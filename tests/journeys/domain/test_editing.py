from typing import Any

import pytest

from journeys.domain.editing import (
    ENTRY,
    EXIT,
    GOAL,
    Editable,
    Section,
    ValueKind,
    changed,
    dotted,
    own,
    part_at,
    sections_of,
)
from segments.domain.operators import OPERATORS, Operator, Takes
from tests.journeys.documents import (
    Document,
    branch,
    cart_journey,
    case,
    crm,
    is_vip,
    journey,
    leave,
    send,
    set_trait,
    wait,
    wait_until,
)


def values_of(part: str, content: Any) -> dict[str, Editable]:
    return {value.name: value for section in sections_of(part, content) for value in section.values}


def kinds_of(part: str, content: Any) -> dict[str, ValueKind]:
    return {name: value.kind for name, value in values_of(part, content).items()}


def leaf(condition: Document) -> Section:
    (section,) = sections_of(EXIT, condition)
    return section


def shown(condition: Document) -> dict[str, tuple[ValueKind, Any]]:
    return {value.name: (value.kind, value.value) for value in leaf(condition).values}


@pytest.mark.parametrize(
    ("part", "path"),
    [(ENTRY, "entry"), (GOAL, "goal"), (EXIT, "exit_when"), ("s1", "steps[0]"), ("g1", "goal.steps[0]")],
)
def test_part_at(part: str, path: str) -> None:
    found = part_at(cart_journey(), part)
    assert found is not None
    assert found[0] == path


@pytest.mark.parametrize("part", ["nowhere", "@nowhere", ""])
def test_part_at__nothing_there(part: str) -> None:
    assert part_at(cart_journey(), part) is None


def test_part_at__a_step_may_be_called_like_a_part() -> None:
    document = journey(steps=[wait("goal")])
    assert part_at(document, "goal") == ("steps[0]", wait("goal"))
    assert part_at(document, GOAL) is None


def test_own__leaves_out_the_steps_below() -> None:
    step = branch(cases=[case("VIP", condition=is_vip(), steps=[wait()])], otherwise=[wait("w2")])
    assert own(step) == {
        "id": "b",
        "kind": "branch",
        "cases": [{"name": "VIP", "if": is_vip()}],
    }
    assert "then" not in own(wait_until(then=[leave()]))
    assert own({"if": is_vip(), "steps": [crm()]}) == {"if": is_vip()}


@pytest.mark.parametrize(
    ("step", "kinds"),
    [
        (wait(), {"name": ValueKind.TEXT, "for": ValueKind.LENGTH}),
        (
            wait_until(condition=is_vip(), timeout="P1D"),
            {"name": ValueKind.TEXT, "timeout": ValueKind.LENGTH},
        ),
        (
            send(),
            {
                "name": ValueKind.TEXT,
                "template": ValueKind.TEMPLATE,
                "class": ValueKind.MESSAGE_CLASS,
            },
        ),
        (crm(), {"name": ValueKind.TEXT, "fields/subject": ValueKind.TEMPLATE_TEXT}),
        (set_trait(), {"name": ValueKind.TEXT, "set/plan": ValueKind.TEMPLATE_TEXT}),
        (
            {**set_trait(), "set": {"n": 5, "is": True, "deep": {"a": 1}, "a/b~c": "x"}},
            {
                "name": ValueKind.TEXT,
                "set/n": ValueKind.NUMBER,
                "set/is": ValueKind.YES_NO,
                "set/a~1b~0c": ValueKind.TEMPLATE_TEXT,
            },
        ),
        (leave(), {"name": ValueKind.TEXT, "reason": ValueKind.TEXT}),
        (
            branch(cases=[case("VIP", condition={"known": "email"}, steps=[])]),
            {
                "name": ValueKind.TEXT,
                "cases/0/name": ValueKind.TEXT,
                "cases/0/if/known": ValueKind.TEXT,
            },
        ),
    ],
)
def test_sections_of__steps(step: Document, kinds: dict[str, ValueKind]) -> None:
    assert kinds_of(step["id"], own(step)) == kinds


def test_sections_of__entry() -> None:
    entry = {
        "on": {"event": "Page Viewed", "where": [{"property": "path", "op": "is", "value": "/a"}]},
        "if": {"event": "Page Viewed", "count": {"op": "exactly", "value": 3}, "during": {"last": "P7D"}},
        "reentry": {"not_within": "P30D"},
    }
    assert kinds_of(ENTRY, entry) == {
        "on/event": ValueKind.EVENT,
        "on/where/0/value": ValueKind.TEXT,
        "if/event": ValueKind.EVENT,
        "if/count": ValueKind.COUNT,
        "if/during": ValueKind.WINDOW,
        "reentry/policy": ValueKind.POLICY,
        "reentry/again": ValueKind.AGAIN,
        "reentry/not_within": ValueKind.LENGTH,
    }


def test_sections_of__goal_in_both_forms() -> None:
    assert list(values_of(GOAL, {"known": "email"})) == ["known"]
    assert list(values_of(GOAL, {"if": {"known": "email"}})) == ["if/known"]


def test_sections_of__groups_are_told_apart_by_their_joiners() -> None:
    condition = {
        "any": [{"known": "a"}, {"all": [{"known": "b"}, {"known": "c"}]}, {"none": [{"known": "d"}]}]
    }
    joiners = [str(section.joiner or "") for section in sections_of(EXIT, condition)]
    assert joiners == ["", "or", "and", "or"]
    assert list(values_of(EXIT, condition)) == [
        "any/0/known",
        "any/1/all/0/known",
        "any/1/all/1/known",
        "any/2/none/0/known",
    ]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"trait": "plan", "op": "is", "value": "gold"}, {"value": (ValueKind.TEXT, "gold")}),
        ({"trait": "age", "op": "greater", "value": 18}, {"value": (ValueKind.NUMBER, 18)}),
        (
            {"trait": "age", "op": "between", "value": [18, 30]},
            {
                "value/0": (ValueKind.NUMBER, 18),
                "value/1": (ValueKind.NUMBER, 30),
            },
        ),
        ({"trait": "plan", "op": "one_of", "value": ["a", "b"]}, {"value": (ValueKind.LINES, ["a", "b"])}),
        ({"trait": "tags", "op": "includes", "value": True}, {"value": (ValueKind.YES_NO, True)}),
        ({"trait": "seen", "op": "within_last", "value": "P7D"}, {"value": (ValueKind.LENGTH, "P7D")}),
        ({"trait": "seen", "op": "within_last", "value": "P3M"}, {"value": (ValueKind.TEXT, "P3M")}),
        ({"trait": "born", "op": "anniversary", "value": "today"}, {"value": (ValueKind.TEXT, "today")}),
        (
            {"trait": "born", "op": "anniversary", "value": {"within_next": "P7D"}},
            {"value/within_next": (ValueKind.LENGTH, "P7D")},
        ),
        (
            {"trait": "tags", "op": "length", "value": {"op": "at_least", "value": 2}},
            {"value/value": (ValueKind.NUMBER, 2)},
        ),
        ({"trait": "vip", "op": "is_true"}, {}),
        ({"trait": "plan", "op": "one_of", "value": ["a", True]}, {}),  # cannot be told apart as lines
        ({"context": "page.path", "op": "is", "value": "/a"}, {"value": (ValueKind.TEXT, "/a")}),
        ({"consent": "email_marketing", "is": "granted"}, {"is": (ValueKind.CONSENT, "granted")}),
        (
            {"segment": "vip", "is": "member"},
            {
                "segment": (ValueKind.SEGMENT, "vip"),
                "is": (ValueKind.STANDING, "member"),
            },
        ),
        (
            {"segment": "vip", "is": "left", "during": {"last": "P7D"}},
            {
                "segment": (ValueKind.SEGMENT, "vip"),
                "is": (ValueKind.STANDING, "left"),
                "during": (ValueKind.WINDOW, {"last": "P7D"}),
            },
        ),
        (
            {"event": "A", "during": {"between": ["2026-01-01", "2026-02-01"]}},
            {
                "event": (ValueKind.EVENT, "A"),
                "count": (ValueKind.COUNT, None),
                "during/between/0": (ValueKind.TEXT, "2026-01-01"),
                "during/between/1": (ValueKind.TEXT, "2026-02-01"),
            },
        ),
        (
            {
                "event": "A",
                "where": [{"property": "cart", "op": "is", "same_as": {"entry": "properties.cart"}}],
            },
            {
                "event": (ValueKind.EVENT, "A"),
                "count": (ValueKind.COUNT, None),
                "during": (ValueKind.WINDOW, None),
            },
        ),
    ],
)
def test_sections_of__leaves(condition: Document, expected: dict[str, Any]) -> None:
    assert shown(condition) == expected


@pytest.mark.parametrize(
    "condition",
    [
        {"total": "sum", "event": "Order Completed", "property": "revenue", "op": "greater", "value": 5},
        {"sequence": [{"event": "A"}]},
        {"bucket": "salt", "from": 0, "to": 50},
    ],
)
def test_sections_of__kinds_without_a_form_are_named(condition: Document) -> None:
    section = leaf(condition)
    assert section.values == ()
    assert section.note is not None


def test_every_operator_that_takes_a_value_has_a_label_that_names_it() -> None:
    for operator in Operator:
        row = OPERATORS[operator]
        assert ("{value}" in row.label) is (row.takes is not Takes.NOTHING)


def test_changed__puts_values_in_their_place() -> None:
    document = cart_journey()
    result = changed(document, "s2", {("timeout",): "P1D", ("if", "count"): {"op": "exactly", "value": 2}})
    assert result["steps"][1]["timeout"] == "P1D"
    assert result["steps"][1]["if"]["count"] == {"op": "exactly", "value": 2}
    assert document == cart_journey()  # the one that was given stays as it is


def test_changed__none_takes_a_value_out() -> None:
    result = changed(cart_journey(), "s2", {("name",): None, ("if", "during"): None, ("id2",): None})
    assert "name" not in result["steps"][1]
    assert "during" not in result["steps"][1]["if"]


def test_changed__makes_the_objects_on_the_way() -> None:
    document = journey(entry={"on": {"event": "A"}})
    result = changed(document, ENTRY, {("reentry", "policy"): "never"})
    assert result["entry"]["reentry"] == {"policy": "never"}


def test_changed__part_that_is_gone() -> None:
    with pytest.raises(KeyError):
        changed(journey(), "gone", {("name",): "x"})


def test_dotted() -> None:
    assert dotted("steps[0]", ("if", "all", 1, "count")) == "steps[0].if.all[1].count"
    assert dotted("", ("a", 0)) == "a[0]"
