"""What somebody does on the page of a journey: see its draft, and change it.

Each change names the revision it was made on. Where somebody else saved meanwhile nothing is written; both
are shown, and whoever was second decides. A change can always be taken back.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final
from zoneinfo import available_timezones

from django.db.models import QuerySet
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from connectors.domain.vendor import Action
from connectors.models import Connection, Template
from journeys import drafts
from journeys.canvas import Canvas, Painter, marks_of, title_of
from journeys.domain.changes import ChangeKind
from journeys.domain.editing import (
    ENTRY,
    EXIT,
    GOAL,
    SETTINGS,
    Edited,
    NotThere,
    Spot,
    add_part,
    add_way,
    copy_to,
    differences,
    duplicate,
    insert,
    kept_ways,
    move,
    nudge,
    put,
    remove,
    remove_way,
)
from journeys.domain.layout import Way
from journeys.domain.outline import Document, own, part_at, step_in, steps_of
from journeys.findings import Findings, findings_of
from journeys.forms import Known, Panel, goal_in_full, panel_of, typed, value_at
from journeys.live import company_rules
from journeys.models import Journey
from journeys.queries import NO_NUMBERS, JourneyNumbers, numbers_of
from profiles import catalogue
from profiles.domain.facts import Json
from segments.forms import ConditionEditor
from segments.models import Segment

NUMBERS_DAYS: Final = 30
_WEBHOOK: Final = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A journey as its page shows it."""

    journey: Journey
    canvas: Canvas
    numbers: JourneyNumbers
    findings: Findings
    stack: drafts.Stack
    is_changed: bool  # the draft differs from what is live


def view_of(journey: Journey, *, now: datetime) -> View:
    """Gather what the page of a journey shows."""
    live = journey.live_version.document if journey.live_version else None
    numbers = numbers_of(journey, since=now - timedelta(days=NUMBERS_DAYS)) if live else NO_NUMBERS
    findings = findings_of(journey.draft, company_has_caps=bool(company_rules().caps))
    found = differences(live, journey.draft) if live is not None else []
    painter = Painter(
        numbers=numbers,
        templates=dict(Template.objects.values_list("slug", "name")),
        marks=marks_of(found),
        new=frozenset(each.part for each in found if each.kind is ChangeKind.ADDED),
        findings=findings,
    )
    return View(
        journey=journey,
        canvas=painter.canvas(journey.draft),
        numbers=numbers,
        findings=findings,
        stack=drafts.stack_of(journey),
        is_changed=live is not None and live != journey.draft,
    )


def known_things(journey: Journey) -> Known:
    """What the panel offers to choose from; only what a part asks for is looked up."""

    def named(rows: QuerySet[Any]) -> Any:
        return SimpleLazyObject(lambda: list(rows.order_by("name").values_list("slug", "name")))

    return Known(
        templates=named(Template.objects.all()),
        segments=named(Segment.objects.all()),
        connections=named(Connection.objects.exclude(kind=_WEBHOOK)),
        webhooks=named(Connection.objects.filter(kind=_WEBHOOK)),
        journeys=named(Journey.objects.exclude(pk=journey.pk)),
        zones=_zones(),
    )


@cache
def _zones() -> list[str]:
    return sorted(zone for zone in available_timezones() if "/" in zone)


def suggestions_for(journey: Journey, panel: Panel) -> dict[str, list[str]]:
    """Names to type, by the list of suggestions that an input asks for."""
    wanted = {it.input.offers for it in panel.inputs()}
    found = {}
    if "traits" in wanted:
        found["traits"] = [line.path for line in catalogue.traits()]
    if "actions" in wanted:
        found["actions"] = [action.value for action in Action]
    if "keys" in wanted:
        name = str(value_at(journey.draft, ("entry", "on", "event")) or "")
        found["keys"] = [f"properties.{line.path}" for line in catalogue.properties_of(name)] if name else []
    return found


def content_of(document: Document, part: str) -> Json:
    """What a part holds; None where the draft does not have it. Entry and settings are always there."""
    found = part_at(document, part)
    return found[1] if found else {} if part in (ENTRY, SETTINGS) else None


def open_panel(
    journey: Journey,
    part: str,
    *,
    findings: Findings,
    editors: Mapping[str, ConditionEditor] | None = None,
) -> Panel | None:
    """The panel of a part of the draft; None where there is none."""
    content = content_of(journey.draft, part)
    if content is None:
        return None
    errors = findings.errors_of(part)
    return panel_of(part, content, known=known_things(journey), errors=errors, editors=editors)


def heading_of(document: Document, part: str) -> str:
    """What kind of part the panel is about."""
    around = {ENTRY: _("Entry"), GOAL: _("Goal"), EXIT: _("Exit rule"), SETTINGS: _("Settings")}
    found = step_in(document, part)
    return around.get(part) or (title_of({**found.part, "name": ""}) if found else "")


# -- changes -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PartTyped:
    """What somebody typed into a part."""

    edited: Edited
    editors: Mapping[str, ConditionEditor]


