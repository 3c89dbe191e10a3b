"""Forms of conditions: a document becomes rows on a page and back, without loss."""

from segments.forms.computed import ComputedForm, computed_for, computed_new, computed_sent, refusal_of
from segments.forms.editing import is_alike
from segments.forms.editor import JOURNEY, SEGMENT, ConditionEditor, Scope, editor_for, editor_sent
from segments.forms.rows import BadForm, Row, from_state, to_state

__all__ = [
    "JOURNEY",
    "SEGMENT",
    "BadForm",
    "ComputedForm",
    "ConditionEditor",
    "Row",
    "Scope",
    "computed_for",
    "computed_new",
    "computed_sent",
    "editor_for",
    "editor_sent",
    "from_state",
    "is_alike",
    "refusal_of",
    "to_state",
]
