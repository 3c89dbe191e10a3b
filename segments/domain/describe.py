"""A condition as a sentence that a marketer would say.

Pass `django.utils.translation` as the translator to hear it in the reader's language; without one it is
English. Every phrase is whole, with named places, so that a translation may reorder it.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, assert_never

from segments.domain.conditions import (
    AllOf,
    AnyOf,
    BeforeLast,
    Between,
    Condition,
    ConsentIs,
    ConsentState,
    ContextTest,
    Count,
    CountOperator,
    During,
    EventCount,
    Ever,
    IdentityKnown,
    InSegment,
    Last,
    NoneOf,
    SinceEntry,
    Source,
    Standing,
    Test,
    TraitTest,
)
from segments.domain.operators import (
    OPERATORS,
    Comparison,
    EntryValue,
    ItemTest,
    Range,
    Takes,
    Today,
    Value,
)
from segments.domain.patterns import Pattern
from segments.domain.phrases import ENGLISH, Translator, gettext_noop
from segments.domain.values import DateValue, Length, Path, json_number

_STANDINGS: Final[Mapping[tuple[Standing, bool], str]] = {
    (Standing.MEMBER, False): gettext_noop("is in the segment {segment}"),
    (Standing.MEMBER, True): gettext_noop("is in the segment {segment}, entered {when}"),
    (Standing.NOT_MEMBER, False): gettext_noop("is not in the segment {segment}"),
    (Standing.LEFT, False): gettext_noop("has left the segment {segment}"),
    (Standing.LEFT, True): gettext_noop("has left the segment {segment} {when}"),
}
_CONSENTS: Final[Mapping[ConsentState, str]] = {
    ConsentState.GRANTED: gettext_noop("has granted the consent {category}"),
    ConsentState.DENIED: gettext_noop("has denied the consent {category}"),
    ConsentState.UNSET: gettext_noop("was never asked for the consent {category}"),
}


_LONGEST_LIST: Final = 5  # values named before "and n more"


def describe(condition: Condition, *, translator: Translator = ENGLISH) -> str:
    """Say a condition in words."""
    return _Teller(translator).condition(condition, is_inner=False)


class _Teller:
    """Says things in one language."""

    def __init__(self, translator: Translator) -> None:
        self.translator = translator

    def say(self, message: str, /, values: Mapping[str, str] | None = None) -> str:
        return self.translator.gettext(message).format(**(values or {}))

    def gettext(self, message: str) -> str:
        return self.translator.gettext(message)

    def quoted(self, text: str) -> str:
        return self.say(gettext_noop("“{text}”"), {"text": text})

    def condition(self, condition: Condition, *, is_inner: bool = True) -> str:
        match condition:
            case AllOf() | AnyOf() | NoneOf():
                return self.group(condition, is_inner=is_inner)
            case TraitTest():
                return self.comparison(self.path(condition.path), condition.comparison)
            case ContextTest():
                what = self.say(gettext_noop("the message's {path}"), {"path": self.path(condition.path)})
                return self.comparison(what, condition.comparison)
            case EventCount():
                return self.event(condition)
            case InSegment():
                return self.segment(condition)
            case ConsentIs():
                return self.say(_CONSENTS[condition.state], {"category": self.quoted(condition.category)})
            case IdentityKnown():
                return self.say(gettext_noop("has a known {kind}"), {"kind": condition.kind})
            case _:
                assert_never(condition)

    def group(self, group: AllOf | AnyOf | NoneOf, *, is_inner: bool) -> str:
        if not group.of:
            everybody, nobody = self.gettext("everybody"), self.gettext("nobody")
            return nobody if isinstance(group, AnyOf) else everybody
        parts = [self.condition(part) for part in group.of]
        match group:
            case AllOf():
                said = self.joined(parts, self.gettext("{first} and {second}"))
            case AnyOf():
                said = self.joined(parts, self.gettext("{first} or {second}"))
            case NoneOf():
                alternatives = self.joined(parts, self.gettext("{first} or {second}"))
                return self.say(gettext_noop("not ({condition})"), {"condition": alternatives})
        if is_inner and len(parts) > 1:
            return self.say(gettext_noop("({condition})"), {"condition": said})
        return said

    def joined(self, parts: Sequence[str], pair: str) -> str:
        said = parts[0]
        for part in parts[1:]:
            said = pair.format(first=said, second=part)
        return said

    def path(self, path: Path) -> str:
        return ".".join(path)

    def event(self, condition: EventCount) -> str:
        values = {
            "event": self.event_name(condition.name),
            "often": self.often(condition.count),
            "when": self.when(condition.during),
        }
        if condition.where:
            tests = [self.test(test) for test in condition.where]
            values["tests"] = self.joined(tests, self.gettext("{first} and {second}"))
            values["event"] = self.say(gettext_noop("{event} (where {tests})"), values)
        has_when = not isinstance(condition.during, Ever)
        if condition.count.value == 0 and condition.count.op is not CountOperator.AT_LEAST:
            never = (
                gettext_noop("did not do {event} {when}") if has_when else gettext_noop("never did {event}")
            )
            return self.say(never, values)
        did = gettext_noop("did {event} {often} {when}") if has_when else gettext_noop("did {event} {often}")
        return self.say(did, values)

    def event_name(self, name: str) -> str:
        if not name.endswith("*"):
            return self.quoted(name)
        if name == "*":
            return self.gettext("anything")
        return self.say(gettext_noop("anything that begins with {name}"), {"name": self.quoted(name[:-1])})

    def often(self, count: Count) -> str:
        number = count.value
        match count.op:
            case CountOperator.AT_LEAST:
                said = self.translator.ngettext("at least {n} time", "at least {n} times", number)
            case CountOperator.AT_MOST:
                said = self.translator.ngettext("at most {n} time", "at most {n} times", number)
            case CountOperator.EXACTLY:
                said = self.translator.ngettext("exactly {n} time", "exactly {n} times", number)
        return said.format(n=number)

    def when(self, during: During) -> str:
        match during:
            case Ever():
                return ""
            case Last():
                return self.say(gettext_noop("in the last {length}"), {"length": self.length(during.length)})
            case BeforeLast():
                return self.say(
                    gettext_noop("more than {length} ago"), {"length": self.length(during.length)}
                )
            case Between():
                return self.say(
                    gettext_noop("from {start} until before {end}"),
                    {"start": str(during.start), "end": str(during.end)},
                )
            case SinceEntry():
                return self.gettext("since entering")
            case _:
                assert_never(during)

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

    def segment(self, condition: InSegment) -> str:
        has_when = not isinstance(condition.during, Ever)
        return self.say(
            _STANDINGS[(condition.standing, has_when)],
            {"segment": self.quoted(condition.slug), "when": self.when(condition.during)},
        )

    def test(self, test: Test) -> str:
        what = self.path(test.path)
        if test.source is Source.CONTEXT:
            what = self.say(gettext_noop("the message's {path}"), {"path": what})
        return self.comparison(what, test.comparison)

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
            case EntryValue():
                path = self.path(value.path[1:])
                return self.say(gettext_noop("the {path} of the message of entry"), {"path": path})
            case _:
                return self.time(value)

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
