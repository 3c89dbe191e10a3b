"""A comparison as form fields: the operator with its type, and what stands beside it.

The field `op` holds `<type>:<operator>`, so that a number and a text that are spelled alike stay apart:
choosing "is" of numbers makes 12 a number. In lists, where types may mix, a text that reads like a number
or like yes or no is put in double quotes.
"""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from segments.domain.operators import OPERATORS, Operator, Takes, ValueType
from segments.domain.values import Json
from segments.forms import lengths

ANY: Final = "any"  # the type of operators that fit all
TYPE_LABELS: Final[Mapping[str, Promise]] = {
    ValueType.TEXT.value: gettext_lazy("Text"),
    ValueType.NUMBER.value: gettext_lazy("Number"),
    ValueType.DATE.value: gettext_lazy("Date"),
    ValueType.YES_NO.value: gettext_lazy("Yes or no"),
    ValueType.LIST.value: gettext_lazy("List"),
    ANY: gettext_lazy("Any kind"),
}
OPERATOR_LABELS: Final[Mapping[Operator, Promise]] = {
    Operator.IS: gettext_lazy("is"),
    Operator.IS_NOT: gettext_lazy("is not"),
    Operator.ONE_OF: gettext_lazy("is one of"),
    Operator.NOT_ONE_OF: gettext_lazy("is none of"),
    Operator.CONTAINS: gettext_lazy("contains"),
    Operator.NOT_CONTAINS: gettext_lazy("does not contain"),
    Operator.STARTS_WITH: gettext_lazy("starts with"),
    Operator.ENDS_WITH: gettext_lazy("ends with"),
    Operator.MATCHES: gettext_lazy("matches the pattern"),
    Operator.GREATER: gettext_lazy("is greater than"),
    Operator.AT_LEAST: gettext_lazy("is at least"),
    Operator.LESS: gettext_lazy("is less than"),
    Operator.AT_MOST: gettext_lazy("is at most"),
    Operator.BETWEEN: gettext_lazy("is between"),
    Operator.IS_TRUE: gettext_lazy("is yes"),
    Operator.IS_FALSE: gettext_lazy("is no"),
    Operator.BEFORE: gettext_lazy("is before"),
    Operator.AFTER: gettext_lazy("is after"),
    Operator.ON: gettext_lazy("is on"),
    Operator.WITHIN_LAST: gettext_lazy("is in the last"),
    Operator.WITHIN_NEXT: gettext_lazy("is in the next"),
    Operator.MORE_THAN_AGO: gettext_lazy("is longer ago than"),
    Operator.MORE_THAN_AHEAD: gettext_lazy("is further ahead than"),
    Operator.ANNIVERSARY: gettext_lazy("has its anniversary"),
    Operator.INCLUDES: gettext_lazy("includes"),
    Operator.INCLUDES_ANY: gettext_lazy("includes any of"),
    Operator.INCLUDES_ALL: gettext_lazy("includes all of"),
    Operator.INCLUDES_NONE: gettext_lazy("includes none of"),
    Operator.LENGTH: gettext_lazy("has a number of items that"),
    Operator.ANY_ITEM: gettext_lazy("has an item of which"),
    Operator.EVERY_ITEM: gettext_lazy("has only items of which"),
    Operator.NO_ITEM: gettext_lazy("has no item of which"),
    Operator.KNOWN: gettext_lazy("is known"),
    Operator.UNKNOWN: gettext_lazy("is not known"),
}
NUMBER_OPERATORS: Final = tuple(
    operator
    for operator, row in OPERATORS.items()
    if ValueType.NUMBER in row.types and row.takes in (Takes.SCALAR, Takes.NUMBER, Takes.RANGE)
)
DEFAULTS: Final[Mapping[str, str]] = {
    ValueType.TEXT.value: "text:is",
    ValueType.NUMBER.value: "number:at_least",
    ValueType.DATE.value: "date:within_last",
    ValueType.YES_NO.value: "yes_no:is_true",
    ValueType.LIST.value: "list:includes",
}
STEP: Final = "step:"  # of `by`: compare with the property of another step
ENTRY: Final = "entry"  # of `by`: compare with the message that began the run
Fields = dict[str, str]


