"""The parts of a condition as sentences."""

from collections.abc import Iterable, Mapping
from typing import Final, assert_never

from segments.domain.conditions import (
    AllOf,
    AnyOf,
    BeforeLast,
    Between,
    By,
    Channel,
    Condition,
    ConsentIs,
    ConsentState,
    ContextTest,
    Count,
    CountOperator,
    During,
    Engaged,
    Engagement,
    EventCount,
    EventHad,
    EventLeaf,
    EventSequence,
    EventTotal,
    Ever,
    Group,
    HasBeen,
    IdentityKnown,
    InBucket,
    InSegment,
    Last,
    NoneOf,
    OnList,
    PersonLeaf,
    Position,
    SequenceStep,
    SinceEntry,
    Source,
    Span,
    Standing,
    Test,
    TotalKind,
    TraitTest,
)
from segments.domain.describe.words import Speaker
from segments.domain.phrases import ENGLISH, Translator, gettext_noop
from segments.domain.values import json_number

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


_TOTALS: Final[Mapping[TotalKind, str]] = {
    TotalKind.SUM: gettext_noop("the sum of {property} over {event}"),
    TotalKind.AVERAGE: gettext_noop("the average {property} of {event}"),
    TotalKind.MIN: gettext_noop("the smallest {property} of {event}"),
    TotalKind.MAX: gettext_noop("the greatest {property} of {event}"),
    TotalKind.DISTINCT: gettext_noop("the number of different {property} of {event}"),
}
_POSITIONS: Final[Mapping[tuple[Position, bool], str]] = {
    (Position.FIRST, False): gettext_noop("the first {event} had: {tests}"),
    (Position.FIRST, True): gettext_noop("the first {event} {when} had: {tests}"),
    (Position.LAST, False): gettext_noop("the last {event} had: {tests}"),
    (Position.LAST, True): gettext_noop("the last {event} {when} had: {tests}"),
}
_STEPS: Final[Mapping[tuple[bool, bool], str]] = {  # is it a not, has it a time
    (False, False): gettext_noop("{before}, then {event}"),
    (False, True): gettext_noop("{before}, then within {length} {event}"),
    (True, False): gettext_noop("{before}, then not {event}"),
    (True, True): gettext_noop("{before}, then for {length} not {event}"),
}
_LASTED: Final[Mapping[Span, str]] = {
    Span.AT_LEAST: gettext_noop("{test}, for at least {length}"),
    Span.LESS_THAN: gettext_noop("{test}, for less than {length}"),
}
_CHANNELS: Final[Mapping[Channel, str]] = {
    Channel.EMAIL: gettext_noop("an email"),
    Channel.SMS: gettext_noop("an SMS"),
    Channel.PUSH: gettext_noop("a push message"),
}
_ENGAGED: Final[Mapping[Engaged, str]] = {
    Engaged.SENT: gettext_noop("was sent {message}"),
    Engaged.DELIVERED: gettext_noop("received {message}"),
    Engaged.OPENED: gettext_noop("opened {message}"),
    Engaged.CLICKED: gettext_noop("clicked a link in {message}"),
    Engaged.BOUNCED: gettext_noop("could not be reached by {message}"),
    Engaged.MARKED_AS_SPAM: gettext_noop("marked {message} as spam"),
    Engaged.UNSUBSCRIBED: gettext_noop("unsubscribed by {message}"),
}
_BY: Final[Mapping[By, str]] = {
    By.MACHINE: gettext_noop("{did} (as a mail program's proxy)"),
    By.SCANNER: gettext_noop("{did} (as a scanner)"),
    By.PREFETCH: gettext_noop("{did} (ahead of reading)"),
    By.ANYONE: gettext_noop("{did} (people or programs)"),
}


def describe(condition: Condition, *, translator: Translator = ENGLISH) -> str:
    """Say a condition in words."""
    return Teller(translator).condition(condition, is_inner=False)


