"""Computed traits of one person: values, and when they change by time."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from segments.domain.computed import (
    Fifths,
    computed_json,
    fifths_json,
    parse_computed,
    read_fifths,
    turns_at,
    value_of,
)
from segments.domain.parse import ConditionError
from tests.segments.domain.people import NOW, happened, somebody

DAY = timedelta(days=1)


def definition(compute: str, **parts: Any) -> Any:
    needs_no_property = compute in ("count", "days_since")
    named = {} if needs_no_property else {"property": "revenue"}
    return parse_computed({"language": 1, "compute": compute, "event": "Order"} | named | parts)


def orders(*values: Any, days: int = 10) -> Any:
    """Somebody who ordered on following days, the first so many days ago."""
    return somebody(
        events=[
            happened(
                "Order", ts=NOW - (days - place) * DAY, properties={} if value is None else {"revenue": value}
            )
            for place, value in enumerate(values)
        ]
    )


@pytest.mark.parametrize(
    ("compute", "values", "expected"),
    [
        ("count", (1, None, "x"), 3),
        ("count", (), 0),
        ("sum", (1, 2.5, "3", None, True), 3.5),
        ("sum", (), 0),
        ("average", (1, 2), 1.5),
        ("average", ("x",), None),
        ("min", (3, -1, 2), -1),
        ("max", (3, -1, 2), 3),
        ("max", (), None),
        ("distinct", (1, 1.0, True, "1", None, "1"), 3),
        ("first", (None, "a", "b"), "a"),
        ("last", ("a", {"k": [1]}, None), {"k": [1]}),
        ("last", (), None),
        ("most_frequent", ("a", "b", "b", "a", "c"), "a"),
        ("most_frequent", (1, 1.0, "x", True), 1.0),
        ("most_frequent", (), None),
    ],
)
def test_value_of(compute: str, values: tuple[Any, ...], expected: Any) -> None:
    found = value_of(definition(compute), orders(*values), now=NOW)
    assert found == expected
    assert isinstance(found, bool) is isinstance(expected, bool)


def test_value_of__asks_tests_and_windows() -> None:
    where = [{"property": "revenue", "op": "greater", "value": 1}]
    person = orders(1, 2, 3, 4, days=4)
    assert value_of(definition("count", where=where), person, now=NOW) == 3
    assert value_of(definition("sum", during={"last": "P2D"}), person, now=NOW) == 4
    assert value_of(definition("sum", during={"last": "P2D"}), person, now=NOW - timedelta(seconds=1)) == 7


def test_days_since__counts_days_of_the_persons_calendar() -> None:
    at = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)
    person = somebody(events=[happened("Order", ts=at)], zone="Europe/Berlin")
    since = definition("days_since")
    assert value_of(since, person, now=datetime(2026, 11, 22, 22, 59, tzinfo=UTC)) == 0
    midnight = datetime(2026, 11, 22, 23, tzinfo=UTC)
    assert turns_at(since, person, now=at) == midnight
    assert value_of(since, person, now=midnight) == 1
    assert turns_at(since, person, now=midnight) == midnight + DAY
    assert value_of(since, somebody(), now=NOW) is None
    assert turns_at(since, somebody(), now=NOW) is None


def test_turns_at__when_the_oldest_leaves_the_window() -> None:
    person = orders(1, 2, days=5)
    assert turns_at(definition("sum", during={"last": "P7D"}), person, now=NOW) == NOW + 2 * DAY
    assert turns_at(definition("sum"), person, now=NOW) is None
    assert turns_at(definition("sum"), person, now=NOW - 5 * DAY) == NOW - 4 * DAY


def test_rfm__by_fifths_of_all_customers() -> None:
    fifths = Fifths(
        last=tuple(NOW - days * DAY for days in (40, 30, 20, 10)),
        count=(1, 2, 3, 4),
        sum=tuple(map(Decimal, ("10", "20", "30.5", "40"))),
    )
    person = orders(20, 10.5, days=15)  # the last 14 days ago
    expected = {"recency": 4, "frequency": 2, "monetary": 3, "score": "423"}
    assert value_of(definition("rfm"), person, now=NOW, fifths=fifths) == expected
    assert value_of(definition("rfm"), somebody(), now=NOW, fifths=fifths) is None
    assert read_fifths(fifths_json(fifths)) == fifths


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ([], ""),
        ({"compute": "magic", "event": "Order"}, "compute"),
        ({"compute": "sum", "event": "Order"}, "property"),
        ({"compute": "count", "event": "Order", "property": "x"}, "property"),
        ({"compute": "count", "event": "Order", "count": {"op": "at_least", "value": 1}}, "count"),
        ({"compute": "count"}, "event"),
        ({"compute": "count", "event": "Order", "colour": 1}, "colour"),
        ({"compute": "count", "event": "Order", "during": {"since": "entry"}}, "during.since"),
        ({"language": 2, "compute": "count", "event": "Order"}, "language"),
        (
            {
                "compute": "count",
                "event": "Order",
                "where": [{"property": "at", "op": "within_last", "value": "P1D"}],
            },
            "where[0]",
        ),
    ],
)
def test_parse__names_the_place(document: Any, path: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse_computed(document)
    assert caught.value.path == path


def test_parse__and_back() -> None:
    where = [{"property": "category", "op": "is", "value": "shoes"}]
    document = {
        "language": 1,
        "compute": "most_frequent",
        "event": "Order",
        "property": "items.0.sku",
        "where": where,
        "during": {"last": "P90D"},
    }
    assert computed_json(parse_computed(document)) == document