def type_into(journey: Journey, part: str, data: Any, *, revision: int) -> PartTyped:
    """Put what was typed over a part of the draft as it is now.

    Raises:
        NotThere: the draft has no such part any more.
        segments.forms.BadForm: no form of ours sends that.
    """
    content = content_of(journey.draft, part)
    if content is None:
        raise NotThere(part)
    seen = drafts.document_at(journey, revision)
    result = typed(
        part,
        content,
        data,
        known=known_things(journey),
        seen=content_of(seen, part) if seen is not None else None,
    )
    is_same = result.content == own(goal_in_full(part, content))
    edited = Edited(document=journey.draft) if is_same else put(journey.draft, part, result.content)
    return PartTyped(edited=edited, editors=result.editors)


def new_id(kind: str) -> str:
    """An id that no step had before: decisions and people still speak of those that are gone."""
    return f"{kind}-{secrets.token_hex(3)}".replace("_", "-")


Operation = Callable[[Journey, Mapping[str, Any]], Edited]


def operate(journey: Journey, name: str, given: Mapping[str, Any]) -> Edited:
    """Change the structure of the draft. Raises NotThere."""
    if name not in _OPERATIONS:
        raise NotThere(name)
    return _OPERATIONS[name](journey, given)


def _spot(given: Mapping[str, Any]) -> Spot:
    return Spot.read(str(given.get("at", "")))


def _number(given: Mapping[str, Any], name: str) -> int:
    text = str(given.get(name, ""))
    if not text.removeprefix("-").isdecimal() or len(text) > 5:
        raise NotThere(text)
    return int(text)


def _paste(journey: Journey, given: Mapping[str, Any]) -> Edited:
    slug = str(given.get("from") or journey.slug)
    source = Journey.objects.filter(slug=slug).values_list("draft", flat=True).first() or {}
    return copy_to(journey.draft, str(given.get("id")), source=source, to=_spot(given), new_id=new_id)


_OPERATIONS: Final[Mapping[str, Operation]] = {
    "insert": lambda journey, given: insert(
        journey.draft, str(given.get("kind")), at=_spot(given), new_id=new_id
    ),
    "move": lambda journey, given: move(journey.draft, str(given.get("id")), to=_spot(given)),
    "nudge": lambda journey, given: nudge(journey.draft, str(given.get("id")), by=_number(given, "by")),
    "duplicate": lambda journey, given: duplicate(journey.draft, str(given.get("id")), new_id=new_id),
    "paste": _paste,
    "remove": lambda journey, given: remove(
        journey.draft, str(given.get("id")), keep=str(given.get("keep", ""))
    ),
    "add_part": lambda journey, given: add_part(journey.draft, str(given.get("id"))),
    "add_way": lambda journey, given: add_way(journey.draft, str(given.get("id"))),
    "remove_way": lambda journey, given: remove_way(
        journey.draft, str(given.get("id")), _number(given, "way")
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked before a step goes."""

    step: str
    title: str
    ways: Sequence[tuple[str, str, int]]  # key, label and number of steps of each way that can stay
    waiting: int  # people who stand at it, or inside of it
    others: int  # steps that go with it


def question_of(view: View, step_id: str, *, way: int | None = None) -> Question | None:
    """What to ask before a step, or one of its ways, is removed; None for nothing."""
    found = step_in(view.journey.draft, step_id)
    if found is None:
        return None
    ways = kept_ways(found.part)
    gone = [found.part] if way is None else list(_way_numbered(ways, way))
    ids = [str(each.part.get("id")) for each in steps_of(gone, "")]
    waiting = sum(view.numbers.of(one).waiting for one in ids)
    inside = len(ids) - (way is None)
    if not waiting and not inside:
        return None
    labels = {} if way is not None else {each.key: each for each in ways}
    return Question(
        step=step_id,
        title=title_of(found.part),
        ways=[(key, _way_name(each), len(each.steps)) for key, each in labels.items()],
        waiting=waiting,
        others=inside,
    )


def _way_numbered(ways: Sequence[Way], number: int) -> Sequence[Document]:
    return next((way.steps for way in ways if way.key.endswith(f"/{number}")), ())


def _way_name(way: Way) -> str:
    names = {"then": _("It happened"), "else": _("Everyone else"), "steps": _("Each round")}
    return way.name or names.get(way.key, way.key)


# -- two editors ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """What somebody else did to the draft while this change was being made."""

    actor: str
    at: datetime | None
    lines: Sequence[str]  # what is different now, in words


def conflict_of(journey: Journey, *, revision: int, actor: str, at: datetime | None) -> Conflict:
    """Say what became of the draft since a revision."""
    seen = drafts.document_at(journey, revision)
    return Conflict(actor=actor, at=at, lines=_lines(seen, journey.draft) if seen is not None else [])


def _lines(before: Document, after: Document) -> list[str]:
    words = {
        ChangeKind.ADDED: _("%(part)s: new"),
        ChangeKind.REMOVED: _("%(part)s: removed"),
        ChangeKind.CHANGED: _("%(part)s: changed"),
        ChangeKind.MOVED: _("%(part)s: moved"),
    }
    return [
        words[each.kind]
        % {"part": _part_name(before if each.kind is ChangeKind.REMOVED else after, each.part)}
        for each in differences(before, after)
    ]


def _part_name(document: Document, part: str) -> str:
    found = step_in(document, part)
    return title_of(found.part) if found else heading_of(document, part)
