"""Conditions inside of the panel: the editor of segments, and what it wrote as a part of a draft.

A condition that is not complete yet is kept in the draft as the rows somebody typed, under ROWS. No reader of
conditions knows that word, so such a draft cannot be published, and nothing that was typed is lost.
"""

from collections.abc import Mapping
from typing import Any, Final

from journeys.forms.inputs import Input, InputKind
from profiles.domain.facts import Json
from segments.domain.conditions import Condition
from segments.domain.parse import ConditionError, parse_condition
from segments.forms import (
    JOURNEY,
    BadForm,
    ConditionEditor,
    Row,
    editor_for,
    editor_sent,
    from_state,
    is_alike,
    to_state,
)
from segments.forms.editing import fresh_row
from segments.forms.rows import Kind

ROWS: Final = "rows"


def editor_of(value: Json, it: Input) -> ConditionEditor:
    """Open a condition of the draft, however far it has come."""
    if (rows := unfinished(value)) is not None:
        return editor_for(None, scope=JOURNEY, prefix=it.prefix, root=rows)
    if it.kind is InputKind.TRIGGER:
        name = value.get("event") if isinstance(value, Mapping) else None
        if not name:
            return editor_for(None, scope=JOURNEY, prefix=it.prefix, root=_blank(during="ever"))
        value = {"event": name, "where": value.get("where", [])}
    elif not value:
        return editor_for(None, scope=JOURNEY, prefix=it.prefix, root=_blank(during="since"))
    return editor_for(value, scope=JOURNEY, prefix=it.prefix)


def _blank(*, during: str) -> Row:
    """One event to be named: what most rules of journeys begin with."""
    event = fresh_row(Kind.EVENT, id_="r2")
    event.fields = {"count_op": "at_least", "count": "1", "during": during}
    return Row(id="r1", kind=Kind.GROUP, fields={"op": "all"}, children=[event])


def unfinished(value: Json) -> Row | None:
    """The rows of a condition that is not complete; None where it is, or where they are none of ours."""
    if not isinstance(value, Mapping) or ROWS not in value:
        return None
    try:
        return from_state(value[ROWS])
    except (BadForm, TypeError, ValueError):
        return None


def read_editor(data: Any, it: Input) -> ConditionEditor | None:
    """What a browser sent of a condition; None if it sent none. Raises BadForm."""
    return editor_sent(data, scope=JOURNEY, prefix=it.prefix) if data.getlist(f"{it.prefix}n") else None


def rule_written(editor: ConditionEditor, it: Input, *, before: Json) -> Json:
    """The condition of an editor as the draft keeps it; one that means the same stays as it was written."""
    root = editor.root
    if is_alike(root, editor_of(before, it).root):
        return before
    if it.kind is InputKind.TRIGGER:
        return _trigger_written(editor, before=before)
    if editor.written.condition is None or not root.nodes:
        return {ROWS: to_state(root)}
    document = editor.written.document
    parts = document.get("all") if isinstance(document, Mapping) else None
    if isinstance(parts, list) and len(parts) == 1:
        document = parts[0]
    return before if _parsed(before) == _parsed(document) else document


def _trigger_written(editor: ConditionEditor, *, before: Json) -> Json:
    parts: Any = editor.written.document
    if editor.written.condition is None:
        return {"event": editor.root.nodes[0].get("event"), ROWS: to_state(editor.root)}
    leaf = parts["all"][0]
    written = {key: leaf[key] for key in ("event", "where") if key in leaf}
    same = isinstance(before, Mapping) and {**before, "where": before.get("where") or []} == {
        "where": [],
        **written,
    }
    return before if same else written


def _parsed(document: Json) -> Condition | None:
    try:
        return parse_condition(document, allow_entry=True)
    except ConditionError:
        return None


def problem_of(value: Json, it: Input) -> str:
    """What a condition of the draft lacks, in a sentence; "" for nothing that its rows could tell."""
    problems = editor_of(value, it).faults
    return next((problem.text for problem in problems.values()), "")
