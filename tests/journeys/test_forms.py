from typing import Any

import pytest
from django.http import QueryDict

from journeys.domain.editing import ENTRY, EXIT, Place, own, sections_of
from journeys.forms import Known, PartForm
from tests.journeys.documents import Document, crm, leave, send, set_trait, wait, wait_until

KNOWN = Known(
    templates=[("welcome", "Welcome"), ("bye", "Good-bye")],
    segments=[("vip", "VIP customers")],
    events=["Page Viewed"],
)


def form(part: str, content: Document, data: dict[str, Any] | None = None) -> PartForm:
    sent = None
    if data is not None:
        sent = QueryDict(mutable=True)
        for name, value in {"seen": "x", "revision": 1, **data}.items():
            sent[name] = str(value)
    return PartForm(sections_of(part, content), known=KNOWN, seen="x", revision=1, data=sent)


def as_sent(part: str, content: Document) -> dict[str, str]:
    """What a browser sends of a form that nobody touched: read from the rendered fields."""
    sent: dict[str, Any] = {}
    made = form(part, content)
    for name in made.editables:
        bound = made[name]
        widget = bound.field.widget
        value = bound.value()
        if hasattr(widget, "decompress"):
            parts = widget.decompress(value)
            sent |= {f"{name}_{number}": "" if each is None else each for number, each in enumerate(parts)}
        else:
            sent[name] = "" if value is None else value
    return {name: str(value) for name, value in sent.items()}


def changes(part: str, content: Document, **data: Any) -> dict[Place, Any]:
    made = form(part, content, {**as_sent(part, content), **data})
    assert made.is_valid(), made.errors
    return made.changed_values()


def errors(part: str, content: Document, data: dict[str, Any]) -> dict[str, list[str]]:
    made = form(part, content, {**as_sent(part, content), **data})
    assert not made.is_valid()
    return {name: [str(each) for each in found] for name, found in made.errors.items()}


THIRD_VISIT = {
    "on": {"event": "Page Viewed"},
    "if": {"event": "Page Viewed", "count": {"op": "exactly", "value": 3}, "during": {"last": "P7D"}},
    "reentry": {"policy": "never", "not_within": "P30D"},
}


@pytest.mark.parametrize(
    ("part", "content"),
    [
        (ENTRY, THIRD_VISIT),
        (ENTRY, {"on": {"event": "Page Viewed"}}),  # what is left out shows its default and stays out
        (EXIT, {"event": "A", "during": {"since": "entry"}}),
        (EXIT, {"event": "A", "during": {"before_last": "PT36H"}}),
        (EXIT, {"event": "A"}),
        (EXIT, {"trait": "n", "op": "one_of", "value": [1, 2.5]}),
        (EXIT, {"trait": "n", "op": "one_of", "value": ["1", "b"]}),
        (EXIT, {"trait": "n", "op": "greater", "value": 0.1}),
        (EXIT, {"trait": "n", "op": "includes", "value": False}),
        (EXIT, {"segment": "gone", "is": "member"}),  # not on offer any more, kept all the same
        ("w", wait(length="P2W")),  # shown as 14 days
        ("w", wait(length="PT24H")),
        ("u", own(wait_until(timeout="P3D"))),
        ("s", send()),
        ("s", {"id": "s", "kind": "send", "channel": "email", "template": "welcome"}),
        ("c", crm()),
        ("t", set_trait()),
        ("x", leave()),
        ("x", {"id": "x", "kind": "exit"}),
    ],
)
def test_changed_values__nothing_touched(part: str, content: Document) -> None:
    assert changes(part, content) == {}


def test_changed_values__count_and_window_of_the_entry() -> None:
    assert changes(ENTRY, THIRD_VISIT, **{"if/count_1": 5, "if/during_1": 2, "if/during_2": "WEEKS"}) == {
        ("if", "count"): {"op": "exactly", "value": 5},
        ("if", "during"): {"last": "P2W"},
    }


def test_changed_values__event_of_the_trigger() -> None:
    assert changes(ENTRY, THIRD_VISIT, **{"on/event": "Cart Updated"}) == {("on", "event"): "Cart Updated"}


