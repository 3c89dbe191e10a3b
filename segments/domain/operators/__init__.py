"""The operators: one table of what each is called, what it takes and when it holds.

`holds_for` answers for one value of a person or of an event. Its twin in SQL is the table
of `segments.compiler`, which has the same keys; a test compares the keys, a generated test the answers.
"""

from segments.domain.operators.table import (
    OPERATORS,
    OperatorRow,
    holds_for,
    item_tests,
    moves,
    needs_clock,
    passes_together,
    with_entry_value,
)
from segments.domain.operators.words import (
    Comparison,
    EntryValue,
    ItemTest,
    Moment,
    Operator,
    Range,
    StepValue,
    Takes,
    Today,
    Value,
    ValueType,
)

__all__ = [
    "OPERATORS",
    "Comparison",
    "EntryValue",
    "ItemTest",
    "Moment",
    "Operator",
    "OperatorRow",
    "Range",
    "StepValue",
    "Takes",
    "Today",
    "Value",
    "ValueType",
    "holds_for",
    "item_tests",
    "moves",
    "needs_clock",
    "passes_together",
    "with_entry_value",
]
