from datetime import timedelta

import pytest

from journeys.domain.definition import parse_journey
from journeys.domain.describe import KIND_LABELS, entry_summary, length_in_words, summary, title
from journeys.domain.nodes import Step
from journeys.domain.schedule import Unit, exact_length, in_largest_unit, written
from tests.journeys.documents import (
    Document,
    branch,
    case,
    crm,
    has_plan,
    is_vip,
    journey,
    leave,
    send,
    set_trait,
    wait,
    wait_until,
    webhook,
)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (wait(length="P1D"), "Go on after 1 day"),
        (
            wait_until(timeout="P3D"),
            "Until: did “Order Completed” at least 1 time since entering; at most 3 days",
        ),
        (wait_until(condition=is_vip()), "Until: vip is yes"),
        (branch(cases=[case("VIP", condition=is_vip(), steps=[])]), "Vip is yes"),
        (
            branch(
                cases=[
                    case("VIP", condition=is_vip(), steps=[]),
                    case("Gold", condition=has_plan("gold"), steps=[]),
                ]
            ),
            "The first of VIP, Gold that holds",
        ),
        (send(template="welcome"), "Welcome mail"),
        (send(template="gone"), "gone"),
        (crm(), "Create a task in crm"),
        (crm(action="ring_bell"), "ring_bell in crm"),
        (webhook(), "Tell hook"),
        (set_trait(), "Set plan = gold"),
        (leave(), "People leave here"),
        (leave(reason="converted"), "converted"),
    ],
)
def test_summary(step: Document, said: str) -> None:
    read = parse_journey(journey(steps=[step])).first
    assert summary(read, templates={"welcome": "Welcome mail"}) == said


def test_kind_labels__every_kind_has_one() -> None:
    assert set(KIND_LABELS) == set(Step.__args__)


def test_title__name_or_kind() -> None:
    assert title(parse_journey(journey(steps=[wait()])).first) == "Wait"
    assert title(parse_journey(journey(steps=[{**wait(), "name": "Patience"}])).first) == "Patience"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"on": {"event": "Cart Updated"}}, "When “Cart Updated” happens"),
        ({"on": {"event": "Cart Updated"}, "if": {"all": []}}, "When “Cart Updated” happens"),
        ({"on": {"event": "Cart Updated"}, "if": is_vip()}, "When “Cart Updated” happens, if: vip is yes"),
        (
            {
                "on": {
                    "event": "Page Viewed",
                    "where": [
                        {"property": "path", "op": "is", "value": "/a"},
                        {"property": "n", "op": "greater", "value": 2},
                    ],
                }
            },
            "When “Page Viewed” happens with path is “/a” and n is greater than 2",
        ),
    ],
)
def test_entry_summary(entry: Document, said: str) -> None:
    assert entry_summary(parse_journey(journey(entry=entry)).entry) == said


@pytest.mark.parametrize(
    ("length", "amount", "unit", "said", "text"),
    [
        (timedelta(seconds=1), 1, Unit.SECONDS, "1 second", "PT1S"),
        (timedelta(seconds=90), 90, Unit.SECONDS, "90 seconds", "PT90S"),
        (timedelta(minutes=90), 90, Unit.MINUTES, "90 minutes", "PT90M"),
        (timedelta(hours=4), 4, Unit.HOURS, "4 hours", "PT4H"),
        (timedelta(hours=36), 36, Unit.HOURS, "36 hours", "PT36H"),
        (timedelta(days=1), 1, Unit.DAYS, "1 day", "P1D"),
        (timedelta(weeks=2), 14, Unit.DAYS, "14 days", "P14D"),
    ],
)
def test_lengths(length: timedelta, amount: int, unit: Unit, said: str, text: str) -> None:
    assert in_largest_unit(length) == (amount, unit)
    assert length_in_words(length) == said
    assert written(amount, unit) == text
    assert exact_length(text) == length


def test_written__weeks() -> None:
    assert exact_length(written(2, Unit.WEEKS)) == timedelta(weeks=2)


@pytest.mark.parametrize("text", ["P1M", "P1Y", "P1DT", "", "x", "PT0S"])
def test_exact_length__refuses(text: str) -> None:
    assert exact_length(text) is None
