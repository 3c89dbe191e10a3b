"""What the form of a condition offers to choose from: what is known of events and traits, and fixed words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from profiles.catalogue import NameLine, PropertyLine, ValueLine
from profiles.domain.catalogue import EACH
from segments.domain.operators import OPERATORS, Operator, Takes, ValueType
from segments.forms import lengths
from segments.forms.comparing import (
    ANY,
    DEFAULTS,
    NUMBER_OPERATORS,
    OPERATOR_LABELS,
    TYPE_LABELS,
    operators_of,
)
from segments.forms.lengths import UNITS
from segments.forms.rows import Kind, Row

Choice = tuple[str, str | Promise]
MOST_VALUES: Final = 40

KINDS: Final[Mapping[Kind, tuple[Promise, str]]] = {  # label, icon; in the order of the menu
    Kind.EVENT: (gettext_lazy("Event"), "activity"),
    Kind.TRAIT: (gettext_lazy("Trait"), "user-round"),
    Kind.TOTAL: (gettext_lazy("Total"), "sigma"),
    Kind.SEQUENCE: (gettext_lazy("Sequence"), "list-ordered"),
    Kind.LAST: (gettext_lazy("Last or first event"), "history"),
    Kind.HAS_BEEN: (gettext_lazy("Trait for a while"), "hourglass"),
    Kind.SEGMENT: (gettext_lazy("Segment"), "list-filter"),
    Kind.LIST: (gettext_lazy("List"), "list-checks"),
    Kind.ENGAGEMENT: (gettext_lazy("Message activity"), "mail-open"),
    Kind.CONSENT: (gettext_lazy("Consent"), "shield-check"),
    Kind.KNOWN: (gettext_lazy("Known identity"), "id-card"),
    Kind.BUCKET: (gettext_lazy("Random share"), "dices"),
    Kind.CONTEXT: (gettext_lazy("The message itself"), "message-square"),
    Kind.RAW: (gettext_lazy("Written as JSON"), "braces"),
}
FIRST_KINDS: Final = (Kind.EVENT, Kind.TRAIT)
COUNTS: Final[Sequence[Choice]] = (
    ("at_least", gettext_lazy("at least")),
    ("exactly", gettext_lazy("exactly")),
    ("at_most", gettext_lazy("at most")),
)
WINDOWS: Final[Sequence[Choice]] = (
    ("ever", gettext_lazy("at any time")),
    ("last", gettext_lazy("in the last")),
    ("before_last", gettext_lazy("longer ago than")),
    ("between", gettext_lazy("between")),
)
SINCE: Final[Choice] = ("since", gettext_lazy("since entering the journey"))
TOTALS: Final[Sequence[Choice]] = (
    ("sum", gettext_lazy("Sum")),
    ("average", gettext_lazy("Average")),
    ("min", gettext_lazy("Smallest")),
    ("max", gettext_lazy("Largest")),
    ("distinct", gettext_lazy("Number of different values")),
)
ENGAGEMENTS: Final[Sequence[Choice]] = (
    ("sent", gettext_lazy("was sent")),
    ("delivered", gettext_lazy("received")),
    ("opened", gettext_lazy("opened")),
    ("clicked", gettext_lazy("clicked in")),
    ("bounced", gettext_lazy("bounced on")),
    ("marked_as_spam", gettext_lazy("marked as spam")),
    ("unsubscribed", gettext_lazy("unsubscribed from")),
)
DOERS: Final[Sequence[Choice]] = (
    ("human", gettext_lazy("people")),
    ("machine", gettext_lazy("machines")),
    ("scanner", gettext_lazy("virus scanners")),
    ("prefetch", gettext_lazy("mail programs that load ahead")),
    ("anyone", gettext_lazy("people or programs")),
)
STANDINGS: Final[Sequence[Choice]] = (
    ("member", gettext_lazy("is in")),
    ("not_member", gettext_lazy("is not in")),
    ("left", gettext_lazy("has left")),
)
CONSENTS: Final[Sequence[Choice]] = (
    ("granted", gettext_lazy("was granted")),
    ("denied", gettext_lazy("was denied")),
    ("unset", gettext_lazy("was never asked for")),
)
SPANS: Final[Sequence[Choice]] = (
    ("at_least", gettext_lazy("for at least")),
    ("less_than", gettext_lazy("for less than")),
)
RETURNS: Final[Sequence[Choice]] = (
    ("today", gettext_lazy("today")),
    ("soon", gettext_lazy("today or in the next")),
)
CONTEXT_PATHS: Final = (
    "device.type",
    "os.name",
    "page.path",
    "page.url",
    "page.referrer",
    "page.title",
    "campaign.source",
    "campaign.medium",
    "campaign.name",
    "locale",
    "timezone",
    "userAgent",
)
EXACT_UNITS: Final[Sequence[Choice]] = tuple((unit, UNITS[unit]) for unit in lengths.EXACT_UNITS)
ALL_UNITS: Final[Sequence[Choice]] = tuple(UNITS.items())
NUMBER_COMPARISONS: Final[Sequence[Choice]] = tuple(
    (one.value, OPERATOR_LABELS[one]) for one in NUMBER_OPERATORS
)
READ: Final = ("opened", "clicked")  # what a person does, or a program
CHANNELS: Final[Sequence[Choice]] = (
    ("email", gettext_lazy("email")),
    ("sms", gettext_lazy("SMS")),
    ("push", gettext_lazy("push message")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What is known of the company's data."""

    events: Sequence[NameLine] = ()
    traits: Sequence[PropertyLine] = ()
    properties: Mapping[str, Sequence[PropertyLine]] = field(default_factory=dict)  # event -> its own
    segments: Sequence[tuple[str, str]] = ()  # slug, name
    categories: Sequence[str] = ()  # of consent
    identities: Sequence[str] = ()  # kinds
    unsent: frozenset[str] = frozenset()  # event names of the form that nobody ever sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """The choices at each row of one form."""

    words: Words
    parents: Mapping[str, Row]  # row id -> the row around it

    def event_of(self, row: Row) -> str:
        """The event whose properties a test looks at."""
        around = self.parents.get(row.id)
        while around is not None and "event" not in around.fields:
            around = self.parents.get(around.id)
        return around.get("event") if around is not None else ""

    def places(self, row: Row) -> Sequence[PropertyLine]:
        """What the path of a row can be."""
        if row.kind is Kind.ITEM:
            return self._inside(self.parents[row.id])
        if row.kind in (Kind.TRAIT, Kind.HAS_BEEN):
            return [line for line in self.words.traits if not line.is_inside_list]
        lines = self.words.properties.get(self.event_of(row) or row.get("event"), ())
        return [line for line in lines if not line.is_inside_list]

    def _inside(self, around: Row) -> Sequence[PropertyLine]:
        start = f"{around.get('path')}{EACH}."
        lines = self.words.traits
        if around.kind in (Kind.WHERE, Kind.HAD):
            lines = self.words.properties.get(self.event_of(around), ())
        return [_cut(line, start) for line in lines if line.path.startswith(start)]

    def line(self, row: Row) -> PropertyLine | None:
        """What is known of the place that a row looks at."""
        path = row.get("path")
        return next((line for line in self.places(row) if line.path == path), None)

    def types(self, row: Row) -> Sequence[str]:
        """The types that operators are offered for; all where nothing is known."""
        line = self.line(row)
        if line is None or not line.types or row.get("source") == "context":
            return [kind.value for kind in ValueType]
        return [shape.value for shape in line.types]

    def values(self, row: Row) -> Sequence[ValueLine]:
        """Usual values."""
        line = self.line(row)
        return line.values[:MOST_VALUES] if line else ()

    def segments(self, none: str) -> Sequence[Choice]:
        """The segments by name, and a line for not having chosen."""
        return [("", none), *self.words.segments]

    def operators(self, row: Row) -> list[tuple[str | Promise, list[Choice]]]:
        """Operators by type; what is chosen already always stays on offer."""
        if row.kind is Kind.TOTAL:
            return [("", [(f"number:{one.value}", OPERATOR_LABELS[one]) for one in NUMBER_OPERATORS])]
        kinds = list(self.types(row))
        chosen = row.get("op").partition(":")[0]
        if chosen in TYPE_LABELS and chosen != ANY and chosen not in kinds:
            kinds.append(chosen)
        groups = [(TYPE_LABELS[kind], _offered(kind)) for kind in kinds]
        return [*groups, (TYPE_LABELS[ANY], _offered(ANY))]

    def takes(self, row: Row) -> str:
        """What stands beside the chosen operator."""
        word = row.get("op").partition(":")[2]
        return OPERATORS[Operator(word)].takes.name if word in list(Operator) else Takes.NOTHING.name

    def has_case(self, row: Row) -> bool:
        kind, _colon, word = row.get("op").partition(":")
        return kind == ValueType.TEXT.value and word in list(Operator) and OPERATORS[Operator(word)].has_case

    def takes_entry(self, row: Row) -> bool:
        word = row.get("op").partition(":")[2]
        return word in list(Operator) and OPERATORS[Operator(word)].takes_entry


def _cut(line: PropertyLine, start: str) -> PropertyLine:
    return PropertyLine(
        path=line.path.removeprefix(start), types=line.types, seen=line.seen, values=line.values
    )


def _offered(kind: str) -> list[Choice]:
    return [(f"{kind}:{one.value}", OPERATOR_LABELS[one]) for one in operators_of(kind)]


def follow_types(root: Row, before: Row | None, offers: Offers) -> None:
    """Give rows whose place was changed an operator that fits the type of the new one."""
    shown = {row.id: row.get("path") for row in before.walk()} if before is not None else {}
    for row in root.walk():
        path = row.get("path")
        if not path or shown.get(row.id, "") == path or "op" not in row.fields:
            continue
        line = offers.line(row)
        kind, _colon, word = row.get("op").partition(":")
        if line is None or not line.types or kind == ANY or kind in line.types:
            continue
        first = line.types[0].value
        fits = word in [one.value for one in operators_of(first)]
        row.fields["op"] = f"{first}:{word}" if fits else DEFAULTS[first]
