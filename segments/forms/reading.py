"""From a condition to rows.

Whatever a row's own form cannot hold exactly is shown as JSON instead, so that opening a condition and
saving it again never changes what it means.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from segments.domain.conditions import Condition
from segments.domain.parse import ConditionError, parse_condition
from segments.domain.values import Json
from segments.forms.comparing import ENTRY, STEP, Unshowable, read_comparison, read_length
from segments.forms.rows import Kind, Row
from segments.forms.writing import EVER, write

GROUPS: Final = ("all", "any", "none")
Document = Mapping[str, Json]


def read(condition: Json, *, in_journey: bool = False) -> Row:
    """Make the rows of a condition; the outermost is always a group."""
    reader = _Reader(in_journey=in_journey)
    is_group = isinstance(condition, dict) and len(condition) == 1 and next(iter(condition)) in GROUPS
    return reader.node(condition if is_group else {"all": [condition]})


class _Reader:
    def __init__(self, *, in_journey: bool) -> None:
        self.in_journey = in_journey
        self.number = 0

    def row(self, kind: Kind, fields: Mapping[str, str] | None = None) -> Row:
        self.number += 1
        return Row(id=f"r{self.number}", kind=kind, fields=dict(fields or {}))

    def node(self, document: Json) -> Row:
        if isinstance(document, dict) and len(document) == 1:
            word, parts = next(iter(document.items()))
            if word in GROUPS and isinstance(parts, list):
                group = self.row(Kind.GROUP, {"op": word})
                group.children = [self.node(part) for part in parts]
                return group
        number = self.number
        try:
            row = self.leaf(document)
        except (Unshowable, KeyError, TypeError, AttributeError):
            row = None
        if row is not None and self.is_same(row, document):
            return row
        self.number = number
        return self.row(Kind.RAW, {"json": json.dumps(document, ensure_ascii=False, indent=1, default=str)})

    def leaf(self, document: Document) -> Row:
        for word, make in _LEAVES.items():
            if word in document:
                row = make(self, document)
                if all(isinstance(text, str) for one in row.walk() for text in one.fields.values()):
                    return row
        raise Unshowable

    def is_same(self, row: Row, document: Json) -> bool:
        """Whether the rows, written again, mean the same."""
        group = Row(id="r0", kind=Kind.GROUP, fields={"op": "all"}, children=[row])
        written = write(group, in_journey=self.in_journey)
        if written.condition is not None:
            return written.condition == self.parsed({"all": [document]})
        return not written.problems and written.document == {"all": [document]}

    def parsed(self, document: Json) -> Condition | None:
        try:
            return parse_condition(document, allow_entry=self.in_journey)
        except ConditionError:
            return None

    def tests(self, kind: Kind, documents: Sequence[Document], *, steps: Sequence[Row] = ()) -> list[Row]:
        return [self.test(kind, document, steps=steps) for document in documents]

    def test(self, kind: Kind, document: Document, *, steps: Sequence[Row] = ()) -> Row:
        source = "context" if "context" in document else "property"
        row = self.row(kind, {"source": source, "path": document[source]} | read_comparison(document))
        same_as = document.get("same_as")
        if same_as is not None:
            row.fields |= _same_as(same_as, steps)
        row.children = self.tests(Kind.ITEM, document.get("tests", ()))
        return row


def _same_as(same_as: Document, steps: Sequence[Row]) -> dict[str, str]:
    if "entry" in same_as:
        return {"by": ENTRY, "other": same_as["entry"]}
    place = same_as["step"]
    if not isinstance(place, int) or not 0 <= place < len(steps):
        raise Unshowable
    return {"by": f"{STEP}{steps[place].id}", "other": same_as["property"]}


def _during(document: Document) -> dict[str, str]:
    during = document.get("during")
    if during is None:
        return {"during": EVER}
    for kind in ("last", "before_last"):
        if kind in during:
            return {"during": kind} | read_length(during[kind], "during_")
    if "between" in during:
        start, end = during["between"]
        return {"during": "between", "during_from": start, "during_to": end}
    return {"during": "since"}


def _count(document: Document) -> dict[str, str]:
    count = document.get("count") or {"op": "at_least", "value": 1}
    return {"count_op": count["op"], "count": str(count["value"])}


def _event(reader: _Reader, document: Document) -> Row:
    row = reader.row(Kind.EVENT, {"event": document["event"]} | _count(document) | _during(document))
    row.children = reader.tests(Kind.WHERE, document.get("where", ()))
    return row


def _compared(kind: Kind, word: str) -> Callable[[_Reader, Document], Row]:
    def made(reader: _Reader, document: Document) -> Row:
        row = reader.row(kind, {"path": document[word]} | read_comparison(document))
        row.children = reader.tests(Kind.ITEM, document.get("tests", ()))
        return row

    return made


def _total(reader: _Reader, document: Document) -> Row:
    fields = {key: document[key] for key in ("total", "event", "property")}
    row = reader.row(Kind.TOTAL, fields | _during(document) | read_comparison(document))
    row.children = reader.tests(Kind.WHERE, document.get("where", ()))
    return row


def _last(which: str) -> Callable[[_Reader, Document], Row]:
    def made(reader: _Reader, document: Document) -> Row:
        row = reader.row(Kind.LAST, {"which": which, "event": document[which]})
        row.children = reader.tests(Kind.WHERE, document.get("where", ()))
        row.children += reader.tests(Kind.HAD, document.get("had", ()))
        return row

    return made


def _sequence(reader: _Reader, document: Document) -> Row:
    row = reader.row(Kind.SEQUENCE, _during(document))
    for part in document["sequence"]:
        step = reader.row(Kind.STEP, {"event": part["event"]})
        if "within" in part:
            step.fields |= read_length(part["within"], "within_")
        if part.get("not"):
            step.fields["negated"] = "1"
        step.children = reader.tests(Kind.WHERE, part.get("where", ()), steps=row.children)
        row.children.append(step)
    return row


def _has_been(reader: _Reader, document: Document) -> Row:
    row = _compared(Kind.HAS_BEEN, "trait")(reader, document["has_been"])
    length = document["for"]
    row.fields |= {"for_op": length["op"]} | read_length(length["value"], "for_")
    return row


def _segment(reader: _Reader, document: Document) -> Row:
    fields = {"segment": document["segment"], "is": document["is"]}
    return reader.row(Kind.SEGMENT, fields | _during(document))


def _bucket(reader: _Reader, document: Document) -> Row:
    fields = {"bucket": document["bucket"], "low": str(document["from"]), "high": str(document["to"])}
    return reader.row(Kind.BUCKET, fields)


def _engagement(reader: _Reader, document: Document) -> Row:
    named = {
        key: document[key] for key in ("engagement", "by", "channel", "journey", "step") if key in document
    }
    return reader.row(Kind.ENGAGEMENT, named | _count(document) | _during(document))


def _consent(reader: _Reader, document: Document) -> Row:
    return reader.row(Kind.CONSENT, {"consent": document["consent"], "is": document["is"]})


def _single(kind: Kind, word: str) -> Callable[[_Reader, Document], Row]:
    return lambda reader, document: reader.row(kind, {word: document[word]})


# The word that tells the kind; "total" and "has_been" stand before the words that they hold as well.
_LEAVES: Final[Mapping[str, Callable[[_Reader, Any], Row]]] = {
    "total": _total,
    "has_been": _has_been,
    "engagement": _engagement,
    "event": _event,
    "trait": _compared(Kind.TRAIT, "trait"),
    "last": _last("last"),
    "first": _last("first"),
    "sequence": _sequence,
    "segment": _segment,
    "list": _single(Kind.LIST, "list"),
    "bucket": _bucket,
    "consent": _consent,
    "known": _single(Kind.KNOWN, "known"),
    "context": _compared(Kind.CONTEXT, "context"),
}
