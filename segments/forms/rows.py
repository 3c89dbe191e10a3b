"""The rows of a condition's form: what a browser sends and gets, as a tree.

On the wire the tree is flat: `n=<id>|<parent>|<kind>` once a row, in the order of the page, and
`<id>.<field>=<text>` for each input. Everything is text as somebody typed it; whether it makes sense is for
`segments.forms.writing`. What no form of ours could have sent is refused.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

MOST_ROWS: Final = 500
LONGEST_FIELD: Final = 20_000
DEEPEST_GROUP: Final = 3  # groups inside the outermost one that somebody can add
_ID: Final = re.compile(r"r[0-9]{1,6}")
_FIELD: Final = re.compile(r"[a-z_]{1,20}")


class Kind(StrEnum):
    """What a row is."""

    GROUP = "group"
    EVENT = "event"
    TRAIT = "trait"
    TOTAL = "total"
    LAST = "last"
    SEQUENCE = "sequence"
    HAS_BEEN = "has_been"
    SEGMENT = "segment"
    LIST = "list"
    BUCKET = "bucket"
    ENGAGEMENT = "engagement"
    CONSENT = "consent"
    KNOWN = "known"
    CONTEXT = "context"
    RAW = "raw"  # as JSON: what no other form can hold
    STEP = "step"  # of a sequence
    WHERE = "where"  # a test of events
    HAD = "had"  # a test of the last or first event
    ITEM = "item"  # a test of a list's items


PARTS: Final = frozenset({Kind.STEP, Kind.WHERE, Kind.HAD, Kind.ITEM})
NODES: Final = frozenset(Kind) - PARTS
_COMPARED: Final = frozenset({Kind.ITEM})
HOLDS: Final[Mapping[Kind, frozenset[Kind]]] = {
    Kind.GROUP: NODES,
    Kind.EVENT: frozenset({Kind.WHERE}),
    Kind.TOTAL: frozenset({Kind.WHERE}),
    Kind.LAST: frozenset({Kind.WHERE, Kind.HAD}),
    Kind.SEQUENCE: frozenset({Kind.STEP}),
    Kind.STEP: frozenset({Kind.WHERE}),
    Kind.TRAIT: _COMPARED,
    Kind.HAS_BEEN: _COMPARED,
    Kind.CONTEXT: _COMPARED,
    Kind.WHERE: _COMPARED,
    Kind.HAD: _COMPARED,
    Kind.ITEM: _COMPARED,
}


class BadForm(ValueError):
    """What was sent is no form of ours."""


class Sent(Protocol):
    """What a browser sent, as Django has it."""

    def getlist(self, key: str, /) -> list[Any]: ...

    def items(self) -> Any: ...

    def get(self, key: str, default: str, /) -> Any: ...


@dataclass(slots=True)
class Row:
    """One row with those inside of it."""

    id: str
    kind: Kind
    fields: dict[str, str] = field(default_factory=dict)
    children: list["Row"] = field(default_factory=list)

    def get(self, name: str, default: str = "") -> str:
        return self.fields.get(name, default)

    def parts(self, kind: Kind) -> list["Row"]:
        """Its children of a kind."""
        return [child for child in self.children if child.kind is kind]

    def walk(self) -> Iterator["Row"]:
        """The row and everything inside of it, as on the page."""
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def nodes(self) -> list["Row"]:
        """The conditions of a group."""
        return [child for child in self.children if child.kind in NODES]


def read_wire(data: Sent, *, prefix: str = "") -> Row:
    """Read the rows that a browser sent.

    Raises:
        BadForm: no form of ours sends that.
    """
    lines = [str(line).split("|") for line in data.getlist(f"{prefix}n")]
    fields: dict[str, dict[str, str]] = {}
    for name, value in data.items():
        id_, dot, key = str(name).removeprefix(prefix).partition(".")
        if dot and str(name).startswith(prefix) and _ID.fullmatch(id_) and _FIELD.fullmatch(key):
            fields.setdefault(id_, {})[key] = str(value)[:LONGEST_FIELD]
    return _tree([(*line, fields.get(line[0], {})) for line in lines])


def to_state(root: Row) -> list[Any]:
    """The rows as plain values, for a stored draft or the form's history."""
    return [[id_, parent, kind, fields] for id_, parent, kind, fields in _flat(root, "")]


def from_state(state: Any) -> Row:
    """Read rows that `to_state` wrote. Raises BadForm."""
    if not isinstance(state, list):
        raise BadForm("no rows")
    return _tree([tuple(line) for line in state])


def _flat(row: Row, parent: str) -> Iterator[tuple[str, str, str, dict[str, str]]]:
    yield row.id, parent, row.kind.value, dict(row.fields)
    for child in row.children:
        yield from _flat(child, row.id)


def _tree(lines: Sequence[tuple[Any, ...]]) -> Row:
    if not 0 < len(lines) <= MOST_ROWS:
        raise BadForm(f"{len(lines)} rows")
    rows: dict[str, Row] = {}
    root: Row | None = None
    for line in lines:
        if len(line) != 4 or not _ID.fullmatch(str(line[0])) or line[0] in rows or line[2] not in list(Kind):
            raise BadForm(f"no row: {line[:3]}")
        id_, parent, word, fields = line
        row = Row(id=id_, kind=Kind(word), fields=dict(fields))
        if root is None:
            if row.kind is not Kind.GROUP or parent:
                raise BadForm("must begin with a group")
            root = row
        elif parent not in rows or row.kind not in HOLDS.get(rows[parent].kind, ()):
            raise BadForm(f"{word} inside of {parent}")
        else:
            rows[parent].children.append(row)
        rows[id_] = row
    assert root is not None
    return root