class Teller(Speaker):
    """Says conditions in one language."""

    def condition(self, condition: Condition, *, is_inner: bool = True) -> str:
        if isinstance(condition, Group):
            return self.group(condition, is_inner=is_inner)
        return self.did(condition) if isinstance(condition, EventLeaf) else self.person(condition)

    def person(self, leaf: PersonLeaf) -> str:
        match leaf:
            case TraitTest():
                return self.comparison(self.path(leaf.path), leaf.comparison)
            case HasBeen():
                test = self.comparison(self.path(leaf.path), leaf.comparison)
                return self.say(_LASTED[leaf.span], {"test": test, "length": self.length(leaf.length)})
            case ContextTest():
                what = self.say(gettext_noop("the message's {path}"), {"path": self.path(leaf.path)})
                return self.comparison(what, leaf.comparison)
            case InSegment():
                return self.segment(leaf)
            case OnList():
                return self.say(gettext_noop("was added to {list} by hand"), {"list": self.quoted(leaf.slug)})
            case InBucket():
                return self.bucket(leaf)
            case ConsentIs():
                return self.say(_CONSENTS[leaf.state], {"category": self.quoted(leaf.category)})
            case IdentityKnown():
                return self.say(gettext_noop("has a known {kind}"), {"kind": leaf.kind})
            case _:
                assert_never(leaf)

    def did(self, leaf: EventLeaf) -> str:
        match leaf:
            case EventCount():
                return self.event(leaf)
            case EventTotal():
                return self.total(leaf)
            case EventHad():
                return self.had(leaf)
            case EventSequence():
                return self.sequence(leaf)
            case Engagement():
                return self.engagement(leaf)
            case _:
                assert_never(leaf)

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

    def event(self, condition: EventCount) -> str:
        event = self.events(condition.name, condition.where)
        if condition.count.value == 0 and condition.count.op is not CountOperator.AT_LEAST:
            never = gettext_noop("never did {event}")
            return self.timed(never, gettext_noop("did not do {event} {when}"), event, condition.during)
        values = {"event": event, "often": self.often(condition.count), "when": self.when(condition.during)}
        did = (
            gettext_noop("did {event} {often} {when}")
            if values["when"]
            else gettext_noop("did {event} {often}")
        )
        return self.say(did, values)

    def timed(self, plain: str, with_time: str, event: str, during: During) -> str:
        """One of two sentences: the second if a time is asked for."""
        when = self.when(during)
        return self.say(with_time if when else plain, {"event": event, "when": when})

    def events(self, name: str, where: Iterable[Test]) -> str:
        said = self.event_name(name)
        tests = [self.test(test) for test in where]
        if not tests:
            return said
        joined = self.joined(tests, self.gettext("{first} and {second}"))
        return self.say(gettext_noop("{event} (where {tests})"), {"event": said, "tests": joined})

    def total(self, leaf: EventTotal) -> str:
        event = self.timed(
            "{event}", gettext_noop("{event} {when}"), self.events(leaf.name, leaf.where), leaf.during
        )
        what = self.say(_TOTALS[leaf.kind], {"property": self.path(leaf.path), "event": event})
        return self.comparison(what, leaf.comparison)

    def had(self, leaf: EventHad) -> str:
        when = self.when(leaf.during)
        tests = self.joined([self.test(test) for test in leaf.had], self.gettext("{first} and {second}"))
        values = {"event": self.events(leaf.name, leaf.where), "when": when, "tests": tests}
        return self.say(_POSITIONS[leaf.position, bool(when)], values)

    def sequence(self, leaf: EventSequence) -> str:
        said = self.say(
            gettext_noop("did {event}"), {"event": self.events(leaf.steps[0].name, leaf.steps[0].where)}
        )
        for step in leaf.steps[1:]:
            said = self.step(step, before=said)
        return self.timed("{event}", gettext_noop("{event}, all {when}"), said, leaf.during)

    def step(self, step: SequenceStep, *, before: str) -> str:
        values = {"before": before, "event": self.events(step.name, step.where)}
        if step.within is not None:
            values["length"] = self.length(step.within)
        return self.say(_STEPS[step.is_not, step.within is not None], values)

    def engagement(self, leaf: Engagement) -> str:
        message = self.gettext(_CHANNELS[leaf.channel])
        if leaf.journey:
            values = {
                "message": message,
                "journey": self.quoted(leaf.journey),
                "step": self.quoted(leaf.step),
            }
            of_step = gettext_noop("{message} of step {step} of the journey {journey}")
            of_any = gettext_noop("{message} of the journey {journey}")
            message = self.say(of_step if leaf.step else of_any, values)
        did = self.say(_ENGAGED[leaf.kind], {"message": message})
        if leaf.has_reader and leaf.by in _BY:
            did = self.say(_BY[leaf.by], {"did": did})
        values = {"did": did, "often": self.often(leaf.count), "when": self.when(leaf.during)}
        sentence = gettext_noop("{did} {often} {when}") if values["when"] else gettext_noop("{did} {often}")
        return self.say(sentence, values)

    def bucket(self, leaf: InBucket) -> str:
        values = {
            "start": str(json_number(leaf.start)),
            "end": str(json_number(leaf.end)),
            "salt": self.quoted(leaf.salt),
        }
        return self.say(gettext_noop("is among {start} to {end} per cent of people by {salt}"), values)

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
