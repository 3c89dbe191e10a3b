"""The inputs of the panel: how a value of the document becomes text to type over, and text a value.

An input takes whatever is typed. What makes no sense is kept as it stands, for the draft may be unsound;
what is wrong with it is for the reader of journeys to say, in one place for pages, API and imports.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from json import dumps
from typing import Any, Final, Protocol

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from journeys.domain.parse.times import DAYS
from journeys.domain.schedule import Unit, exact_length, in_largest_unit, written
from profiles.domain.facts import Json
from segments.domain.values import parse_length

Place = tuple[str | int, ...]  # keys and numbers, from the part
Choices = Sequence[tuple[str, Any]]
Texts = Mapping[str, list[str]]  # what an input shows or sends, by the name of its field

UNITS: Final = [
    (Unit.SECONDS.name, gettext_lazy("seconds")),
    (Unit.MINUTES.name, gettext_lazy("minutes")),
    (Unit.HOURS.name, gettext_lazy("hours")),
    (Unit.DAYS.name, gettext_lazy("days")),
    (Unit.WEEKS.name, gettext_lazy("weeks")),
]
CALENDAR_UNITS: Final = [*UNITS[1:], ("MONTHS", gettext_lazy("months"))]
SIDES: Final = [
    ("", gettext_lazy("right then")),
    ("-", gettext_lazy("before it")),
    ("+", gettext_lazy("after it")),
]
DAY_NAMES: Final = tuple(
    zip(
        DAYS,
        (
            gettext_lazy("Mon"),
            gettext_lazy("Tue"),
            gettext_lazy("Wed"),
            gettext_lazy("Thu"),
            gettext_lazy("Fri"),
            gettext_lazy("Sat"),
            gettext_lazy("Sun"),
        ),
        strict=True,
    )
)
_LONGEST: Final = 5_000


class InputKind(StrEnum):
    """What an input looks like."""

    TEXT = "text"
    NUMBER = "number"
    LENGTH = "length"
    OFFSET = "offset"  # so long before or after a date
    CHOICE = "choice"
    TIME = "time"
    MANY = "many"  # any of several
    PAIRS = "pairs"  # names and their values
    CONDITION = "condition"
    TRIGGER = "trigger"  # an event and tests of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One value that can be changed."""

    place: Place
    kind: InputKind = InputKind.TEXT
    label: str | Promise
    choices: Choices = ()
    default: str = ""  # what a choice means that the document leaves out
    offers: str = ""  # the list of suggestions
    hint: str | Promise = ""
    missing: str | Promise = ""  # what to say where it is empty and must not be
    names: tuple[str | Promise, str | Promise] = ("", "")  # of the two halves of a pair

    @property
    def name(self) -> str:
        return "f." + ".".join(map(str, self.place))

    @property
    def id(self) -> str:
        return "f-" + "-".join(map(str, self.place))

    @property
    def prefix(self) -> str:
        """What the names of a condition's fields begin with."""
        return "c-" + "-".join(map(str, self.place)) + "-"

    def field(self, name: str = "") -> str:
        return f"{self.name}.{name}" if name else self.name

    @property
    def is_rule(self) -> bool:
        return self.kind in (InputKind.CONDITION, InputKind.TRIGGER)


class Sent(Protocol):
    """What a browser sent, as Django has it."""

    def getlist(self, key: str, /) -> list[Any]: ...


def shown(value: Json, it: Input) -> dict[str, list[str]]:
    """What an input shows of a value; None is what the document leaves out."""
    return _SHOWN.get(it.kind, _shown_text)(value, it)


def sent(data: Sent, it: Input, fields: Texts) -> dict[str, list[str]]:
    """What a browser sent of an input's fields."""
    return {name: [str(text)[:_LONGEST] for text in data.getlist(it.field(name))] for name in fields}


def value_of(texts: Texts, it: Input, *, before: Json) -> Json:
    """What was typed as a value of the document; None leaves it out."""
    return _VALUES.get(it.kind, _text)(texts, before)


