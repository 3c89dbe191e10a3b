"""What somebody sees on the page of a journey: its draft on the canvas, and a part of it on the panel."""

from collections.abc import Mapping
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
    differences,
)
from journeys.domain.outline import Document, part_at, step_in
from journeys.findings import Findings, findings_of
from journeys.forms import Known, Panel, panel_of, value_at
from journeys.live import company_rules
from journeys.models import Journey
from journeys.queries import NO_NUMBERS, numbers_of
from profiles import catalogue
from profiles.domain.exact import is_same_json
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
    is_counted: bool  # the cards have their numbers
    findings: Findings
    stack: drafts.Stack
    is_changed: bool  # the draft differs from what is live


def view_of(journey: Journey, *, now: datetime, is_counted: bool) -> View:
    """Gather what the page of a journey shows.

    Args:
        is_counted: count who came by each card, which takes its time where many did.
    """
    live = journey.live_version.document if journey.live_version else None
    is_counted = is_counted and live is not None
    numbers = numbers_of(journey, since=now - timedelta(days=NUMBERS_DAYS)) if is_counted else NO_NUMBERS
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
        is_counted=is_counted,
        findings=findings,
        stack=drafts.stack_of(journey),
        is_changed=live is not None and not is_same_json(live, journey.draft),
    )


def known_things(journey: Journey) -> Known:
    """What the panel offers to choose from; only what a part asks for is looked up."""

    def named(rows: QuerySet[Any]) -> Any:
        return SimpleLazyObject(lambda: list(rows.order_by("name").values_list("slug", "name")))

    return Known(
        templates=named(Template.objects.mails().in_force()),
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
