"""What forms show of each part of a journey, and the way back into the document."""

import copy
from collections.abc import Iterator, Mapping
from typing import Final

from journeys.domain.editing.conditions import condition_sections, test_values
from journeys.domain.editing.values import Editable, Place, Section, ValueKind, kind_of, length_value
from journeys.domain.outline import Document, step_in
from profiles.domain.facts import Json
from segments.domain.phrases import Phrase, gettext_noop

# What stands for a part where a step has its id; no id begins like this.
ENTRY: Final = "@entry"
GOAL: Final = "@goal"
EXIT: Final = "@exit"
_KEYS: Final = {ENTRY: "entry", GOAL: "goal", EXIT: "exit_when"}


def part_at(document: Document, part: str) -> tuple[str, Json] | None:
    """The path and the content of a part: ENTRY, GOAL, EXIT, or a step by its id."""
    if key := _KEYS.get(part):
        return (key, document[key]) if key in document else None
    written = step_in(document, part)
    return (written.path, written.part) if written else None


def own(content: Document) -> dict[str, Json]:
    """A part without the steps below it, which are parts of their own."""
    alone = {key: value for key, value in content.items() if key not in ("then", "else", "steps")}
    if isinstance(content.get("cases"), list):
        alone["cases"] = [own(case) for case in content["cases"]]
    return alone


def dotted(path: str, place: Place) -> str:
    """The path of a place below `path`, as faults write it."""
    for key in place:
        path = f"{path}[{key}]" if isinstance(key, int) else f"{path}.{key}" if path else str(key)
    return path


def changed(document: Document, part: str, values: Mapping[Place, Json]) -> dict[str, Json]:
    """The document with these values put into a part; None takes a value out.

    Raises:
        KeyError: the document has no such part.
    """
    result = copy.deepcopy(dict(document))
    found = part_at(result, part)
    if found is None:
        raise KeyError(part)
    for place, value in values.items():
        _put(found[1], place, value)
    return result


def _put(target: Json, place: Place, value: Json) -> None:
    *way, last = place
    for key in way:
        target = target.setdefault(key, {}) if isinstance(target, dict) else target[key]
    if value is None and isinstance(target, dict):
        target.pop(last, None)
    else:
        target[last] = value


def sections_of(part: str, content: Json) -> list[Section]:
    """What a form shows of a part."""
    if part == ENTRY:
        return list(_entry(content))
    if part == GOAL and isinstance(content, Mapping) and "if" in content:
        return list(condition_sections(content["if"], ("if",)))
    if part in (GOAL, EXIT):
        return list(condition_sections(content, ()))
    return list(_step(content))


def _entry(content: Document) -> Iterator[Section]:
    on = content.get("on", {})
    if "event" in on:
        event = Editable(
            place=("on", "event"),
            kind=ValueKind.EVENT,
            label=Phrase(gettext_noop("Begins with the event")),
            value=on["event"],
        )
        yield Section(values=[event, *test_values(on.get("where"), ("on", "where"))])
    if "if" in content:
        yield from condition_sections(content["if"], ("if",))
    rules = content.get("reentry", {})
    again = [
        Editable(
            place=("reentry", "policy"),
            kind=ValueKind.POLICY,
            label=Phrase(gettext_noop("May be entered")),
            value=rules.get("policy"),
        ),
        Editable(
            place=("reentry", "again"),
            kind=ValueKind.AGAIN,
            label=Phrase(gettext_noop("The event comes again while somebody is inside")),
            value=rules.get("again"),
        ),
    ]
    if "not_within" in rules:
        label = Phrase(gettext_noop("Not again within"))
        again.append(length_value(rules["not_within"], ("reentry", "not_within"), label))
    yield Section(title=Phrase(gettext_noop("Entering again")), values=again)


def _step(content: Document) -> Iterator[Section]:
    name = Editable(
        place=("name",),
        kind=ValueKind.TEXT,
        label=Phrase(gettext_noop("Name")),
        value=content.get("name"),
        is_required=False,
    )
    own, more = _OF_KIND.get(str(content.get("kind")), _nothing)(content)
    yield Section(values=[name, *own])
    yield from more


Shown = tuple[list[Editable], list[Section]]  # values beside the name, and sections of their own


def _nothing(content: Document) -> Shown:
    return [], []


def _wait(content: Document) -> Shown:
    if "for" not in content:
        return [], []
    return [length_value(content["for"], ("for",), Phrase(gettext_noop("Go on after")))], []


def _wait_until(content: Document) -> Shown:
    own = []
    if "timeout" in content:
        own.append(length_value(content["timeout"], ("timeout",), Phrase(gettext_noop("Wait at most"))))
    return own, list(condition_sections(content.get("if"), ("if",)))


def _branch(content: Document) -> Shown:
    sections = []
    for number, case in enumerate(content.get("cases", [])):
        name = Editable(
            place=("cases", number, "name"),
            kind=ValueKind.TEXT,
            label=Phrase(gettext_noop("Name of the case")),
            value=case.get("name"),
            is_required=False,
        )
        title = Phrase(gettext_noop("Case {number}"), {"number": number + 1})
        sections.append(Section(title=title, values=[name]))
        sections += condition_sections(case.get("if"), ("cases", number, "if"))
    return [], sections


def _send(content: Document) -> Shown:
    template = Editable(
        place=("template",),
        kind=ValueKind.TEMPLATE,
        label=Phrase(gettext_noop("Template")),
        value=content.get("template"),
    )
    kind = Editable(
        place=("class",),
        kind=ValueKind.MESSAGE_CLASS,
        label=Phrase(gettext_noop("Kind of message")),
        value=content.get("class"),
    )
    return [template, kind], _template_texts(content.get("fields"), ("fields",))


def _fields(content: Document) -> Shown:
    return [], _template_texts(content.get("fields"), ("fields",))


def _set_trait(content: Document) -> Shown:
    return [], _template_texts(content.get("set"), ("set",))


def _exit(content: Document) -> Shown:
    reason = Editable(
        place=("reason",),
        kind=ValueKind.TEXT,
        label=Phrase(gettext_noop("Reason")),
        value=content.get("reason"),
        is_required=False,
    )
    return [reason], []


_OF_KIND: Final = {
    "wait": _wait,
    "wait_until": _wait_until,
    "branch": _branch,
    "send": _send,
    "crm": _fields,
    "webhook": _fields,
    "set_trait": _set_trait,
    "exit": _exit,
}


def _template_texts(fields: Json, place: Place) -> list[Section]:
    """The values of an object, each under its key; what is an object itself stays as it is."""
    values = [
        Editable(
            place=(*place, key),
            kind=ValueKind.TEMPLATE_TEXT if isinstance(value, str) else kind_of(value),
            label=Phrase("{key}", {"key": key}),
            value=value,
        )
        for key, value in (fields or {}).items()
        if isinstance(value, str | int | float | bool)
    ]
    return [Section(values=values)] if values else []
