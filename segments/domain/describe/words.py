"""Values, comparisons and lengths of time in words: what every part of a sentence is made of."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from segments.domain.operators import (
    OPERATORS,
    Comparison,
    EntryValue,
    ItemTest,
    Range,
    StepValue,
    Takes,
    Today,
    Value,
)
from segments.domain.patterns import Pattern
from segments.domain.phrases import Translator, gettext_noop
from segments.domain.values import DateValue, Length, Path, json_number

_LONGEST_LIST: Final = 5  # values named before "and n more"


class Speaker:
    """Says values in one language."""

    def __init__(self, translator: Translator) -> None:
        self.translator = translator

    def say(self, message: str, /, values: Mapping[str, str] | None = None) -> str:
        return self.translator.gettext(message).format(**(values or {}))

    def gettext(self, message: str) -> str:
        return self.translator.gettext(message)

    def quoted(self, text: str) -> str:
        return self.say(gettext_noop("“{text}”"), {"text": text})

    def joined(self, parts: Sequence[str], pair: str) -> str:
        said = parts[0]
        for part in parts[1:]:
            said = pair.format(first=said, second=part)
        return said

    def path(self, path: Path) -> str:
        return ".".join(path)

    def length(self, length: Length) -> str:
        say = self.translator.ngettext
        hours, rest = divmod(length.seconds, 3600)
        minutes, seconds = divmod(rest, 60)
        parts = [
            plural.format(n=number)
            for number, plural in (
                (length.months, say("{n} month", "{n} months", length.months)),
                (length.days, say("{n} day", "{n} days", length.days)),
                (hours, say("{n} hour", "{n} hours", hours)),
                (minutes, say("{n} minute", "{n} minutes", minutes)),
                (seconds, say("{n} second", "{n} seconds", seconds)),
            )
            if number
        ]
        return self.joined(parts, self.gettext("{first} and {second}"))

    def comparison(self, what: str, comparison: Comparison) -> str:
        label = OPERATORS[comparison.op].label
        value = self.value(comparison.value)
        if OPERATORS[comparison.op].takes is Takes.RETURN and isinstance(comparison.value, Length):
            value = self.say(gettext_noop("today or in the next {length}"), {"length": value})
        said = self.say(label, {"what": what, "value": value})
        if not comparison.ignore_case:
            return said
        return self.say(gettext_noop("{comparison} in upper or lower case"), {"comparison": said})

    def value(self, value: "Value | ItemTest") -> str:
        match value:
            case bool():
                return self.gettext("yes") if value else self.gettext("no")
            case str():
                return self.quoted(value)
            case Decimal():
                return str(json_number(value))
            case tuple():
                return self.values(value)
            case Range():
                return self.say(
                    gettext_noop("{low} and {high}"),
                    {"low": self.value(value.low), "high": self.value(value.high)},
                )
            case Pattern():
                return self.quoted(value.source)
            case ItemTest():
                return self.comparison(self.path(value.path), value.comparison)
            case Comparison():
                return self.comparison(self.gettext("the count"), value)
            case EntryValue() | StepValue():
                return self.elsewhere(value)
            case _:
                return self.time(value)

    def elsewhere(self, value: EntryValue | StepValue) -> str:
        if isinstance(value, EntryValue):
            path = self.path(value.path[1:])
            return self.say(gettext_noop("the {path} of the message of entry"), {"path": path})
        step = {"path": self.path(value.path), "n": str(value.step + 1)}
        return self.say(gettext_noop("the {path} of step {n}"), step)

    def values(self, values: Sequence[Any]) -> str:
        named = [self.value(one) for one in values[:_LONGEST_LIST]]
        is_tests = any(isinstance(one, ItemTest) for one in values)
        pair = self.gettext("{first} and {second}") if is_tests else self.gettext("{first}, {second}")
        said = self.joined(named, pair)
        left = len(values) - len(named)
        if not left:
            return said
        more = self.translator.ngettext("{values} and {n} more", "{values} and {n} more", left)
        return more.format(values=said, n=left)

    def time(self, value: DateValue | Length | Today | None) -> str:
        match value:
            case None:
                return ""
            case Length():
                return self.length(value)
            case Today():
                return self.gettext("today")
            case _:
                return str(value)
