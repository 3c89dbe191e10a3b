"""A test of one event."""

from profiles.domain.facts import Event, Facts
from segments.domain.conditions import Source, Test
from segments.domain.evaluate.windows import EvaluationError
from segments.domain.operators import (
    OPERATORS,
    Comparison,
    EntryValue,
    Moment,
    holds_for,
    with_entry_value,
)
from segments.domain.values import value_at


def passes(test: Test, event: Event, *, facts: Facts, moment: Moment) -> bool:
    """Whether one event passes one test."""
    document = event.properties if test.source is Source.PROPERTY else event.context
    seen = value_at(document, test.path)
    if not isinstance(test.comparison.value, EntryValue):
        return holds_for(seen, test.comparison, moment)
    comparison = _with_entry(test.comparison, test.comparison.value, facts)
    if comparison is None:
        return OPERATORS[test.comparison.op].opposite_of is not None
    return holds_for(seen, comparison, moment)


def _with_entry(comparison: Comparison, value: EntryValue, facts: Facts) -> Comparison | None:
    if facts.entry is None:
        raise EvaluationError("a comparison with the entry message outside of a run")
    document = facts.entry.properties if value.path[0] == "properties" else facts.entry.context
    return with_entry_value(comparison, value_at(document, value.path[1:]))
