"""What is learned of a document, and what stays with the person it tells about."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from profiles.domain.catalogue import (
    MOST_VALUES,
    Gathering,
    Shape,
    is_shareable,
    places_of,
    shape_of,
    usual_values,
)

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_places__go_into_objects_and_lists_of_objects() -> None:
    document = {
        "total": 3,
        "gone": None,
        "shop": {"city": {"part": {"street": "x"}}, "open": True},
        "items": [{"sku": "T1", "more": [{"deep": 1}]}, "loose", {"sku": "T2"}],
    }
    assert list(places_of(document)) == [
        ("total", 3),
        ("shop.open", True),
        ("items", document["items"]),
        ("items[].sku", "T1"),
        ("items[].more", [{"deep": 1}]),
        ("items[].more[].deep", 1),
        ("items[].sku", "T2"),
    ]


@pytest.mark.parametrize("key", ["a@example.com", "a.b", "two words", "order4711", "", "x" * 121, "a[0]"])
def test_places__leave_keys_that_are_data(key: str) -> None:
    assert list(places_of({key: 1})) == []


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("Tents", Shape.TEXT),
        ("2026-11-23", Shape.DATE),
        ("2026-11-23T10:00:00.123Z", Shape.DATE),
        ("2026-11-23 late", Shape.TEXT),
        (1, Shape.NUMBER),
        (Decimal("1.5"), Shape.NUMBER),
        (True, Shape.YES_NO),
        (["a"], Shape.LIST),
        ({"a": 1}, None),
    ],
)
def test_shape_of(value: Any, shape: Shape | None) -> None:
    assert shape_of(value) is shape


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("category", "Tents"),
        ("items[].color", "dark green"),
        ("rating", 4),
        ("product_name", "Larch 2"),
        ("plan", "plus"),
    ],
)
def test_shareable(path: str, value: Any) -> None:
    assert is_shareable(path, value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("firstName", "Ada"),
        ("last_name", "Berg"),
        ("email", "ada"),
        ("contact", "ada@example.com"),
        ("shipping.street", "Elm"),
        ("phoneNumber", "x"),
        ("order_id", "A1"),
        ("orderId", "A1"),
        ("comment", "ok"),
        ("code", "4711-0815"),
        ("opinion", "one two three four five six"),
        ("category", "x" * 61),
        ("category", ""),
        ("price", 1999),
        ("born", "2000-01-01"),
        ("vip", True),
        ("shop", {"city": "x"}),
    ],
)
def test_not_shareable(path: str, value: Any) -> None:
    assert not is_shareable(path, value)


def values_of(gathering: Gathering, path: str) -> dict[str, int]:
    return dict(gathering.parts[("Viewed", path)].values)


class TestGathering:
    def test_a_value_of_one_person_is_nobody_elses_business(self) -> None:
        gathering = Gathering()
        for _ in range(5):
            gathering.look("Viewed", {"mood": "sad"}, person=1, at=AT)
        assert values_of(gathering, "mood") == {}
        gathering.look("Viewed", {"mood": "sad"}, person=2, at=AT)
        assert values_of(gathering, "mood") == {'"sad"': 1}
        gathering.look("Viewed", {"mood": "sad"}, person=1, at=AT)
        assert values_of(gathering, "mood") == {'"sad"': 2}

    def test_what_was_taken_is_not_given_twice(self) -> None:
        gathering = Gathering()
        gathering.counts["Viewed"] = 2
        for person in (1, 2):
            gathering.look("Viewed", {"mood": "sad"}, person=person, at=AT)
        taken = gathering.take()
        assert taken.parts[("Viewed", "mood")].seen == 2
        assert taken.counts == {"Viewed": 2}
        again = gathering.take()
        assert (again.parts, again.counts) == ({}, {})
        gathering.look("Viewed", {"mood": "sad"}, person=1, at=AT)  # known to be shared
        assert gathering.take().parts[("Viewed", "mood")].values == {'"sad"': 1}

    def test_items_of_a_list_are_values(self) -> None:
        gathering = Gathering()
        for person in (1, 2):
            gathering.look("Viewed", {"tags": ["a", 2]}, person=person, at=AT)
        assert values_of(gathering, "tags") == {'"a"': 1, "2": 1}
        assert gathering.parts[("Viewed", "tags")].types == {"list": 2}


def test_usual_values() -> None:
    few = {str(number): 1 for number in range(MOST_VALUES)}
    assert usual_values(few) == few
    assert usual_values({**few, "more": 2}) is None
    kept = usual_values({**few, "more": 9})
    assert kept is not None
    assert len(kept) == 20
    assert next(iter(kept)) == "more"
