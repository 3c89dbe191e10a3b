"""Messages and terms as durable_rules may see them: numbers under names made here, nothing else.

A name is a letter for the kind of slot and its number: `s3` a text replaced by a small integer (0: another
text or none), `b2` yes/no (1, 0, -1 for neither), `h7` and `n7` whether there is a number and which, `d9` an
answer computed here. Anything the extension could misread raises `Outside`.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from profiles.domain.facts import Event
from segments.domain.conditions import Source, Test
from segments.domain.operators import Operator, Range
from segments.domain.values import Json, Path, value_at
from segments.network.closures import closure_of

LARGEST: Final = 2**53  # beyond it a double skips whole numbers
MOST_TESTS: Final = 16  # of one term; longer ones are computed here
_ORDERS: Final = {
    Operator.GREATER: "$gt",
    Operator.AT_LEAST: "$gte",
    Operator.LESS: "$lt",
    Operator.AT_MOST: "$lte",
}

Where = tuple[Source, Path]
Pattern = dict[str, Any]


class Outside(Exception):
    """A message holds something that must not reach the extension; it is answered elsewhere."""


class Projection:
    """The slots of one ruleset: grows with the terms, then fills them from messages."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._slots: dict[tuple[str, Where | tuple[Test, ...]], int] = {}
        self._texts: dict[int, dict[str, int]] = {}
        self._fillers: list[tuple[str, Callable[[Event], Any]]] = []
        self._form = ""
        self._gates: dict[Where, set[str]] | None = {}
        self._gate_readers: list[Callable[[Event], bool]] = []

    def may_match(self, event: Event) -> bool:
        """Whether any term can match: false if each asks for a text and the message has none of them."""
        if self._gates is None:
            return True
        for is_open in self._gate_readers:  # noqa: SIM110 - asked for each message: a generator costs more
            if is_open(event):
                return True
        return False

    def values(self, event: Event) -> str:
        """The message's part of a fact, as JSON without its braces."""
        if not self._form:
            self._form = ",".join(form for form, _ in self._fillers)
        return self._form.format(*[fill(event) for _, fill in self._fillers])

    def pattern(self, tests: Sequence[Test]) -> Pattern:
        """A term in the extension's language."""
        self._add_gate(tests)
        if len(tests) > MOST_TESTS:
            return self._computed(tuple(tests))
        parts = [part for test in tests for part in self._parts(test)]
        return parts[0] if len(parts) == 1 else {"$and": parts}

    def _add_gate(self, tests: Sequence[Test]) -> None:
        """Note a text without which the term cannot match; a term that asks for none opens all gates."""
        asked = next((test for test in tests if _wanted_text(test) is not None), None)
        if asked is None or self._gates is None:
            self._gates = None
            return
        where = _where(asked)
        if where not in self._gates:
            texts = self._gates[where] = set()
            is_one = lambda value: isinstance(value, str) and value in texts  # noqa: E731
            self._gate_readers.append(_reader(where, is_one))
        self._gates[where].add(str(asked.comparison.value))

    def _parts(self, test: Test) -> list[Pattern]:
        wanted = test.comparison.value
        match test.comparison.op:
            case Operator.IS if isinstance(wanted, str) and not test.comparison.ignore_case:
                return [self._text(test, wanted)]
            case Operator.IS_NOT if isinstance(wanted, str) and not test.comparison.ignore_case:
                return [{"$neq": self._text(test, wanted)}]
            case Operator.IS_TRUE:
                return [{self._slot("b", _where(test), _yes_no): 1}]
            case Operator.IS_FALSE:
                return [{self._slot("b", _where(test), _yes_no): 0}]
            case _:
                return self._number(test) or [self._computed((test,))]

    def _text(self, test: Test, wanted: str) -> Pattern:
        where = _where(test)
        known = self._texts.setdefault(self._slots.get(("s", where), len(self.names)), {})
        name = self._slot("s", where, lambda value: known.get(value, 0) if isinstance(value, str) else 0)
        return {name: known.setdefault(wanted, len(known) + 1)}

    def _number(self, test: Test) -> list[Pattern]:
        bounds = _bounds(test)
        if not bounds or not all(_is_plain(bound) for _, bound in bounds):
            return []
        where = _where(test)
        there = self._slot("h", where, lambda value: int(_plain_number(value) is not None))
        number = self._slot("n", where, lambda value: _plain_number(value) or 0)
        return [{there: 1}, *({order: {number: float(bound)}} for order, bound in bounds)]

    def _computed(self, tests: tuple[Test, ...]) -> Pattern:
        closures = [closure_of(test) for test in tests]
        name = self._name("d", tests, lambda event: int(all(closure(event) for closure in closures)))
        return {name: 1}

    def _slot(self, kind: str, where: Where, read: Callable[[Json], Any]) -> str:
        return self._name(kind, where, _reader(where, read))

    def _name(self, kind: str, key: Where | tuple[Test, ...], fill: Callable[[Event], Any]) -> str:
        if (kind, key) not in self._slots:
            self._slots[kind, key] = len(self.names)
            name = f"{kind}{len(self.names)}"
            self.names.append(name)
            self._fillers.append((f'"{name}":{{}}', fill))
        return f"{kind}{self._slots[kind, key]}"


def _wanted_text(test: Test) -> str | None:
    """The text that a plain comparison wants the value to be."""
    comparison = test.comparison
    is_plain = comparison.op is Operator.IS and not comparison.ignore_case
    return comparison.value if is_plain and isinstance(comparison.value, str) else None


def _where(test: Test) -> Where:
    return (test.source, test.path)


def _reader(where: Where, read: Callable[[Json], Any]) -> Callable[[Event], Any]:
    source, path = where
    if source is Source.CONTEXT:
        return lambda event: read(value_at(event.context, path))
    if len(path) == 1:
        key = path[0]
        return lambda event: read(event.properties.get(key))
    return lambda event: read(value_at(event.properties, path))


def _yes_no(value: Json) -> int:
    return int(value) if isinstance(value, bool) else -1


def _bounds(test: Test) -> list[tuple[str, Decimal]]:
    comparison = test.comparison
    wanted = comparison.value
    if isinstance(wanted, Range):
        return [("$gte", wanted.low), ("$lte", wanted.high)]
    if not isinstance(wanted, Decimal):
        return []
    if comparison.op is Operator.IS:
        return [("$gte", wanted), ("$lte", wanted)]
    return [(_ORDERS[comparison.op], wanted)] if comparison.op in _ORDERS else []


def _is_plain(bound: Decimal) -> bool:
    """Whether a double holds the number and is written without an exponent."""
    return abs(bound) <= LARGEST and Decimal(text := repr(float(bound))) == bound and "e" not in text


def _plain_number(value: Json) -> int | float | None:
    """A number as the extension reads it.

    Doubles keep the order of the decimals they are written as, so comparing them is exact; other decimals,
    and numbers written with an exponent, which the extension's grammar lacks, are outside.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    plain = float(value) if isinstance(value, Decimal) else value
    if (
        not -LARGEST <= plain <= LARGEST
        or "e" in repr(plain)
        or (plain is not value and Decimal(repr(plain)) != value)
    ):
        raise Outside
    return plain