@pytest.mark.parametrize(
    ("kind", "during"),
    [("ever", None), ("since", {"since": "entry"}), ("before_last", {"before_last": "P7D"})],
)
def test_changed_values__window(kind: str, during: Any) -> None:
    assert changes(ENTRY, THIRD_VISIT, **{"if/during_0": kind}) == {("if", "during"): during}


def test_changed_values__wait() -> None:
    assert changes("w", wait(), **{"for_0": 3, "for_1": "DAYS"}) == {("for",): "P3D"}
    assert changes("w", wait(length="P1D"), **{"for_0": 24, "for_1": "HOURS"}) == {}  # the same length


def test_changed_values__template_and_name() -> None:
    assert changes("s", send(), template="bye", name="Say good-bye") == {
        ("template",): "bye",
        ("name",): "Say good-bye",
    }


def test_changed_values__emptied_name_is_taken_out() -> None:
    assert changes("w", {**wait(), "name": "Patience"}, name="") == {("name",): None}


@pytest.mark.parametrize(
    ("condition", "data", "expected"),
    [
        ({"trait": "n", "op": "greater", "value": 5}, {"value": "7"}, 7),
        ({"trait": "n", "op": "greater", "value": 5}, {"value": "7.5"}, 7.5),
        ({"trait": "n", "op": "is", "value": "5"}, {"value": "7"}, "7"),  # a text stays a text
        ({"trait": "n", "op": "one_of", "value": [1, 2]}, {"value": "1\n3"}, [1, 3]),
        ({"trait": "n", "op": "one_of", "value": ["a"]}, {"value": " a \r\n\r\nb"}, ["a", "b"]),
        ({"trait": "n", "op": "includes", "value": True}, {"value": "false"}, False),
    ],
)
def test_changed_values__keep_their_type(condition: Document, data: dict[str, str], expected: Any) -> None:
    (value,) = changes(EXIT, condition, **data).values()
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("part", "content", "data", "field"),
    [
        ("w", wait(), {"for_0": ""}, "for"),
        ("w", wait(), {"for_0": "0"}, "for"),
        ("w", wait(), {"for_0": "soon"}, "for"),
        ("w", wait(), {"for_1": "MOONS"}, "for"),
        (ENTRY, THIRD_VISIT, {"if/count_1": "-1"}, "if/count"),
        (ENTRY, THIRD_VISIT, {"if/count_1": ""}, "if/count"),
        (ENTRY, THIRD_VISIT, {"if/during_1": ""}, "if/during"),
        (ENTRY, THIRD_VISIT, {"on/event": ""}, "on/event"),
        (ENTRY, THIRD_VISIT, {"reentry/policy": "sometimes"}, "reentry/policy"),
        ("s", send(), {"template": "gone"}, "template"),
        (EXIT, {"trait": "n", "op": "greater", "value": 5}, {"value": "many"}, "value"),
        (EXIT, {"trait": "n", "op": "one_of", "value": [1]}, {"value": "1\nb"}, "value"),
        (EXIT, {"trait": "n", "op": "one_of", "value": ["a"]}, {"value": " "}, "value"),
    ],
)
def test_errors__stand_at_their_field(part: str, content: Document, data: dict[str, Any], field: str) -> None:
    assert list(errors(part, content, data)) == [field]


def test_shown__titles_say_the_condition_in_words() -> None:
    titles = [section.title for section in form(ENTRY, THIRD_VISIT).shown()]
    assert titles == ["", "Did “Page Viewed” exactly 3 times in the last 7 days", "Entering again"]


def test_shown__a_condition_in_the_making_has_a_title_too() -> None:
    (section,) = form(EXIT, {"trait": "plan", "op": "is"}).shown()
    assert section.title == "A condition that is not complete"


def test_every_field_can_be_found_by_its_label() -> None:
    html = str(form(ENTRY, THIRD_VISIT).as_p())
    for name in ("f-on/event", "f-if/count_0", "f-if/during_0", "f-reentry/policy"):
        assert f'id="{name}"' in html
