"""A draft as its page draws it: cards in columns, with what each says, what is wrong, and how many it saw.

Everything is read from the document as it was written, so a draft has its picture before it is sound.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils import translation
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from journeys.domain import nodes
from journeys.domain.changes import Change, ChangeKind
from journeys.domain.describe import KIND_LABELS, entry_summary, length_in_words, summary, trigger_title
from journeys.domain.editing import ENTRY, EXIT, GOAL, SETTINGS, Difference, Spot
from journeys.domain.editing.spots import MAIN, OF_GOAL
from journeys.domain.layout import Place, Way, WayKind, columns, places, runs_out, steps_at, ways_of
from journeys.domain.outline import Document, own
from journeys.domain.parse import Reader, read_entry
from journeys.domain.parse.steps import read_step_alone
from journeys.domain.schedule import exact_length
from journeys.findings import Findings
from journeys.queries import JourneyNumbers, StepNumbers
from profiles.domain.facts import Json
from segments.domain.conditions import Condition
from segments.domain.describe import describe
from segments.domain.parse import ConditionError, parse_condition

WIDEST: Final = 100  # columns the stylesheet has classes for


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a kind of step looks, on the palette and on its cards."""

    kind: str
    symbol: str
    tone: str
    type: type[nodes.Step]

    @property
    def label(self) -> str:
        return translation.gettext(KIND_LABELS[self.type])


def _look(kind: str, symbol: str, tone: str, of: type[nodes.Step]) -> Look:
    return Look(kind=kind, symbol=symbol, tone=tone, type=of)


PALETTE: Final[Sequence[tuple[Promise, Sequence[Look]]]] = (
    (gettext_lazy("Messages"), [_look("send", "mail", "blue", nodes.Send)]),
    (
        gettext_lazy("Timing"),
        [
            _look("wait", "clock", "warn", nodes.Wait),
            _look("wait_until", "hourglass", "warn", nodes.WaitUntil),
            _look("wait_clock", "alarm-clock", "warn", nodes.WaitClock),
            _look("wait_date", "calendar-clock", "warn", nodes.WaitDate),
        ],
    ),
    (
        gettext_lazy("Logic"),
        [
            _look("branch", "split", "violet", nodes.Branch),
            _look("split", "shuffle", "violet", nodes.Split),
            _look("repeat", "repeat", "violet", nodes.Repeat),
        ],
    ),
    (
        gettext_lazy("Actions"),
        [
            _look("crm", "contact", "teal", nodes.Crm),
            _look("webhook", "webhook", "teal", nodes.Webhook),
            _look("set_trait", "tag", "teal", nodes.SetTrait),
            _look("list", "list-plus", "teal", nodes.ListChange),
            _look("go_to_journey", "route", "quiet", nodes.GoToJourney),
            _look("exit", "log-out", "quiet", nodes.Exit),
        ],
    ),
)
_LOOKS: Final = {look.kind: look for _label, looks in PALETTE for look in looks}
_ACTING: Final = frozenset({"send", "crm", "webhook", "set_trait", "list"})  # what a goal's steps may be
_WAITS: Final = frozenset({"wait", "wait_clock", "wait_date", "wait_until"})


def goal_palette() -> list[tuple[Promise, list[Look]]]:
    """What can stand among a goal's steps."""
    groups = [(label, [look for look in looks if look.kind in _ACTING]) for label, looks in PALETTE]
    return [(label, looks) for label, looks in groups if looks]


def look_of(step: Document) -> Look | None:
    """How a step of a document looks; None for a kind that nobody knows."""
    kind = str(step.get("kind"))
    if kind == "wait":
        kind = "wait_date" if "until_date" in step else "wait_clock" if "until" in step else "wait"
    return _LOOKS.get(kind)


