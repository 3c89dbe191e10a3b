"""A journey as its page draws it: cards in columns, with what each says and how many people it saw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.utils import translation
from django.utils.translation import gettext as _

from journeys.domain import nodes
from journeys.domain.changes import Change, ChangeKind, Part, changes_between
from journeys.domain.definition import Definition
from journeys.domain.describe import (
    entry_summary,
    kind_label,
    length_in_words,
    summary,
    title,
    trigger_title,
)
from journeys.domain.editing import ENTRY, EXIT, GOAL
from journeys.domain.layout import Place, Way, WayKind, columns, places, ways_of
from journeys.domain.parse.steps import always_ends
from journeys.queries import JourneyNumbers, StepNumbers
from segments.domain.describe import describe

WIDEST: Final = 100  # columns the stylesheet has classes for

_LOOKS: Final[Mapping[type[nodes.Step], tuple[str, str]]] = {  # symbol, tone
    nodes.Wait: ("clock", "warn"),
    nodes.WaitClock: ("alarm-clock", "warn"),
    nodes.WaitDate: ("calendar-clock", "warn"),
    nodes.WaitUntil: ("hourglass", "warn"),
    nodes.Branch: ("split", "violet"),
    nodes.Split: ("shuffle", "violet"),
    nodes.Repeat: ("repeat", "violet"),
    nodes.Send: ("mail", "blue"),
    nodes.Crm: ("contact", "teal"),
    nodes.Webhook: ("webhook", "teal"),
    nodes.SetTrait: ("tag", "teal"),
    nodes.ListChange: ("list-plus", "teal"),
    nodes.GoToJourney: ("route", "quiet"),
    nodes.Exit: ("log-out", "quiet"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number on a card."""

    label: str
    value: int
    is_bad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One step, or the entry, the goal or the exit rule, as a card."""

    id: str
    symbol: str
    tone: str
    kind: str
    title: str
    summary: str
    figures: Sequence[Figure] = ()
    mark: str = ""  # "new in this draft" and the like


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A card and the ways out of it."""

    card: Card
    ways: Sequence["Column"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A way out of a card: its label, its place and what stands on it."""

    label: str
    is_yes: bool
    count: int | None  # people who took it
    rows: Sequence[Row]
    place: Place
    is_end: bool  # everybody on it leaves the journey


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """The whole picture."""

    entry: Card
    rules: Sequence[Card]  # goal and exit rule: they hold everywhere
    rows: Sequence[Row]
    width: int
    is_end: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Painter:
    """What cards are made from."""

    numbers: JourneyNumbers
    templates: Mapping[str, str]  # names by slug
    marks: Mapping[str, str]  # step id or part -> what the draft does to it

    def canvas(self, definition: Definition) -> Canvas:
        rules = [card for card in (self._goal(definition), self._exit(definition)) if card]
        return Canvas(
            entry=self._entry(definition),
            rules=rules,
            rows=self._rows(definition.steps),
            width=min(columns(definition.steps), WIDEST),
            is_end=_is_end(definition.steps),
        )

    def _entry(self, definition: Definition) -> Card:
        return Card(
            id=ENTRY,
            symbol="zap",
            tone="ok",
            kind=_("Entry"),
            title=trigger_title(definition.entry.on, translator=translation),
            summary=entry_summary(definition.entry, translator=translation),
            figures=[Figure(label=_("Entered"), value=self.numbers.entered)],
            mark=self.marks.get(ENTRY, ""),
        )

    def _goal(self, definition: Definition) -> Card | None:
        if definition.goal is None:
            return None
        return Card(
            id=GOAL,
            symbol="target",
            tone="ok",
            kind=_("Goal"),
            title=_("Ends as converted"),
            summary=describe(definition.goal.condition, translator=translation),
            figures=[Figure(label=_("Converted"), value=self.numbers.converted)],
            mark=self.marks.get(GOAL, ""),
        )

    def _exit(self, definition: Definition) -> Card | None:
        if definition.exit_when is None:
            return None
        return Card(
            id=EXIT,
            symbol="log-out",
            tone="quiet",
            kind=_("Exit rule"),
            title=_("Ends at once"),
            summary=describe(definition.exit_when, translator=translation),
            mark=self.marks.get(EXIT, ""),
        )

    def _rows(self, steps: nodes.Sequence) -> list[Row]:
        return [Row(card=self.step(step), ways=self._columns(step)) for step in steps]

    def step(self, step: nodes.Step) -> Card:
        symbol, tone = _LOOKS[type(step)]
        return Card(
            id=step.id,
            symbol=symbol,
            tone=tone,
            kind=kind_label(step, translator=translation),
            title=title(step, translator=translation),
            summary=summary(step, templates=self.templates, translator=translation),
            figures=_figures(step, self.numbers.of(step.id)),
            mark=self.marks.get(step.id, ""),
        )

    def _columns(self, step: nodes.Step) -> list[Column]:
        ways = ways_of(step)
        numbers = self.numbers.of(step.id)
        return [
            Column(
                label=_way_label(step, way),
                is_yes=way.kind in (WayKind.THEN, WayKind.CASE),
                count=_taken(way, numbers),
                rows=self._rows(way.steps),
                place=place,
                is_end=_is_end(way.steps),
            )
            for way, place in zip(ways, places([columns(way.steps) for way in ways]), strict=True)
        ]


def _is_end(steps: nodes.Sequence) -> bool:
    return bool(steps) and always_ends(steps[-1])


def _way_label(step: nodes.Step, way: Way) -> str:
    match way.kind:
        case WayKind.THEN:
            return _("It happened")
        case WayKind.TIMED_OUT if isinstance(step, nodes.WaitUntil) and step.timeout:
            return _("Not within %(length)s") % {
                "length": length_in_words(step.timeout, translator=translation)
            }
        case WayKind.CASE | WayKind.VARIANT:
            return way.name
        case WayKind.HELD_OUT:
            return _("Held out")
        case WayKind.ROUND:
            return _("Each round")
        case _:
            return _("Everyone else")


def _taken(way: Way, numbers: StepNumbers) -> int | None:
    match way.kind:
        case WayKind.CASE | WayKind.VARIANT:
            return numbers.ways.get(way.name, 0)
        case WayKind.HELD_OUT:
            return numbers.ways.get("hold_out", 0)
        case WayKind.ELSE:
            return numbers.ways.get("else", 0)
        case _:
            return None


def _figures(step: nodes.Step, numbers: StepNumbers) -> list[Figure]:
    figures = []
    if isinstance(step, nodes.Wait | nodes.WaitClock | nodes.WaitDate | nodes.WaitUntil):
        figures.append(Figure(label=_("Waiting"), value=numbers.waiting))
    figures.append(Figure(label=_("Passed"), value=numbers.passed))
    if numbers.not_sent:
        figures.append(Figure(label=_("Not sent"), value=numbers.not_sent))
    if numbers.failed:
        figures.append(Figure(label=_("Failed"), value=numbers.failed, is_bad=True))
    return figures


def marks_of(live: Definition | None, draft: Definition) -> dict[str, str]:
    """What a draft does to each part of what is live, in a word or two; nothing while nothing is live."""
    if live is None:
        return {}
    return {
        change.step_id or _PARTS[change.part]: mark_of(change)
        for change in changes_between(live, draft)
        if change.kind is not ChangeKind.REMOVED and change.part is not Part.SETTINGS
    }


_PARTS: Final = {Part.ENTRY: ENTRY, Part.GOAL: GOAL, Part.EXIT: EXIT}


def mark_of(change: Change) -> str:
    """What a change does, in a word or two."""
    return {
        ChangeKind.ADDED: _("New in this draft"),
        ChangeKind.REMOVED: _("Removed in this draft"),
        ChangeKind.CHANGED: _("Changed in this draft"),
        ChangeKind.MOVED: _("Moved in this draft"),
    }[change.kind]
