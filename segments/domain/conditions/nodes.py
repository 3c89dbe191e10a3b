"""The classes of the tree. What they mean stands atop the package."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from segments.domain.operators import Comparison, EntryValue, Operator, StepValue
from segments.domain.values import DateValue, Length, Path


class Source(StrEnum):
    """Where in an event a test looks."""

    PROPERTY = "property"
    CONTEXT = "context"


class CountOperator(StrEnum):
    """How a number of events is compared."""

    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    EXACTLY = "exactly"


class Standing(StrEnum):
    """How somebody stands to a segment."""

    MEMBER = "member"
    NOT_MEMBER = "not_member"
    LEFT = "left"


class ConsentState(StrEnum):
    """What is known about a consent."""

    GRANTED = "granted"
    DENIED = "denied"
    UNSET = "unset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ever:
    """At any time up to now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Last:
    """Less than a length of time ago."""

    length: Length


@dataclass(frozen=True, slots=True, kw_only=True)
class BeforeLast:
    """A length of time ago or longer."""

    length: Length


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """From `start` up to, not including, `end`."""

    start: DateValue
    end: DateValue


@dataclass(frozen=True, slots=True, kw_only=True)
class SinceEntry:
    """After the message that began the run."""


During = Ever | Last | BeforeLast | Between | SinceEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many events there must be."""

    op: CountOperator = CountOperator.AT_LEAST
    value: int = 1

    def holds_for(self, number: int) -> bool:
        match self.op:
            case CountOperator.AT_LEAST:
                return number >= self.value
            case CountOperator.AT_MOST:
                return number <= self.value
            case CountOperator.EXACTLY:
                return number == self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """A comparison of one part of an event."""

    source: Source
    path: Path
    comparison: Comparison

    @property
    def is_about_entry(self) -> bool:
        return isinstance(self.comparison.value, EntryValue)

    @property
    def is_about_step(self) -> bool:
        return isinstance(self.comparison.value, StepValue)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf:
    """Every one holds."""

    of: tuple["Condition", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    """At least one holds."""

    of: tuple["Condition", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoneOf:
    """None holds."""

    of: tuple["Condition", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraitTest:
    """A comparison of one of the person's traits; the first key of the path is the trait's."""

    path: Path
    comparison: Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCount:
    """So many events of a name passed the tests in a time."""

    name: str  # may end in * for every name that starts so
    where: tuple[Test, ...] = ()
    count: Count = field(default_factory=Count)
    during: During = field(default_factory=Ever)


class TotalKind(StrEnum):
    """What is made of the values at a path."""

    SUM = "sum"
    AVERAGE = "average"
    MIN = "min"
    MAX = "max"
    DISTINCT = "distinct"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTotal:
    """What the values of a property come to, over such events, compared as a number."""

    kind: TotalKind
    name: str
    path: Path  # among the properties
    comparison: Comparison
    where: tuple[Test, ...] = ()
    during: During = field(default_factory=Ever)


class Position(StrEnum):
    """Which of several events."""

    FIRST = "first"
    LAST = "last"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventHad:
    """The first or last of such events passed further tests."""

    position: Position
    name: str
    had: tuple[Test, ...]
    where: tuple[Test, ...] = ()
    during: During = field(default_factory=Ever)


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceStep:
    """One event of a sequence, or what must not be."""

    name: str
    where: tuple[Test, ...] = ()
    within: Length | None = None  # of the last event matched before
    is_not: bool = False

    @property
    def tests(self) -> tuple[Test, ...]:
        """The tests that the event alone can answer."""
        return tuple(test for test in self.where if not test.is_about_step)

    @property
    def links(self) -> tuple[tuple[Test, StepValue], ...]:
        """The tests that compare it with an earlier step's event."""
        return tuple(
            (test, test.comparison.value)
            for test in self.where
            if isinstance(test.comparison.value, StepValue)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSequence:
    """One thing happened, then another, and something else did not."""

    steps: tuple[SequenceStep, ...]
    during: During = field(default_factory=Ever)


class Engaged(StrEnum):
    """What became of a message, or was done with it."""

    SENT = "sent"
    DELIVERED = "delivered"
    OPENED = "opened"
    CLICKED = "clicked"
    BOUNCED = "bounced"
    MARKED_AS_SPAM = "marked_as_spam"
    UNSUBSCRIBED = "unsubscribed"


class Channel(StrEnum):
    """How a message went out."""

    EMAIL = "email"
    SMS = "sms"
    PUSH = "push"


class By(StrEnum):
    """Who opened or clicked."""

    HUMAN = "human"
    MACHINE = "machine"
    SCANNER = "scanner"
    PREFETCH = "prefetch"
    ANYONE = "anyone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engagement:
    """So many messages had something become of them."""

    kind: Engaged
    by: By = By.HUMAN
    channel: Channel = Channel.EMAIL
    journey: str = ""  # slug; "" for any
    step: str = ""  # id within the journey; "" for any
    count: Count = field(default_factory=Count)
    during: During = field(default_factory=Ever)

    @property
    def has_reader(self) -> bool:
        """Whether somebody does it, who may be a program."""
        return self.kind in (Engaged.OPENED, Engaged.CLICKED)

    def as_events(self) -> EventCount:
        """The same asked of the events by which messages are told about."""
        by = self.by if self.has_reader and self.by is not By.ANYONE else ""
        wanted = {"by": str(by), "journey": self.journey, "step": self.step}
        return EventCount(
            name=f"{_CHANNEL_NAMES[self.channel]} {_ENGAGED_NAMES[self.kind]}",
            where=tuple(
                Test(source=Source.PROPERTY, path=(key,), comparison=Comparison(op=Operator.IS, value=value))
                for key, value in wanted.items()
                if value
            ),
            count=self.count,
            during=self.during,
        )


_CHANNEL_NAMES: Final = {Channel.EMAIL: "Email", Channel.SMS: "SMS", Channel.PUSH: "Push"}
_ENGAGED_NAMES: Final = {
    Engaged.SENT: "Sent",
    Engaged.DELIVERED: "Delivered",
    Engaged.OPENED: "Opened",
    Engaged.CLICKED: "Link Clicked",
    Engaged.BOUNCED: "Bounced",
    Engaged.MARKED_AS_SPAM: "Marked as Spam",
    Engaged.UNSUBSCRIBED: "Unsubscribed",
}
ENGAGEMENT_EVENTS: Final = frozenset(  # told by the product itself, once it has something to tell
    f"{channel} {kind}" for channel in _CHANNEL_NAMES.values() for kind in _ENGAGED_NAMES.values()
)


class Span(StrEnum):
    """How a time that something has lasted is compared."""

    AT_LEAST = "at_least"
    LESS_THAN = "less_than"


@dataclass(frozen=True, slots=True, kw_only=True)
class HasBeen:
    """A test of a trait holds, and has held without a break for some time."""

    path: Path
    comparison: Comparison
    span: Span
    length: Length


@dataclass(frozen=True, slots=True, kw_only=True)
class InSegment:
    """How the person stands to a segment."""

    slug: str
    standing: Standing
    during: During = field(default_factory=Ever)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnList:
    """The person was added by hand to a segment."""

    slug: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InBucket:
    """The person falls into a share of all people, the same each time for one salt."""

    salt: str
    start: Decimal  # per cent, included
    end: Decimal  # per cent, not included


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentIs:
    """What the person said about a category of consent."""

    category: str
    state: ConsentState


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityKnown:
    """The person has an identity of a kind."""

    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextTest:
    """A comparison in the context of the message being processed; without one everything is missing."""

    path: Path
    comparison: Comparison


Group = AllOf | AnyOf | NoneOf
EventLeaf = EventCount | EventTotal | EventHad | EventSequence | Engagement
PersonLeaf = TraitTest | HasBeen | InSegment | OnList | InBucket | ConsentIs | IdentityKnown | ContextTest
Leaf = EventLeaf | PersonLeaf
Condition = Group | Leaf
