"""The forms of journeys: every part of a draft as inputs on the panel, and back without loss."""

from journeys.forms.inputs import Input, Place
from journeys.forms.panel import (
    Panel,
    ShownInput,
    ShownSection,
    Typed,
    goal_in_full,
    panel_of,
    typed,
    value_at,
)
from journeys.forms.rules import problem_of, unfinished
from journeys.forms.section import Known
from journeys.forms.sections import ENTRY_SHAPES, sections_of

__all__ = [
    "ENTRY_SHAPES",
    "Input",
    "Known",
    "Panel",
    "Place",
    "ShownInput",
    "ShownSection",
    "Typed",
    "goal_in_full",
    "panel_of",
    "problem_of",
    "sections_of",
    "typed",
    "unfinished",
    "value_at",
]
