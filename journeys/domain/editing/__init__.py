"""What plain forms can change of a document, and the document with those changes made.

A part of a journey (its entry, its goal, its exit rule, a step) is shown as sections of editable values.
What a form cannot show as a value of its own stays as it is and is named in a note. Operators, groups and
the order of steps are not changed here.
"""

from journeys.domain.editing.parts import ENTRY, EXIT, GOAL, changed, dotted, own, part_at, sections_of
from journeys.domain.editing.values import Editable, Place, Section, ValueKind

__all__ = [
    "ENTRY",
    "EXIT",
    "GOAL",
    "Editable",
    "Place",
    "Section",
    "ValueKind",
    "changed",
    "dotted",
    "own",
    "part_at",
    "sections_of",
]
