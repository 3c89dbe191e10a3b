"""What forms show of conditions: a section for each leaf."""

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from journeys.domain.editing.values import Editable, Place, Section, ValueKind, kind_of, length_value
from journeys.domain.outline import Document
from profiles.domain.facts import Json
from segments.domain.operators import OPERATORS, Operator, Takes
from segments.domain.phrases import Phrase, gettext_noop

_JOINERS: Final = {
    "all": Phrase(gettext_noop("and")),
    "any": Phrase(gettext_noop("or")),
    "none": Phrase(gettext_noop("nor")),
}


def condition_sections(condition: Json, place: Place) -> Iterator[Section]:
    """A section for each leaf, from left to right."""
    if not isinstance(condition, Mapping):
        return
    for group, joiner in _JOINERS.items():
        if group in condition:
            for number, part in enumerate(condition[group]):
                sections = list(condition_sections(part, (*place, group, number)))
                if number and sections:
                    sections[0] = _joined(sections[0], joiner)
                yield from sections
            return
    yield _leaf(condition, place)


def _joined(section: Section, joiner: Phrase) -> Section:
    return Section(values=section.values, condition=section.condition, joiner=joiner, note=section.note)


def _leaf(leaf: Document, place: Place) -> Section:
    for key, (known, shown) in _LEAVES.items():
        if key in leaf and leaf.keys() <= known:
            return Section(condition=leaf, values=list(shown(leaf, place)))
    note = Phrase(gettext_noop("This condition can be changed through the API."))
    return Section(condition=leaf, note=note)


def _event(leaf: Document, place: Place) -> Iterator[Editable]:
    yield Editable(
        place=(*place, "event"),
        kind=ValueKind.EVENT,
        label=Phrase(gettext_noop("Event")),
        value=leaf["event"],
    )
    yield from test_values(leaf.get("where"), (*place, "where"))
    yield Editable(
        place=(*place, "count"),
        kind=ValueKind.COUNT,
        label=Phrase(gettext_noop("How often")),
        value=leaf.get("count"),
    )
    yield from _window(leaf, place)


def _window(leaf: Document, place: Place) -> Iterator[Editable]:
    during = leaf.get("during") or {}
    if "between" in during:
        for number, label in enumerate((gettext_noop("From"), gettext_noop("Until before"))):
            yield Editable(
                place=(*place, "during", "between", number),
                kind=ValueKind.TEXT,
                label=Phrase(label),
                value=during["between"][number],
            )
        return
    yield Editable(
        place=(*place, "during"),
        kind=ValueKind.WINDOW,
        label=Phrase(gettext_noop("When")),
        value=leaf.get("during"),
    )


def test_values(where: Json, place: Place) -> Iterator[Editable]:
    for number, test in enumerate(where or []):
        what = str(test.get("property") or test.get("context") or "")
        yield from _comparison(test, (*place, number), what=what)


def _trait(leaf: Document, place: Place) -> Iterator[Editable]:
    return _comparison(leaf, place, what=str(leaf.get("trait") or leaf.get("context")))


def _comparison(test: Document, place: Place, *, what: str) -> Iterator[Editable]:
    """The value that something is compared with; nothing where there is none or it is the entry's."""
    if "value" not in test or test.get("op") not in list(Operator):
        return
    row = OPERATORS[Operator(test["op"])]
    label = Phrase(row.label, {"what": what, "value": "…"})
    value, here = test["value"], (*place, "value")
    match value:
        case dict():
            yield from _inner(value, here, label)
        case list() if row.takes is Takes.RANGE:
            for number, end in enumerate(value):
                yield Editable(place=(*here, number), kind=ValueKind.NUMBER, label=label, value=end)
        case list():
            if all(isinstance(item, str | int | float) and not isinstance(item, bool) for item in value):
                yield Editable(place=here, kind=ValueKind.LINES, label=label, value=value)
        case str() if row.takes is Takes.LENGTH:
            yield length_value(value, here, label)
        case _:
            yield Editable(place=here, kind=kind_of(value), label=label, value=value)


def _inner(value: Document, place: Place, label: Phrase) -> Iterator[Editable]:
    """The one value inside of {"within_next": …} or {"op": …, "value": …}."""
    if "within_next" in value:
        yield length_value(value["within_next"], (*place, "within_next"), label)
    elif isinstance(value.get("value"), int):
        yield Editable(place=(*place, "value"), kind=ValueKind.NUMBER, label=label, value=value["value"])


def _consent(leaf: Document, place: Place) -> Iterator[Editable]:
    label = Phrase(gettext_noop("Consent to {category}"), {"category": str(leaf["consent"])})
    yield Editable(place=(*place, "is"), kind=ValueKind.CONSENT, label=label, value=leaf.get("is"))


def _segment(leaf: Document, place: Place) -> Iterator[Editable]:
    yield Editable(
        place=(*place, "segment"),
        kind=ValueKind.SEGMENT,
        label=Phrase(gettext_noop("Segment")),
        value=leaf["segment"],
    )
    yield Editable(
        place=(*place, "is"),
        kind=ValueKind.STANDING,
        label=Phrase(gettext_noop("The person")),
        value=leaf.get("is"),
    )
    if "during" in leaf:
        yield from _window(leaf, place)


def _known(leaf: Document, place: Place) -> Iterator[Editable]:
    yield Editable(
        place=(*place, "known"),
        kind=ValueKind.TEXT,
        label=Phrase(gettext_noop("Kind of identity that is known")),
        value=leaf["known"],
    )


_COMPARISON: Final = {"op", "value", "ignore_case", "same_as"}
# The word that names the leaf -> all keys it may have, and what is shown of it. A leaf with other keys is
# of another kind.
_LEAVES: Final[Mapping[str, tuple[AbstractSet[str], Callable[[Document, Place], Iterator[Editable]]]]] = {
    "event": ({"event", "where", "count", "during"}, _event),
    "trait": ({"trait", *_COMPARISON}, _trait),
    "context": ({"context", *_COMPARISON}, _trait),
    "consent": ({"consent", "is"}, _consent),
    "segment": ({"segment", "is", "during"}, _segment),
    "known": ({"known"}, _known),
}
