"""The reference matcher: each term is a list of small functions of a message.

Short and plain on purpose: the other engine is checked against it, and it takes over wherever that one is
missing.
"""

from collections.abc import Callable

from profiles.domain.facts import Event
from segments.domain.conditions import Source, Test
from segments.domain.operators import Operator, holds_for
from segments.domain.values import value_at
from segments.network.plan import ANYWHERE, Terms
from segments.network.stimuli import RuleId

Closure = Callable[[Event], bool]


class ClosureMatcher:
    """Finds the terms of one event name that a message passes."""

    def __init__(self, terms: Terms) -> None:
        self._always = terms.always
        closures: dict[Test, Closure] = {}
        self._terms = [
            ([closures.setdefault(test, closure_of(test)) for test in term.tests], term.rules)
            for term in terms.terms
        ]

    def touched(self, event: Event) -> frozenset[RuleId]:
        found = [rules for tests, rules in self._terms if all(test(event) for test in tests)]
        return self._always.union(*found) if found else self._always


def closure_of(test: Test) -> Closure:
    """Make one test a function of a message."""
    comparison = test.comparison
    wanted = comparison.value
    is_plain_text = isinstance(wanted, str) and comparison.op is Operator.IS and not comparison.ignore_case
    if is_plain_text and test.source is Source.PROPERTY and len(test.path) == 1:
        key = test.path[0]
        return lambda event: event.properties.get(key) == wanted  # a text equals nothing but a text
    if test.source is Source.PROPERTY:
        return lambda event: holds_for(value_at(event.properties, test.path), comparison, ANYWHERE)
    return lambda event: holds_for(value_at(event.context, test.path), comparison, ANYWHERE)
