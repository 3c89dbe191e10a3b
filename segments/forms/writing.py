"""From rows to a condition, with what is wrong or missing at each row.

A leaf is written as far as it is filled in, then parsed by itself: so every row shows its own fault, and an
incomplete neighbour hides none.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils import translation
from django.utils.translation import gettext as _

from segments.domain.conditions import Condition
from segments.domain.operators import OPERATORS, Takes
from segments.domain.parse import ConditionError, parse_condition
from segments.domain.values import Json
from segments.forms.comparing import (
    ENTRY,
    STEP,
    Missing,
    number_of,
    type_and_operator,
    write_comparison,
    write_length,
)
from segments.forms.rows import Kind, Row

EVER: Final = "ever"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What keeps a row from being part of a condition."""

    text: str
    field: str = ""  # the input it is about
    is_missing: bool = False  # not filled in yet, rather than wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What rows came to."""

    document: Json  # the condition as JSON; parts that have problems are left out of it
    condition: Condition | None  # None while anything is wrong or missing
    problems: Mapping[str, Problem]  # row id -> what is wrong there


def write(root: Row, *, in_journey: bool = False) -> Written:
    """Write rows as a condition."""
    writer = _Writer(in_journey=in_journey)
    document = writer.node(root)
    condition = None
    if not writer.problems:
        try:
            condition = parse_condition(document, allow_entry=in_journey)
        except ConditionError as error:  # too deep or too large as a whole
            writer.note(root, error.said(translation))
    return Written(document=document, condition=condition, problems=writer.problems)


@dataclass(slots=True, kw_only=True)
class _Writer:
    in_journey: bool
    problems: dict[str, Problem] = field(default_factory=dict)
    places: dict[str, Row] = field(default_factory=dict)  # path in the leaf -> its row
    steps: dict[str, int] = field(default_factory=dict)  # of the sequence being written: row id -> place

    def note(self, row: Row, text: str, *, field: str = "", is_missing: bool = False) -> None:
        said = text[:1].upper() + text[1:]
        self.problems.setdefault(row.id, Problem(text=said, field=field, is_missing=is_missing))

    def node(self, row: Row) -> Json:
        if row.kind is Kind.GROUP:
            parts = [self.node(child) for child in row.nodes]
            return {row.get("op", "all"): [part for part in parts if part is not None]}
        known = set(self.problems)
        self.places = {"": row}
        document = self.filled(row, lambda: _NODES[row.kind](self, row))
        if set(self.problems) == known:
            self.check(document)
        return None if set(self.problems) != known else document

    def check(self, document: Json) -> None:
        try:
            parse_condition(document, allow_entry=self.in_journey)
        except ConditionError as error:
            place = max((path for path in self.places if _is_in(error.path, path)), key=len)
            self.note(self.places[place], error.phrase.said(translation))

    def filled(self, row: Row, make: Callable[[], dict[str, Json]]) -> dict[str, Json]:
        """Write one row; what is not filled in is noted there."""
        try:
            return make()
        except Missing as missing:
            self.note(row, missing.text, field=missing.field, is_missing=not missing.is_wrong)
            return {}

    def tests(self, row: Row, kind: Kind, *, at: str) -> list[Json]:
        documents = []
        for place, part in enumerate(row.parts(kind)):
            path = f"{at}[{place}]"
            self.places[path] = part
            documents.append(self.filled(part, lambda part=part, path=path: self.test(part, at=path)))  # type: ignore[misc]
        return documents

    def test(self, row: Row, *, at: str) -> dict[str, Json]:
        source = "context" if row.get("source") == "context" else "property"
        name = needed(row, "path", _("Choose a property."))
        return {source: name} | self.comparison(row, at=at)

    def comparison(self, row: Row, *, at: str) -> dict[str, Json]:
        by = row.get("by")
        if by:
            _type, operator = type_and_operator(row.get("op"))
            if OPERATORS[operator].takes_entry:
                return {"op": operator.value, "same_as": self.same_as(row, by)}
        document = write_comparison(row.fields)
        if OPERATORS[type_and_operator(row.get("op"))[1]].takes is Takes.TESTS:
            if not row.parts(Kind.ITEM):
                raise Missing("", _("Add a condition for the items."))
            prefix = f"{at}." if at else ""
            document["tests"] = self.tests(row, Kind.ITEM, at=f"{prefix}tests")
        return document

    def same_as(self, row: Row, by: str) -> dict[str, Json]:
        other = needed(row, "other", _("Choose the property to compare with."))
        if by == ENTRY:
            return {"entry": other}
        place = self.steps.get(by.removeprefix(STEP))
        if place is None:
            raise Missing("by", _("That step is gone; choose another."), is_wrong=True)
        return {"step": place, "property": other}


def _is_in(path: str, place: str) -> bool:
    return not place or path == place or path.startswith((f"{place}.", f"{place}["))


def needed(row: Row, name: str, text: str) -> str:
    """A field that must be filled in. Raises Missing."""
    value = row.get(name).strip()
    if not value:
        raise Missing(name, text)
    return value


# -- kinds ---------------------------------------------------------------------------------------------


def _during(row: Row) -> dict[str, Json]:
    when = row.get("during", EVER)
    if when in ("last", "before_last"):
        return {"during": {when: write_length(row.fields, "during_")}}
    if when == "between":
        ends = [needed(row, name, _("Choose both dates.")) for name in ("during_from", "during_to")]
        return {"during": {"between": ends}}
    return {"during": {"since": "entry"}} if when == "since" else {}


