"""Who held which identity when; without a database."""

from datetime import UTC, datetime
from itertools import count

import pytest

from cdp_site.backtest.holders import Holders, Joined, Link, holders_of
from cdp_site.pages.try_forms import properties_of

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def link(identity: int, person: int, arrival: int, reason: str = "linked") -> Link:
    key = ("anonymous_id", f"d{identity}")
    return Link(identity_id=identity, key=key, person=person, at=NOON, arrival=arrival, reason=reason)


def holders(*links: Link, merges: tuple[Joined, ...] = ()) -> Holders:
    return holders_of(links, merges, new_id=count(-1, -1).__next__)


def test_a_device_that_changes_hands() -> None:
    found = holders(link(1, 10, 5, "seen"), link(1, 20, 9, "login"))
    assert [found.owner(1, arrival) for arrival in (4, 5, 8, 9, 99)] == [None, 10, 10, 20, 20]
    assert found.owner(2, 5) is None


def test_somebody_who_was_never_stored__comes_back_until_the_message_that_took_them() -> None:
    links = [link(1, 10, 5, "seen"), link(2, 10, 6, "seen"), link(1, 10, 8, "merged")]
    found = holders(*links)
    assert [found.owner(1, arrival) for arrival in (5, 7)] == [-1, -1]
    assert found.owner(2, 6) == 10
    assert [(one.old, one.new, one.arrival) for one in found.merges] == [(-1, 10, 8)]
    assert found.unstored == {-1}


def test_merges_by_hand__stand_in_order() -> None:
    late = Joined(old=30, new=10, at=NOON.replace(hour=13), arrival=0)
    early = Joined(old=20, new=10, at=NOON, arrival=4)
    assert holders(link(1, 10, 0, "merged"), merges=(late, early)).merges == [early, late]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("value = 60\nname=Anna ", {"value": 60, "name": "Anna"}),
        ('items = [{"sku": "a"}]\n\nis = true', {"items": [{"sku": "a"}], "is": True}),
        ("a = b = c", {"a": "b = c"}),
    ],
)
def test_properties_of_a_form(text: str, expected: object) -> None:
    assert properties_of(text) == expected


@pytest.mark.parametrize("text", ["60", "= 1"])
def test_properties_of_a_form__without_a_name(text: str) -> None:
    with pytest.raises(ValueError, match="one property a line"):
        properties_of(text)
