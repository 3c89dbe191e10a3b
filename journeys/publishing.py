"""What publishing a draft would mean, told before it is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import translation
from django.utils.translation import gettext as _

from connectors.models import Template
from journeys.canvas import mark_of
from journeys.domain.changes import Change, Part, changes_between
from journeys.domain.definition import Definition, Fault, parse_journey
from journeys.domain.describe import entry_summary, summary, title
from journeys.domain.editing import ENTRY, EXIT, GOAL
from journeys.domain.nodes import Step
from journeys.domain.outline import steps_in
from journeys.models import Journey
from journeys.queries import numbers_of
from journeys.services import faults_of
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
    waiting: int  # people who stand at it now


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultLine:
    """One thing that keeps the draft from being published."""

    part: str  # "" where it belongs to none
    title: str
    path: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All there is to know before publishing."""

    is_first: bool
    is_same: bool  # the draft is what is live
    number: int  # of the version that would be made
    inside: int  # people who finish by an earlier version
    changes: Sequence[ChangeLine]
    faults: Sequence[FaultLine]


def summary_of(journey: Journey, *, now: datetime) -> Summary:
    """Compare the draft with what is live."""
    faults = faults_of(journey.draft)
    live = journey.live_version
    is_stopped = journey.state == Journey.State.STOPPED
    newest = journey.versions.order_by("-number").values_list("number", flat=True).first() or 0
    inside = numbers_of(journey, since=now).inside if live else 0
    is_comparable = live is not None and not faults
    return Summary(
        is_first=live is None,
        is_same=live is not None and live.document == journey.draft and not is_stopped,
        number=newest + 1,
        inside=inside,
        changes=_changes(journey, now=now) if is_comparable else [],
        faults=[_fault_line(journey, fault) for fault in faults],
    )


def _changes(journey: Journey, *, now: datetime) -> list[ChangeLine]:
    assert journey.live_version is not None
    live, draft = parse_journey(journey.live_version.document), parse_journey(journey.draft)
    templates = dict(Template.objects.values_list("slug", "name"))
    numbers = numbers_of(journey, since=now)
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
                waiting=numbers.of(change.step_id).waiting if change.step_id else 0,
            )
        )
    return lines


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
    part, name = _owner(journey.draft, fault.path)
    return FaultLine(part=part, title=name, path=fault.path, message=fault.message.said(translation))


def _owner(document: Mapping[str, Json], path: str) -> tuple[str, str]:
    """The part of the document that a path leads into, and its name."""
    owner, name = "", ""
    for step in steps_in(document):  # the innermost comes last
        step_id = step.part.get("id")
        if isinstance(step_id, str) and path.startswith(f"{step.path}."):
            owner, name = step_id, str(step.part.get("name") or step_id)
    around = ((ENTRY, "entry", _("Entry")), (GOAL, "goal", _("Goal")), (EXIT, "exit_when", _("Exit rule")))
    for part, key, said in around:
        if not owner and (path == key or path.startswith((f"{key}.", f"{key}["))):
            owner, name = part, said
    return owner, name
