"""The panel: the inputs of one part with what they show, and what a browser made of them."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from journeys.domain.editing import KINDS, fresh_entry
from journeys.domain.outline import ENTRY, own
from journeys.forms.inputs import Choices, Input, Place, sent, shown, value_of
from journeys.forms.rules import editor_of, read_editor, rule_written
from journeys.forms.section import Known, Section
from journeys.forms.sections import FRESH, sections_of, shape_of
from profiles.domain.facts import Json
from segments.forms import ConditionEditor


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownInput:
    """An input with what stands in it."""

    input: Input
    texts: Mapping[str, Sequence[str]]
    error: str = ""
    editor: ConditionEditor | None = None

    def one(self, name: str = "") -> str:
        return next(iter(self.texts.get(name, ())), "")

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Names and values, with an empty line to type a further one into."""
        return [*zip(self.texts["key"], self.texts["value"], strict=True), ("", "")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSection:
    """A section with its inputs."""

    section: Section
    inputs: Sequence[ShownInput]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """All that the panel shows of a part."""

    part: str
    content: Json
    shape: str
    shapes: Choices
    sections: Sequence[ShownSection]

    def inputs(self) -> Iterator[ShownInput]:
        for section in self.sections:
            yield from section.inputs


def goal_in_full(part: str, content: Json) -> Json:
    """A goal that was written as a condition alone, as the panel reads it."""
    if part == "@goal" and not (isinstance(content, Mapping) and "if" in content):
        return {"if": content}
    return content


def panel_of(
    part: str,
    content: Json,
    *,
    known: Known,
    errors: Mapping[Place, str] | None = None,
    editors: Mapping[str, ConditionEditor] | None = None,
) -> Panel:
    """The panel of a part.

    Args:
        errors: what is wrong, by the place of the input.
        editors: conditions as a browser sent them, by the input's name; they stand as they are.
    """
    document = own(goal_in_full(part, content))
    shape, shapes = shape_of(part, document)
    sections = [
        ShownSection(
            section=section,
            inputs=[_shown(it, document, errors or {}, editors or {}) for it in section.inputs],
        )
        for section in sections_of(part, document, known=known)
    ]
    return Panel(part=part, content=document, shape=shape, shapes=shapes, sections=sections)


def _shown(
    it: Input, document: Json, errors: Mapping[Place, str], editors: Mapping[str, ConditionEditor]
) -> ShownInput:
    value, error = value_at(document, it.place), errors.get(it.place, "")
    if not it.is_rule:
        return ShownInput(input=it, texts=shown(value, it), error=error)
    editor = editors.get(it.name) or editor_of(value, it)
    return ShownInput(input=it, texts={}, error=error, editor=editor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What a browser made of a part."""

    content: Json
    editors: Mapping[str, ConditionEditor] = field(default_factory=dict)


def typed(part: str, content: Json, data: Any, *, known: Known) -> Typed:
    """Put what somebody typed over a part as they saw it, and do what the pressed button says.

    What they left alone stays as it was written.

    Raises:
        BadForm: no form of ours sends that.
    """
    document: Any = copy.deepcopy(own(goal_in_full(part, content)))
    shape, _shapes = shape_of(part, document)
    chosen = data.get("shape", shape)
    if chosen != shape:
        return Typed(content=_reshaped(part, document, chosen))
    editors: dict[str, ConditionEditor] = {}
    for section in sections_of(part, document, known=known):
        for it in section.inputs:
            document = _type_into(document, it, data, editors=editors)
    return Typed(content=_commanded(document, data.get("do", "")), editors=editors)


def _type_into(document: Any, it: Input, data: Any, *, editors: dict[str, ConditionEditor]) -> Any:
    before = value_at(document, it.place)
    if it.is_rule:
        editor = read_editor(data, it)
        if editor is None:
            return document
        editors[it.name] = editor
        new, old = rule_written(editor, it, before=before), before
    else:
        fields = shown(before, it)
        texts = sent(data, it, fields)
        if not any(texts.values()) and not data.getlist(f"{it.name}.sent"):
            return document  # this form did not hold it
        new, old = value_of(texts, it, before=before), value_of(fields, it, before=before)
    return document if new == old else put_at(document, it.place, new)


def _reshaped(part: str, document: Any, shape: str) -> Any:
    if part == ENTRY:
        entry = {key: value for key, value in document.items() if key not in ("key", "present")}
        return {**entry, "on": fresh_entry(shape)}
    bare = {key: value for key, value in document.items() if key not in ("for", "until", "until_date")}
    if shape == "wait_at":
        return {**bare, "until": {"at": "09:00"}}
    fresh = KINDS.get(shape, KINDS["wait"])
    return {**bare, **{key: copy.deepcopy(value) for key, value in fresh.items() if key != "kind"}}


def _commanded(document: Any, command: str) -> Any:
    verb, _colon, name = command.partition(":")
    key, _dot, number = name.partition(".")
    if verb == "add" and key == "caps":
        return put_at(document, (key,), [*(document.get(key) or ()), FRESH[key]()])
    if verb == "add" and key in FRESH and key not in document:
        return put_at(document, (key,), FRESH[key]())
    if verb == "remove" and key in FRESH and key in document:
        if not number.isdecimal():
            return put_at(document, (key,), None)
        rest = [one for at, one in enumerate(document[key]) if at != int(number)]
        return put_at(document, (key,), rest or None)
    return document


def value_at(document: Json, place: Place) -> Json:
    """The value at a place; None where there is none."""
    for key in place:
        if isinstance(document, Mapping) and key in document:
            document = document[str(key)]
        elif isinstance(document, list) and isinstance(key, int) and key < len(document):
            document = document[key]
        else:
            return None
    return document


def put_at(document: Any, place: Place, value: Json) -> Any:
    """The document with a value put at a place; None takes out what stands there."""
    if not place:
        return value
    key, *rest = place
    if isinstance(key, int):
        if isinstance(document, list) and key < len(document):
            document[key] = put_at(document[key], tuple(rest), value)
        return document
    holder = document if isinstance(document, dict) else {}
    new = put_at(holder.get(key), tuple(rest), value) if rest else value
    if new is None:
        holder.pop(key, None)
    else:
        holder[key] = new
    return holder
