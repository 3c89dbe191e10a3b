"""What publishing a draft would mean, told before it is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import translation
from django.utils.translation import gettext as _

from connectors.models import Template
from journeys.canvas import mark_of, title_of
from journeys.crowds import Progress, progress_of
from journeys.domain.changes import Change, ChangeKind, Part, changes_between
from journeys.domain.definition import Definition, Fault, parse_journey
from journeys.domain.describe import entry_summary, summary, title
from journeys.domain.editing import ENTRY, EXIT, GOAL, SETTINGS
from journeys.domain.moving import Standing, standing
from journeys.domain.nodes import Step
from journeys.domain.outline import owner_of, step_in
from journeys.findings import warnings_in
from journeys.live import company_rules
from journeys.models import Journey
from journeys.moving import moves_to
from journeys.queries import NO_NUMBERS, numbers_of
from journeys.services import faults_of
from profiles.domain.exact import is_same_json
from profiles.domain.facts import Json
from segments.domain.describe import describe


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLine:
    """One difference between what is live and the draft."""

    part: str  # what stands in the page's address
    title: str
    mark: str
    before: str
    after: str
    people: Standing  # seen from the step


@dataclass(frozen=True, slots=True, kw_only=True)
class GoneLine:
    """A step that people stand at and that the draft does not have."""

    step: str
    title: str
    waiting: int
    following: str  # the title of the step they begin if they move; "" where none is left


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultLine:
    """One thing that keeps the draft from being published."""

    part: str  # "" where it belongs to none
    title: str
    path: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningLine:
    """What deserves a second look and holds nobody up; as the builder says it."""

    parts: Sequence[tuple[str, str]]  # that it is about: what stands in the page's address, and the title
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All there is to know before publishing."""

    is_first: bool
    is_same: bool  # the draft is what is live
    number: int  # of the version that would be made
    inside: int  # people, in whatever version
    progress: Progress | None  # of moving a crowd, or having it leave
    changes: Sequence[ChangeLine]
    gone: Sequence[GoneLine]
    steps: Sequence[tuple[str, str]]  # of the draft: id and title
    faults: Sequence[FaultLine]
    warnings: Sequence[WarningLine]


def summary_of(journey: Journey, *, now: datetime) -> Summary:
    """Compare the draft with what is live."""
    faults = faults_of(journey.draft)
    live = journey.live_version
    is_stopped = journey.state == Journey.State.STOPPED
    newest = journey.versions.order_by("-number").values_list("number", flat=True).first() or 0
    numbers = numbers_of(journey, since=now) if live else NO_NUMBERS
    waiting = {step: each.waiting for step, each in numbers.steps.items() if each.waiting}
    draft = parse_journey(journey.draft) if live and not faults else None
    return Summary(
        is_first=live is None,
        is_same=live is not None and is_same_json(live.document, journey.draft) and not is_stopped,
        number=newest + 1,
        inside=numbers.inside,
        progress=progress_of(journey),
        changes=_changes(parse_journey(live.document), draft, waiting) if live and draft else [],
        gone=_gone(journey, draft, waiting) if draft else [],
        steps=[(step.id, title(step, translator=translation)) for step in draft.walk()] if draft else [],
        faults=[_fault_line(journey, fault) for fault in faults],
        warnings=_warnings(journey.draft),
    )


def _warnings(draft: Mapping[str, Json]) -> list[WarningLine]:
    """Each sentence once, with all the parts that it is about."""
    found: dict[str, list[str]] = {}
    for one in warnings_in(draft, company_has_caps=bool(company_rules().caps)):
        found.setdefault(one.text, []).append(one.part)
    return [
        WarningLine(parts=[(part, _name(draft, part)) for part in parts], message=text)
        for text, parts in found.items()
    ]


def _changes(live: Definition, draft: Definition, waiting: Mapping[str, int]) -> list[ChangeLine]:
    templates = dict(Template.objects.values_list("slug", "name"))
    lines = []
    for change in changes_between(live, draft):
        before, after = (
            _compared(change, templates)
            if change.part is Part.STEP
            else (_around(live, change.part), _around(draft, change.part))
        )
        lines.append(
            ChangeLine(
                part=change.step_id or _PARTS.get(change.part, ""),
                title=_title(change),
                mark=mark_of(change),
                before=before,
                after=after,
                people=_people(change, live, draft, waiting),
            )
        )
    return lines


def _people(change: Change, live: Definition, draft: Definition, waiting: Mapping[str, int]) -> Standing:
    if change.part is not Part.STEP:
        return Standing()
    return standing(draft if change.kind is ChangeKind.ADDED else live, change.step_id, waiting)


def _gone(journey: Journey, draft: Definition, waiting: Mapping[str, int]) -> list[GoneLine]:
    """The steps that people of any version stand at, and the draft has no more."""
    lines: dict[str, GoneLine] = {}
    for move in moves_to(draft, journey, to={}).values():
        steps = [step for step in move.old.walk() if waiting.get(step.id)]
        gone = [step for step in steps if move.place_of(step.id) != step.id]
        for step in gone:
            place = move.place_of(step.id)
            line = GoneLine(
                step=step.id,
                title=title(step, translator=translation),
                waiting=waiting[step.id],
                following=title(draft.step(place), translator=translation) if place else "",
            )
            lines.setdefault(step.id, line)
    return list(lines.values())


_PARTS = {Part.ENTRY: ENTRY, Part.GOAL: GOAL, Part.EXIT: EXIT}


def _title(change: Change) -> str:
    match change.part:
        case Part.STEP:
            step = change.after or change.before
            return title(step, translator=translation) if step else ""
        case Part.ENTRY:
            return _("Entry")
        case Part.GOAL:
            return _("Goal")
        case Part.EXIT:
            return _("Exit rule")
        case Part.SETTINGS:
            return _("Settings")


def _compared(change: Change, templates: Mapping[str, str]) -> tuple[str, str]:
    """The step before and after, in what tells them apart."""
    before, after = _said(change.before, templates), _said(change.after, templates)
    if before != after or not change.before or not change.after:
        return before, after
    if change.before.name != change.after.name:
        return title(change.before, translator=translation), title(change.after, translator=translation)
    return "", after


def _said(step: Step | None, templates: Mapping[str, str]) -> str:
    return summary(step, templates=templates, translator=translation) if step else ""


def _around(definition: Definition, part: Part) -> str:
    match part:
        case Part.ENTRY:
            return entry_summary(definition.entry, translator=translation)
        case Part.GOAL if definition.goal:
            return describe(definition.goal.condition, translator=translation)
        case Part.EXIT if definition.exit_when:
            return describe(definition.exit_when, translator=translation)
        case _:
            return ""


def _fault_line(journey: Journey, fault: Fault) -> FaultLine:
    part, _rest = owner_of(journey.draft, fault.path)
    name = _name(journey.draft, part)
    return FaultLine(part=part, title=name, path=fault.path, message=fault.message.said(translation))


def _name(document: Mapping[str, Json], part: str) -> str:
    found = step_in(document, part)
    around = {ENTRY: _("Entry"), GOAL: _("Goal"), EXIT: _("Exit rule"), SETTINGS: _("Settings")}
    return title_of(found.part) if found else around.get(part, "")
