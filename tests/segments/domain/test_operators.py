"""Each operator on values at its edges; what is missing; what is of another type."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from segments.domain.evaluate import holds
from segments.domain.operators import OPERATORS, Operator
from segments.domain.parse import parse_condition
from tests.segments.domain.people import NOW, somebody

YES, NO = True, False

CASES: list[tuple[str, Any, Any, bool]] = [
    # operator, wanted, value, answer
    ("is", "DE", "DE", YES),
    ("is", "DE", "de", NO),
    ("is", "12", 12, NO),
    ("is", 12, "12", NO),
    ("is", 1, True, NO),
    ("is", 7, 7.0, YES),
    ("is", 0.1, Decimal("0.1"), YES),
    ("is", "", "", YES),
    ("is", "x", None, NO),
    ("is_not", "x", None, YES),
    ("is_not", "x", "x", NO),
    ("is_not", "x", 5, YES),
    ("is_not", 5, 5.0, NO),
    ("one_of", ["a", 1, True], "a", YES),
    ("one_of", ["a", 1, True], 1.0, YES),
    ("one_of", ["a", 1], True, NO),
    ("one_of", ["a", True], True, YES),
    ("one_of", ["a"], None, NO),
    ("not_one_of", ["a"], None, YES),
    ("not_one_of", ["a"], "a", NO),
    ("contains", "ell", "hello", YES),
    ("contains", "ell", ["ell"], NO),
    ("contains", "%", "100%", YES),
    ("contains", "_", "a", NO),
    ("not_contains", "ell", None, YES),
    ("not_contains", "ell", "hello", NO),
    ("starts_with", "he", "hello", YES),
    ("starts_with", "lo", "hello", NO),
    ("ends_with", "lo", "hello", YES),
    ("ends_with", "he", "hello", NO),
    ("matches", "^/p/[0-9]+$", "/p/12", YES),
    ("matches", "^/p/[0-9]+$", "/p/12\n", NO),
    ("matches", "p", "/p/", YES),
    ("matches", "a.c", "a\nc", NO),
    ("greater", 5, 5, NO),
    ("greater", 5, 5.0001, YES),
    ("greater", 5, "6", NO),
    ("greater", 5, True, NO),
    ("at_least", 5, 5, YES),
    ("less", 5, 4.9, YES),
    ("less", 5, None, NO),
    ("at_most", 5, 5, YES),
    ("between", [1, 2], 1, YES),
    ("between", [1, 2], 2, YES),
    ("between", [1, 2], 2.01, NO),
    ("greater", 5, 10**309, NO),  # beyond the largest number: missing
    ("greater", 5, float("inf"), NO),
    ("greater", 5, 10**308, YES),
    ("is_true", None, True, YES),
    ("is_true", None, 1, NO),
    ("is_false", None, False, YES),
    ("is_false", None, None, NO),
    ("includes", "a", ["b", "a"], YES),
    ("includes", 1, [True], NO),
    ("includes", True, [True], YES),
    ("includes", "a", "a", NO),
    ("includes", "a", [["a"]], NO),
    ("includes_any", ["a", 1], [1.0], YES),
    ("includes_any", ["a"], [], NO),
    ("includes_all", ["a", 1], [1, "b", "a"], YES),
    ("includes_all", ["a", 1], ["a"], NO),
    ("includes_none", ["a"], None, YES),
    ("includes_none", ["a"], ["b"], YES),
    ("includes_none", ["a"], ["a"], NO),
    ("length", {"op": "at_least", "value": 2}, ["a", None], YES),
    ("length", {"op": "is_not", "value": 2}, None, NO),  # no list has no length
    ("length", {"op": "between", "value": [0, 1]}, [], YES),
    ("known", None, "", YES),
    ("known", None, [], YES),
    ("known", None, False, YES),
    ("known", None, None, NO),
    ("unknown", None, None, YES),
    ("unknown", None, 0, NO),
    # dates; now is noon of 23 November 2026, UTC
    ("before", "2026-11-23", "2026-11-22T23:59:59Z", YES),
    ("before", "2026-11-23", "2026-11-23", NO),
    ("after", "2026-11-23", "2026-11-23T18:00Z", NO),
    ("after", "2026-11-23", "2026-11-24", YES),
    ("after", "2026-11-23T10:00Z", "2026-11-23T10:00:00.000001Z", YES),
    ("on", "2026-11-23", "2026-11-23T00:00:00+00:00", YES),
    ("on", "2026-11-23", 1795435200, YES),
    ("on", "2026-11-23", 1795435200000, YES),
    ("on", "2026-11-23", "23.11.2026", NO),
    ("before", "2030-01-01", "2026-02-30", NO),
    ("before", "2030-01-01", "0001-01-01T00:00:00", NO),
    ("before", "2030-01-01", True, NO),
    ("within_last", "P7D", "2026-11-16T12:00:00Z", NO),
    ("within_last", "P7D", "2026-11-16T12:00:00.000001Z", YES),
    ("within_last", "P7D", "2026-11-23T12:00:00Z", YES),
    ("within_last", "P7D", "2026-11-23T12:00:00.000001Z", NO),
    ("more_than_ago", "P7D", "2026-11-16T12:00:00Z", YES),
    ("more_than_ago", "P7D", "2026-11-16T12:00:01Z", NO),
    ("within_next", "P7D", "2026-11-23T12:00:00Z", NO),
    ("within_next", "P7D", "2026-11-30T12:00:00Z", YES),
    ("more_than_ahead", "P7D", "2026-11-30T12:00:00Z", NO),
    ("more_than_ahead", "P7D", "2026-11-30T12:00:01Z", YES),
    ("within_last", "P1M", "2026-10-23T12:00:01Z", YES),
    ("within_last", "P1M", "2026-10-23T12:00:00Z", NO),
    ("anniversary", "today", "1990-11-23", YES),
    ("anniversary", "today", "1990-11-24", NO),
    ("anniversary", {"within_next": "P7D"}, "1990-11-23", YES),
    ("anniversary", {"within_next": "P7D"}, "1990-11-30", YES),
    ("anniversary", {"within_next": "P7D"}, "1990-12-01", NO),
    ("anniversary", {"within_next": "P2M"}, "1990-01-05", YES),  # over the turn of the year
    ("anniversary", "today", "yesterday", NO),
]


@pytest.mark.parametrize(("op", "wanted", "value", "answer"), CASES)
def test_operator__holds(op: str, wanted: Any, value: Any, answer: bool) -> None:
    document = {"trait": "x", "op": op} | ({} if wanted is None else {"value": wanted})
    traits = {} if value is None else {"x": value}
    assert holds(parse_condition(document), somebody(traits=traits), NOW) is answer


def test_operator__every_one_has_a_case() -> None:
    tested = {op for op, *_ in CASES} | {"any_item", "every_item", "no_item"}
    assert tested == set(Operator) == set(OPERATORS)


@pytest.mark.parametrize("op", list(Operator))
def test_operator__missing_is_false_but_for_opposites(op: Operator) -> None:
    from tests.segments.domain.documents import SAMPLE_VALUES

    condition = parse_condition({"trait": "x", "op": str(op)} | SAMPLE_VALUES[op])
    expected = OPERATORS[op].opposite_of is not None
    for traits in ({}, {"x": None}):
        assert holds(condition, somebody(traits=traits), NOW) is expected


ITEMS = [{"sku": "a", "price": 5}, {"sku": "b", "price": 50}]
ITEM_CASES: list[tuple[str, Any, bool]] = [
    ("any_item", ITEMS, YES),
    ("any_item", [{"sku": "b", "price": 5}, {"sku": "a", "price": 50}], NO),  # one item must pass both
    ("any_item", {}, NO),
    ("any_item", [3, "b"], NO),
    ("no_item", ITEMS, NO),
    ("no_item", None, YES),
    ("no_item", [], YES),
    ("every_item", ITEMS, NO),
    ("every_item", [{"sku": "b", "price": 11}], YES),
    ("every_item", [], NO),
    ("every_item", None, NO),
]


@pytest.mark.parametrize(("op", "value", "answer"), ITEM_CASES)
def test_items__pass_their_tests_together(op: str, value: Any, answer: bool) -> None:
    tests = [
        {"property": "sku", "op": "is", "value": "b"},
        {"property": "price", "op": "greater", "value": 10},
    ]
    condition = parse_condition({"trait": "cart.items", "op": op, "tests": tests})
    assert holds(condition, somebody(traits={"cart": {"items": value}}), NOW) is answer


@pytest.mark.parametrize(
    ("wanted", "value", "answer"),
    [
        ("straße", "STRAßE", YES),
        ("STRASSE", "straße", NO),  # one sign stays one sign
        ("İ", "i̇", NO),
        ("ΑΣ", "ας", NO),  # no rule of a language: the final sigma is another sign
        ("ΑΣ", "ασ", YES),  # noqa: RUF001
        ("é", "É", YES),
    ],
)
def test_ignore_case__lowers_sign_by_sign(wanted: str, value: str, answer: bool) -> None:
    condition = parse_condition({"trait": "x", "op": "is", "value": wanted, "ignore_case": True})
    assert holds(condition, somebody(traits={"x": value}), NOW) is answer


@pytest.mark.parametrize(
    ("pattern", "value", "answer"),
    [("^ABC$", "abc", YES), ("[A-C]x", "bX", YES), ("[^A]", "a", NO), ("É+", "éÉ", YES), (r"\Sx", "YX", YES)],
)
def test_ignore_case__reaches_into_patterns(pattern: str, value: str, answer: bool) -> None:
    condition = parse_condition({"trait": "x", "op": "matches", "value": pattern, "ignore_case": True})
    assert holds(condition, somebody(traits={"x": value}), NOW) is answer


@pytest.mark.parametrize(
    ("path", "answer"),
    [("a.0.b", YES), ("a.00.b", None), ("a.-1.b", None), ("a.1.b", NO), ("a.b", NO), ("a.0.b.c", NO)],
)
def test_path__reaches_into_objects_and_lists(path: str, answer: bool | None) -> None:
    document = {"trait": path, "op": "is", "value": 1}
    if answer is None:
        with pytest.raises(ValueError, match="counts the places"):
            parse_condition(document)
    else:
        assert holds(parse_condition(document), somebody(traits={"a": [{"b": 1}]}), NOW) is answer


DAY_CASES = [
    # zone, operator, wanted, value, now, answer
    ("Europe/Berlin", "on", "2026-11-24", "2026-11-23T23:30:00Z", NOW, YES),
    ("UTC", "on", "2026-11-24", "2026-11-23T23:30:00Z", NOW, NO),
    ("America/New_York", "before", "2026-11-23", "2026-11-23T04:59:59Z", NOW, YES),
    ("America/New_York", "before", "2026-11-23", "2026-11-23T05:00:00Z", NOW, NO),
    # 29 March 2026: the clock of Berlin skips 02:00 to 03:00, so the day has 23 hours.
    (
        "Europe/Berlin",
        "within_last",
        "P1D",
        "2026-03-28T11:30:00Z",
        datetime(2026, 3, 29, 10, 30, tzinfo=UTC),
        NO,
    ),
    (
        "Europe/Berlin",
        "within_last",
        "P1D",
        "2026-03-28T11:31:00Z",
        datetime(2026, 3, 29, 10, 30, tzinfo=UTC),
        YES,
    ),
    (
        "Europe/Berlin",
        "within_last",
        "PT24H",
        "2026-03-28T10:31:00Z",
        datetime(2026, 3, 29, 10, 30, tzinfo=UTC),
        YES,
    ),
    # A clock reading in the gap is taken with the offset before it, a doubled one is the second pass.
    ("Europe/Berlin", "before", "2026-03-29T01:30:00Z", "2026-03-29T02:30:00", NOW, NO),
    ("Europe/Berlin", "after", "2026-03-29T01:29:59Z", "2026-03-29T02:30:00", NOW, YES),
    ("Europe/Berlin", "after", "2026-10-25T01:29:59Z", "2026-10-25T02:30:00", NOW, YES),
    ("Europe/Berlin", "after", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00", NOW, NO),
    ("UTC", "anniversary", "today", "2000-02-29", datetime(2027, 2, 28, 1, tzinfo=UTC), YES),
    ("UTC", "anniversary", "today", "2000-02-29", datetime(2028, 2, 28, 1, tzinfo=UTC), NO),
    ("UTC", "anniversary", "today", "2000-02-29", datetime(2028, 2, 29, 1, tzinfo=UTC), YES),
    ("Asia/Tokyo", "anniversary", "today", "2000-11-24", datetime(2026, 11, 23, 15, tzinfo=UTC), YES),
    ("UTC", "within_last", "P1M", "2026-02-28T11:00:00Z", datetime(2026, 3, 31, 10, tzinfo=UTC), YES),
    ("UTC", "within_last", "P1M", "2026-02-28T10:00:00Z", datetime(2026, 3, 31, 10, tzinfo=UTC), NO),
]


@pytest.mark.parametrize(("zone", "op", "wanted", "value", "now", "answer"), DAY_CASES)
def test_days__follow_the_person_s_calendar(
    zone: str, op: str, wanted: Any, value: str, now: datetime, answer: bool
) -> None:
    condition = parse_condition({"trait": "x", "op": op, "value": wanted})
    assert holds(condition, somebody(traits={"x": value}, zone=zone), now) is answer