def _count(row: Row) -> dict[str, Json]:
    number = number_of(needed(row, "count", _("Say how many times.")))
    if not isinstance(number, int):
        raise Missing("count", _("Must be a whole number."), is_wrong=True)
    op = row.get("count_op", "at_least")
    return {} if (op, number) == ("at_least", 1) else {"count": {"op": op, "value": number}}


def _where(writer: _Writer, row: Row, *, at: str = "") -> dict[str, Json]:
    tests = writer.tests(row, Kind.WHERE, at=f"{at}where")
    return {"where": tests} if tests else {}


def _event_name(row: Row) -> str:
    return needed(row, "event", _("Choose an event."))


def _event(writer: _Writer, row: Row) -> dict[str, Json]:
    where = _where(writer, row)
    return {"event": _event_name(row)} | where | _count(row) | _during(row)


def _trait(writer: _Writer, row: Row) -> dict[str, Json]:
    return {"trait": needed(row, "path", _("Choose a trait."))} | writer.comparison(row, at="")


def _context(writer: _Writer, row: Row) -> dict[str, Json]:
    return {"context": needed(row, "path", _("Choose a part of the message."))} | writer.comparison(
        row, at=""
    )


def _total(writer: _Writer, row: Row) -> dict[str, Json]:
    where = _where(writer, row)
    document = {"total": row.get("total", "sum"), "event": _event_name(row)}
    document["property"] = needed(row, "property", _("Choose a property."))
    return document | where | _during(row) | write_comparison(row.fields)


def _last(writer: _Writer, row: Row) -> dict[str, Json]:
    which = "first" if row.get("which") == "first" else "last"
    where = _where(writer, row)
    had = writer.tests(row, Kind.HAD, at="had")
    name = _event_name(row)
    if not had:
        raise Missing("", _("Say what that event had."))
    return {which: name} | where | {"had": had}


def _sequence(writer: _Writer, row: Row) -> dict[str, Json]:
    steps = row.parts(Kind.STEP)
    if not steps:
        raise Missing("", _("Add a step."))
    writer.steps = {step.id: place for place, step in enumerate(steps)}
    documents = []
    for place, step in enumerate(steps):
        at = f"sequence[{place}]"
        writer.places[at] = step
        documents.append(
            writer.filled(step, lambda step=step, place=place: _step(writer, step, place=place))  # type: ignore[misc]
        )
    return {"sequence": documents} | _during(row)


def _step(writer: _Writer, row: Row, *, place: int) -> dict[str, Json]:
    where = _where(writer, row, at=f"sequence[{place}].")
    document: dict[str, Json] = {"event": _event_name(row)} | where
    if place == 0:
        return document
    if row.get("within_amount").strip():
        document["within"] = write_length(row.fields, "within_")
    if row.get("negated"):
        document["not"] = True
    return document


def _has_been(writer: _Writer, row: Row) -> dict[str, Json]:
    test = _trait(writer, row)
    length = {"op": row.get("for_op", "at_least"), "value": write_length(row.fields, "for_")}
    return {"has_been": test, "for": length}


def _segment(writer: _Writer, row: Row) -> dict[str, Json]:
    standing = row.get("is", "member")
    document: dict[str, Json] = {"segment": needed(row, "segment", _("Choose a segment.")), "is": standing}
    return document if standing == "not_member" else document | _during(row)


def _list(writer: _Writer, row: Row) -> dict[str, Json]:
    return {"list": needed(row, "list", _("Choose a list."))}


def _bucket(writer: _Writer, row: Row) -> dict[str, Json]:
    document: dict[str, Json] = {"bucket": needed(row, "bucket", _("Give the draw a name."))}
    for key, name in (("from", "low"), ("to", "high")):
        number = number_of(needed(row, name, _("Say from and to how many per cent.")))
        if number is None:
            raise Missing(name, _("Must be a number from 0 to 100."), is_wrong=True)
        document[key] = number
    return document


def _engagement(writer: _Writer, row: Row) -> dict[str, Json]:
    document: dict[str, Json] = {"engagement": row.get("engagement", "opened")}
    can_be_read = document["engagement"] in ("opened", "clicked")
    for name in ("by", "channel", "journey", "step"):
        if row.get(name).strip() and (name != "by" or can_be_read):
            document[name] = row.get(name).strip()
    return document | _count(row) | _during(row)


def _consent(writer: _Writer, row: Row) -> dict[str, Json]:
    return {
        "consent": needed(row, "consent", _("Choose what was agreed to.")),
        "is": row.get("is", "granted"),
    }


def _known(writer: _Writer, row: Row) -> dict[str, Json]:
    return {"known": needed(row, "known", _("Choose a kind of identity."))}


def _raw(writer: _Writer, row: Row) -> dict[str, Json]:
    text = needed(row, "json", _("Write a condition as JSON."))
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Missing("json", _("This is no JSON."), is_wrong=True) from error
    if not isinstance(document, dict):
        raise Missing("json", _("Must be an object."), is_wrong=True)
    return document


_NODES: Final[Mapping[Kind, Callable[[_Writer, Row], dict[str, Json]]]] = {
    Kind.EVENT: _event,
    Kind.TRAIT: _trait,
    Kind.CONTEXT: _context,
    Kind.TOTAL: _total,
    Kind.LAST: _last,
    Kind.SEQUENCE: _sequence,
    Kind.HAS_BEEN: _has_been,
    Kind.SEGMENT: _segment,
    Kind.LIST: _list,
    Kind.BUCKET: _bucket,
    Kind.ENGAGEMENT: _engagement,
    Kind.CONSENT: _consent,
    Kind.KNOWN: _known,
    Kind.RAW: _raw,
}