class Missing(Exception):
    """Something is not filled in; `field` is where."""

    def __init__(self, field: str, text: str, *, is_wrong: bool = False) -> None:
        super().__init__(text)
        self.field = field
        self.text = text
        self.is_wrong = is_wrong  # filled in, but not with that


class Unshowable(Exception):
    """These fields cannot hold it."""


def type_and_operator(op: str) -> tuple[str, Operator]:
    """Take the field `op` apart. Raises Missing."""
    kind, _colon, word = op.partition(":")
    if word not in list(Operator) or kind not in TYPE_LABELS:
        raise Missing("op", _("Choose how to compare."))
    return kind, Operator(word)


def operators_of(kind: str) -> list[Operator]:
    """The operators that fit a type, known and unknown aside."""
    if kind == ANY:
        return [Operator.KNOWN, Operator.UNKNOWN]
    return [
        operator
        for operator, row in OPERATORS.items()
        if ValueType(kind) in row.types and operator not in (Operator.KNOWN, Operator.UNKNOWN)
    ]


# -- writing -------------------------------------------------------------------------------------------


def write_comparison(fields: Mapping[str, str]) -> dict[str, Json]:
    """The keys `op`, `value` and `ignore_case` of what somebody filled in. Raises Missing."""
    kind, operator = type_and_operator(fields.get("op", ""))
    row = OPERATORS[operator]
    document: dict[str, Json] = {"op": operator.value}
    if row.takes is Takes.TESTS:
        return document  # its tests are rows
    if row.takes is not Takes.NOTHING:
        document["value"] = _WRITERS[row.takes](fields, kind)
    if row.has_case and fields.get("case") and kind == ValueType.TEXT.value:
        document["ignore_case"] = True
    return document


def _scalar(fields: Mapping[str, str], kind: str) -> Json:
    return _number(fields, "value") if kind == ValueType.NUMBER.value else _text(fields, kind)


def _text(fields: Mapping[str, str], kind: str) -> str:
    if not fields.get("value", ""):
        raise Missing("value", _("Fill in a value."))
    return fields["value"]


def _number(fields: Mapping[str, str], name: str) -> int | float:
    text = fields.get(name, "").strip()
    if not text:
        raise Missing(name, _("Fill in a number."))
    number = number_of(text)
    if number is None:
        raise Missing(name, _("“%(text)s” is not a number.") % {"text": text[:40]}, is_wrong=True)
    return number


def number_of(text: str) -> int | float | None:
    """Read a number as people type it; None where it is none."""
    try:
        exact = Decimal(text.strip())
    except InvalidOperation:
        return None
    if not exact.is_finite() or abs(exact) > Decimal(10) ** 308:
        return None
    return int(exact) if exact == exact.to_integral_value() else float(exact)


def _item(fields: Mapping[str, str], kind: str) -> Json:
    return item_of(_text(fields, kind))


def _items(fields: Mapping[str, str], kind: str) -> list[Json]:
    lines = [line.strip() for line in fields.get("value", "").splitlines() if line.strip()]
    if not lines:
        raise Missing("value", _("Fill in at least one value."))
    if kind == ValueType.TEXT.value:
        return list(lines)
    if kind == ValueType.NUMBER.value:
        return [_number({"value": line}, "value") for line in lines]
    return [item_of(line) for line in lines]


