"""Every kind of step is found in a document, changed, described and laid out."""

import pytest

from journeys.domain.changes import ChangeKind, Part, changes_between
from journeys.domain.definition import parse_journey
from journeys.domain.describe import entry_summary, summary, trigger_title
from journeys.domain.layout import columns, ways_of
from journeys.domain.outline import conditions_of, step_in, steps_in
from tests.journeys.documents import (
    Document,
    crm,
    go_to,
    is_vip,
    journey,
    list_change,
    repeat,
    split,
    wait,
    wait_for,
)

WIDE = journey(
    steps=[
        split(variants={"A": (40, [crm("a")]), "B": (50, [wait("b")])}, hold_out=10),
        repeat(steps=[crm("in")], until=is_vip()),
    ]
)


def test_outline__goes_into_splits_and_repeats() -> None:
    assert [step.part["id"] for step in steps_in(WIDE)] == ["p", "a", "b", "r", "in"]
    found = step_in(WIDE, "in")
    assert found is not None
    assert found.path == "steps[1].steps[0]"
    repeated = step_in(WIDE, "r")
    assert repeated is not None
    assert list(conditions_of(repeated)) == [("steps[1].until", is_vip())]


def test_changes__inside_of_splits_and_repeats() -> None:
    changed = journey(
        steps=[
            split(variants={"A": (40, [crm("a")]), "B": (50, [wait("b", length="P1D")])}, hold_out=10),
            repeat(steps=[crm("in", action="create_deal")], until=is_vip()),
        ]
    )
    found = changes_between(parse_journey(WIDE), parse_journey(changed))
    assert [(each.part, each.kind, each.step_id) for each in found] == [
        (Part.STEP, ChangeKind.CHANGED, "b"),
        (Part.STEP, ChangeKind.CHANGED, "in"),
    ]


def test_layout__a_column_for_each_variant_and_the_held_out() -> None:
    assert columns(WIDE["steps"]) == 3
    assert [(way.kind.value, way.name) for way in ways_of(WIDE["steps"][0])] == [
        ("variant", "A"),
        ("variant", "B"),
        ("held_out", ""),
    ]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (wait_for(until={"at": "16:00", "days": ["fri"]}), "Go on at 16:00 on Friday"),
        (wait_for(until={"from": "22:00", "to": "06:00"}), "Go on from 22:00 to 06:00"),
        (wait_for(until={"from": "18:00"}), "Go on from 18:00 to 24:00"),
        (wait_for(until={"days": ["sat", "sun"]}), "Go on Saturday, Sunday"),
        (
            wait_for(until_date={"trait": "plan.ends", "offset": "-P7D", "at": "09:00"}),
            "7 days before the date in “plan.ends”, at 09:00",
        ),
        (
            wait_for(until_date={"trait": "ends", "offset": "P1M2D"}),
            "1 month and 2 days after the date in “ends”",
        ),
        (wait_for(until_date={"trait": "ends"}), "When the date in “ends” comes"),
        (split(variants={"A": (40, []), "B": (50.5, [])}, hold_out=9.5), "A 40 %, B 50.5 %, held out 9.5 %"),
        (repeat(steps=[crm()], times=3), "3 times"),
        (repeat(steps=[crm()], times=1, until=is_vip()), "At most 1 time, until: vip is yes"),
        (list_change(), "Add to “beta”"),
        (list_change(change="remove"), "Take off “beta”"),
        (go_to(), "Leave for “other”"),
    ],
)
def test_summary(step: Document, said: str) -> None:
    assert summary(parse_journey(journey(steps=[step])).first) == said


@pytest.mark.parametrize(
    ("on", "title", "said"),
    [
        ({"segment": "vip", "change": "entered"}, "vip", "When somebody enters “vip”"),
        ({"segment": "vip", "change": "left"}, "vip", "When somebody leaves “vip”"),
        (
            {"date": "born", "every": "year", "at": "09:00"},
            "born",
            "When the date in “born” comes, at 09:00, every year",
        ),
        (
            {"schedule": "0 9 * * MON", "segment": "vip"},
            "vip",
            "Everybody in “vip”, at the times of 0 9 * * MON",
        ),
        ({"api": True}, "By the API", "When another system names somebody"),
    ],
)
def test_entry_summary(on: Document, title: str, said: str) -> None:
    entry = parse_journey(journey(entry={"on": on})).entry
    assert trigger_title(entry.on) == title
    assert entry_summary(entry) == said