def title_of(step: Document) -> str:
    """A step's name, or its kind where nobody named it."""
    look = look_of(step)
    return str(step.get("name") or (look.label if look else step.get("kind") or _("A step")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number on a card."""

    label: str
    value: int
    show: str = ""  # which people it counts, as their page is asked; "" where nobody can be listed
    is_bad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One step, or a part around the steps, as a card."""

    id: str
    symbol: str
    tone: str
    kind: str
    title: str
    summary: str
    figures: Sequence[Figure] = ()
    mark: str = ""  # "new in this draft" and the like
    faults: Sequence[str] = ()
    warnings: Sequence[str] = ()
    is_step: bool = False  # can be moved, and taken out by a key
    is_empty: bool = False  # a part that the journey does without


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A card, the place before it, and the ways out of it."""

    card: Card
    spot: Spot
    ways: Sequence["Column"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A sequence: its rows and the place below them."""

    rows: Sequence[Row]
    end: Spot
    is_end: bool  # everybody on it leaves the journey


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A way out of a card: its label, its place and what stands on it."""

    label: str
    is_yes: bool
    count: int | None  # people who took it
    lane: Lane | None  # None: no step can stand there
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """The whole picture."""

    entry: Card
    rules: Sequence[Card]  # goal, exit rule and settings: they hold everywhere
    lane: Lane
    goal_lane: Lane | None
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Painter:
    """What cards are made from."""

    numbers: JourneyNumbers
    templates: Mapping[str, str]  # names by slug
    marks: Mapping[str, str]  # step id or part -> what the draft does to it
    new: frozenset[str] = frozenset()  # steps that nobody can have come to
    findings: Findings

    def canvas(self, document: Document) -> Canvas:
        steps = steps_at(document.get("steps"))
        goal = document.get("goal")
        has_goal = isinstance(goal, Mapping) and "if" in goal
        return Canvas(
            entry=self._entry(document),
            rules=[self._goal(document), self._exit(document), self._settings(document)],
            lane=self._lane(steps, MAIN),
            goal_lane=self._lane(steps_at(goal.get("steps")), OF_GOAL) if has_goal else None,  # type: ignore[union-attr]
            width=min(columns(steps), WIDEST),
        )

    def _around(self, part: str, **more: Any) -> Card:
        return Card(
            id=part,
            mark=self.marks.get(part, ""),
            faults=self.findings.texts_of(part),
            warnings=self.findings.warnings_of(part),
            **more,
        )

    def _entry(self, document: Document) -> Card:
        written = document.get("entry")
        entry = read_entry(Reader(), written) if not self.findings.texts_of(ENTRY) else None
        on = written.get("on") if isinstance(written, Mapping) else None
        named = str(on.get("event") or "") if isinstance(on, Mapping) else ""
        return self._around(
            ENTRY,
            symbol="zap",
            tone="ok",
            kind=_("Entry"),
            title=trigger_title(entry.on, translator=translation) if entry else named or _("Who enters?"),
            summary=capfirst(entry_summary(entry, translator=translation)) if entry else "",
            figures=[Figure(label=_("Entered"), value=self.numbers.entered, show="entered")],
        )

    def _goal(self, document: Document) -> Card:
        goal = document.get("goal")
        rule = goal["if"] if isinstance(goal, Mapping) and "if" in goal else goal
        converted = Figure(label=_("Converted"), value=self.numbers.converted, show="converted")
        return self._around(
            GOAL,
            symbol="target",
            tone="ok",
            kind=_("Goal"),
            title=_("No goal yet") if goal is None else _("Ends as converted"),
            summary=_("What the journey is for") if goal is None else _described(rule),
            figures=[] if goal is None else [converted],
            is_empty=goal is None,
        )

    def _exit(self, document: Document) -> Card:
        rule = document.get("exit_when")
        return self._around(
            EXIT,
            symbol="door-open",
            tone="quiet",
            kind=_("Exit rule"),
            title=_("No exit rule") if rule is None else _("Ends at once"),
            summary=_("When people leave before the end") if rule is None else _described(rule),
            is_empty=rule is None,
        )

    def _settings(self, document: Document) -> Card:
        settings = document.get("settings")
        keys = settings.keys() if isinstance(settings, Mapping) else set()
        names = {
            "quiet_hours": _("quiet hours"),
            "caps": _("caps"),
            "throttle": _("throttle"),
            "time_zone": _("time zone"),
        }
        said = ", ".join(name for key, name in names.items() if key in keys)
        return self._around(
            SETTINGS,
            symbol="settings-2",
            tone="quiet",
            kind=_("Settings"),
            title=capfirst(said) or _("As the company has it"),
            summary="" if said else _("Quiet hours, caps, throttle, time zone"),
            is_empty=not said,
        )

    def _lane(self, steps: Sequence[Document], address: str) -> Lane:
        return Lane(
            rows=[
                Row(
                    card=self.card(step),
                    spot=Spot(sequence=address, index=index),
                    ways=self._columns(step),
                )
                for index, step in enumerate(steps)
            ],
            end=Spot(sequence=address, index=len(steps)),
            is_end=runs_out(steps),
        )

    def card(self, step: Document) -> Card:
        step_id, look = str(step.get("id") or ""), look_of(step)
        read = read_step_alone(step_itself(step))
        return Card(
            id=step_id,
            symbol=look.symbol if look else "circle-question-mark",
            tone=look.tone if look else "quiet",
            kind=look.label if look else str(step.get("kind") or ""),
            title=title_of(step),
            summary=capfirst(summary(read, templates=self.templates, translator=translation)) if read else "",
            figures=[] if step_id in self.new else _figures(step, self.numbers.of(step_id)),
            mark=self.marks.get(step_id, ""),
            faults=self.findings.texts_of(step_id),
            warnings=self.findings.warnings_of(step_id),
            is_step=True,
        )

    def _columns(self, step: Document) -> list[Column]:
        ways = ways_of(step)
        numbers, step_id = self.numbers.of(str(step.get("id"))), step.get("id")
        return [
            Column(
                label=_way_label(step, way),
                is_yes=way.kind in (WayKind.THEN, WayKind.CASE),
                count=_taken(way, numbers),
                lane=self._lane(list(way.steps), f"{step_id}/{way.key}") if way.key else None,
                place=place,
            )
            for way, place in zip(ways, places([columns(way.steps) for way in ways]), strict=True)
        ]


def step_itself(step: Document) -> Document:
    """A step without those it owns."""
    alone = own(step)
    assert isinstance(alone, Mapping)
    return alone


def _described(rule: Json) -> str:
    try:
        condition: Condition = parse_condition(rule, allow_entry=True)
    except ConditionError:
        return ""
    return capfirst(describe(condition, translator=translation))


def _way_label(step: Document, way: Way) -> str:
    match way.kind:
        case WayKind.THEN:
            return _("It happened")
        case WayKind.TIMED_OUT:
            length = exact_length(str(step.get("timeout")))
            if length is None:
                return _("Time ran out")
            return _("Not within %(length)s") % {"length": length_in_words(length, translator=translation)}
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


def _figures(step: Document, numbers: StepNumbers) -> list[Figure]:
    look = look_of(step)
    figures = []
    if look and (look.kind in _WAITS or numbers.waiting):
        figures.append(Figure(label=_("Waiting"), value=numbers.waiting, show="waiting"))
    figures.append(Figure(label=_("Passed"), value=numbers.passed, show="passed"))
    if numbers.not_sent:
        figures.append(Figure(label=_("Not sent"), value=numbers.not_sent, show="not_sent"))
    if numbers.failed:
        figures.append(Figure(label=_("Failed"), value=numbers.failed, show="failed", is_bad=True))
    return figures


def marks_of(found: Sequence[Difference]) -> dict[str, str]:
    """What a draft does to each part of what is live, in a word or two."""
    return {each.part: _mark(each.kind) for each in found if each.kind is not ChangeKind.REMOVED}


def mark_of(change: Change) -> str:
    """What a change does, in a word or two."""
    return _mark(change.kind)


def _mark(kind: ChangeKind) -> str:
    return {
        ChangeKind.ADDED: _("New in this draft"),
        ChangeKind.REMOVED: _("Removed in this draft"),
        ChangeKind.CHANGED: _("Changed in this draft"),
        ChangeKind.MOVED: _("Moved in this draft"),
    }[kind]