def item_of(text: str) -> Json:
    """Read one value of a list: quoted text, a number, true or false, else text."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1]
    if text in ("true", "false"):
        return text == "true"
    number = number_of(text)
    return text if number is None else number


def _range(fields: Mapping[str, str], kind: str) -> list[Json]:
    return [_number(fields, "value"), _number(fields, "value_to")]


def _date(fields: Mapping[str, str], kind: str) -> str:
    if not fields.get("value", "").strip():
        raise Missing("value", _("Choose a date."))
    return fields["value"].strip()


def write_length(fields: Mapping[str, str], name: str = "") -> str:
    """ISO 8601 text of the fields `<name>amount` and `<name>unit`. Raises Missing."""
    amount = fields.get(f"{name}amount", "")
    if not amount.strip():
        raise Missing(f"{name}amount", _("Say how long."))
    length = lengths.written(amount, fields.get(f"{name}unit") or "days")
    if length is None:
        raise Missing(f"{name}amount", _("Must be a whole number above zero."), is_wrong=True)
    return length


def _return(fields: Mapping[str, str], kind: str) -> Json:
    if fields.get("returns", "today") == "today":
        return "today"
    return {"within_next": write_length({"amount": fields.get("amount", ""), "unit": "days"})}


def _count(fields: Mapping[str, str], kind: str) -> Json:
    operator = fields.get("count_op") or Operator.AT_LEAST.value
    if operator == Operator.BETWEEN.value:
        return {"op": operator, "value": _range(fields, kind)}
    return {"op": operator, "value": _number(fields, "value")}


_WRITERS: Final[Mapping[Takes, Callable[[Mapping[str, str], str], Json]]] = {
    Takes.SCALAR: _scalar,
    Takes.ITEM: _item,
    Takes.ITEMS: _items,
    Takes.TEXT: _text,
    Takes.PATTERN: _text,
    Takes.NUMBER: lambda fields, kind: _number(fields, "value"),
    Takes.RANGE: _range,
    Takes.DATE: _date,
    Takes.DAY: _date,
    Takes.LENGTH: lambda fields, kind: write_length(fields),
    Takes.RETURN: _return,
    Takes.COUNT: _count,
}


# -- reading -------------------------------------------------------------------------------------------


def read_comparison(document: Mapping[str, Json]) -> Fields:
    """The fields of a comparison. Raises Unshowable."""
    word = document.get("op")
    if word not in list(Operator):
        raise Unshowable
    operator = Operator(word)
    row = OPERATORS[operator]
    value = document.get("value")
    kind = _type_of(operator, value)
    fields = {"op": f"{kind}:{operator.value}"}
    if document.get("ignore_case"):
        fields["case"] = "1"
    if row.takes in (Takes.NOTHING, Takes.TESTS) or "same_as" in document:
        return fields
    return fields | _read_value(row.takes, value, kind)


def _type_of(operator: Operator, value: Json) -> str:
    types = OPERATORS[operator].types
    if len(types) == len(ValueType):
        return ANY
    if len(types) == 1:
        return types[0].value
    sample = value[0] if isinstance(value, list) and value else value
    is_number = isinstance(sample, int | float | Decimal) and not isinstance(sample, bool)
    return ValueType.NUMBER.value if is_number else ValueType.TEXT.value


def _read_value(takes: Takes, value: Json, kind: str) -> Fields:
    match takes:
        case Takes.ITEMS if isinstance(value, list):
            is_quoted = kind == ValueType.LIST.value
            return {"value": "\n".join(_line(one, is_quoted=is_quoted) for one in value)}
        case Takes.ITEM:
            return {"value": _line(value, is_quoted=True)}
        case Takes.RANGE if isinstance(value, list) and len(value) == 2:
            return {"value": _plain(value[0]), "value_to": _plain(value[1])}
        case Takes.LENGTH:
            return read_length(value)
        case Takes.RETURN:
            return _read_return(value)
        case Takes.COUNT if isinstance(value, dict):
            inner = value.get("value")
            numbers = inner if isinstance(inner, list) and len(inner) == 2 else [inner, ""]
            return {
                "count_op": str(value.get("op")),
                "value": _plain(numbers[0]),
                "value_to": _plain(numbers[1]),
            }
        case _:
            return {"value": _plain(value)}


def read_length(value: Json, name: str = "") -> Fields:
    """The fields of a length. Raises Unshowable where it has several units."""
    found = lengths.read(value)
    if found is None:
        raise Unshowable
    return {f"{name}amount": found[0], f"{name}unit": found[1]}


def _read_return(value: Json) -> Fields:
    if value == "today":
        return {"returns": "today"}
    if not isinstance(value, dict):
        raise Unshowable
    fields = read_length(value.get("within_next"))
    if fields["unit"] == "weeks":
        fields = {"amount": str(int(fields["amount"]) * 7), "unit": "days"}
    return {"returns": "soon"} | fields


def _plain(value: Json) -> str:
    if isinstance(value, bool) or value is None or isinstance(value, list | dict):
        raise Unshowable
    return value if isinstance(value, str) else _digits(value)


def _digits(value: Any) -> str:
    return str(value) if isinstance(value, int) else json.dumps(float(value))


def _line(value: Json, *, is_quoted: bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = _plain(value)
    if is_quoted and isinstance(value, str) and item_of(text) != value:
        return f'"{text}"'
    return text