def _one(texts: Texts, name: str = "") -> str:
    return (texts.get(name) or [""])[0]


def as_text(value: Json) -> str:
    """A value as somebody would type it."""
    match value:
        case None:
            return ""
        case str():
            return value
        case _:
            return dumps(value, ensure_ascii=False)


def _shown_text(value: Json, it: Input) -> dict[str, list[str]]:
    return {"": [as_text(value)]}


def _shown_choice(value: Json, it: Input) -> dict[str, list[str]]:
    return {"": [it.default if value is None else as_text(value)]}


def _shown_many(value: Json, it: Input) -> dict[str, list[str]]:
    if value is None:
        return {"": it.default.split()}
    return {"": [as_text(item) for item in value] if isinstance(value, list) else []}


def _shown_length(value: Json, it: Input) -> dict[str, list[str]]:
    length = exact_length(value) if isinstance(value, str) else None
    if length is None:
        return {"amount": [as_text(value)], "unit": [Unit.DAYS.name]}
    amount, unit = in_largest_unit(length)
    return {"amount": [str(amount)], "unit": [unit.name]}


def _shown_offset(value: Json, it: Input) -> dict[str, list[str]]:
    if not isinstance(value, str):
        return {"side": [""], "amount": [as_text(value)], "unit": [Unit.DAYS.name]}
    bare = value.lstrip("+-")
    side = "-" if value.startswith("-") else "+"
    length = parse_length(bare)
    if length and length.months and bare == f"P{length.months}M":
        return {"side": [side], "amount": [str(length.months)], "unit": ["MONTHS"]}
    inner = _shown_length(bare, it)
    return {"side": [side], **inner}


def _shown_pairs(value: Json, it: Input) -> dict[str, list[str]]:
    pairs = list(value.items()) if isinstance(value, Mapping) else []
    return {"key": [str(key) for key, _ in pairs], "value": [as_text(one) for _, one in pairs]}


_SHOWN: Final[Mapping[InputKind, Callable[[Json, Input], dict[str, list[str]]]]] = {
    InputKind.CHOICE: _shown_choice,
    InputKind.MANY: _shown_many,
    InputKind.LENGTH: _shown_length,
    InputKind.OFFSET: _shown_offset,
    InputKind.PAIRS: _shown_pairs,
}


def _text(texts: Texts, before: Json) -> Json:
    return _one(texts) or None


def _number(texts: Texts, before: Json) -> Json:
    text = _one(texts).strip()
    if not text:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    if not number.is_finite() or abs(number) > 10**12:
        return text
    return int(number) if number == number.to_integral_value() else float(number)


def _many(texts: Texts, before: Json) -> Json:
    chosen = [*texts.get("", ())]
    return chosen or None


def _length(texts: Texts, before: Json) -> Json:
    amount, unit = _one(texts, "amount").strip(), _one(texts, "unit")
    if not (amount.isascii() and amount.isdigit()):
        return amount or None
    if unit == "MONTHS":
        return f"P{int(amount)}M"
    return written(int(amount), Unit[unit]) if unit in Unit.__members__ else amount


def _offset(texts: Texts, before: Json) -> Json:
    length = _length(texts, before)
    side = _one(texts, "side")
    if not side or length is None:
        return None
    return f"-{length}" if side == "-" else length


def _pairs(texts: Texts, before: Json) -> Json:
    """Names and values; a value that nobody touched keeps its type."""
    old = before if isinstance(before, Mapping) else {}
    pairs = zip(texts.get("key", ()), texts.get("value", ()), strict=False)
    return {
        key.strip(): old[key] if key in old and as_text(old[key]) == text else text
        for key, text in pairs
        if key.strip()
    }


_VALUES: Final[Mapping[InputKind, Callable[[Texts, Json], Json]]] = {
    InputKind.NUMBER: _number,
    InputKind.MANY: _many,
    InputKind.LENGTH: _length,
    InputKind.OFFSET: _offset,
    InputKind.PAIRS: _pairs,
}
