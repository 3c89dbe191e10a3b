"""Pages about one person and a journey: try the draft out with them, find out why they are not in it."""

from typing import Any

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from cdp_site.backtest.trying import HORIZON, NobodyThere, Trial, try_out
from cdp_site.jinja import moment
from cdp_site.pages.choosing import Meant, person_meant
from cdp_site.pages.person_queries import profile_of
from cdp_site.pages.steps import step_names
from cdp_site.pages.timeline.decisions import decision_sentence
from cdp_site.pages.timeline.phrases import reasons
from cdp_site.pages.try_forms import UNITS, TryForm, empty_form, read_form
from cdp_site.web import StaffRequest, staff_page
from connectors.models import Template
from journeys.canvas import Canvas, Painter
from journeys.domain.definition import Definition, JourneyError, parse_journey
from journeys.findings import Findings
from journeys.models import Journey
from journeys.queries import NO_NUMBERS
from profiles.domain.facts import Json
from profiles.models import EventName
from segments.domain.conditions import EventCount

MOST_NAMES = 300


@staff_page()
@require_http_methods(["GET", "HEAD", "POST"])
def journey_try(request: StaffRequest, slug: str) -> HttpResponse:
    """Let invented things happen to a person in memory, and show what the draft would do."""
    journey = get_object_or_404(Journey.objects.select_related("live_version"), slug=slug)
    document = _document(journey)
    definition = _sound(document)
    form = (
        read_form(request.POST)
        if request.method == "POST"
        else empty_form(person=request.GET.get("person", "")[:200], event=_begins_with(definition))
    )
    meant = person_meant(form.person) if request.method == "POST" else Meant()
    problem, trial = "", None
    if request.method == "POST" and definition is not None:
        problem, trial = _try(journey, document, form, meant)
    context = {
        "journey": journey,
        "form": form,
        "several": meant.several,
        "units": [
            (unit, label) for unit, label in zip(UNITS, (_("minutes"), _("hours"), _("days")), strict=True)
        ],
        "names": EventName.objects.order_by("name").values_list("name", flat=True)[:MOST_NAMES],
        "problem": problem if definition else _("The draft is not complete. Mend it first, then try it."),
        "days": HORIZON.days,
        "tried": _shown(trial, journey, document) if trial else None,
    }
    return render(request, "backtest/try_page.html", context)


def _document(journey: Journey) -> Json:
    """The draft; what is live where the draft is not sound."""
    if journey.live_version is not None and _sound(journey.draft) is None:
        return journey.live_version.document
    return journey.draft


def _sound(document: Json) -> Definition | None:
    try:
        return parse_journey(document)
    except JourneyError:
        return None


def _begins_with(definition: Definition | None) -> str:
    on = definition.entry.on if definition else None
    return on.name if isinstance(on, EventCount) else ""


def _try(journey: Journey, document: Json, form: TryForm, meant: Meant) -> tuple[str, Trial | None]:
    if not form.is_sound:
        return _("Something is missing, see below."), None
    if meant.person is None:
        return _nobody(meant), None
    try:
        trial = try_out(
            meant.person,
            journey,
            document=document,
            events=form.events,
            now=timezone.now(),
            is_called_in=form.is_called_in,
        )
    except NobodyThere:
        return _("Nothing is stored of this person."), None
    return "", trial


def _nobody(meant: Meant) -> str:
    """Why a text names no one person."""
    if meant.several:
        return _("Several people fit. Choose one of them.")
    return _("Nobody has this name, customer number or address.")


def _shown(trial: Trial, journey: Journey, document: Json) -> dict[str, Any]:
    names = step_names(document)
    lines = [
        {
            "at": line.at,
            "step": names.get(line.entry.step, ""),
            "sentence": decision_sentence(
                {
                    "outcome": line.entry.outcome.value,
                    "reason": line.entry.reason,
                    "journey": journey.name,
                    "step_name": names.get(line.entry.step, ""),
                    "tree": line.entry.tree,
                }
            ),
            "why": reasons(line.entry.tree),
        }
        for line in trial.lines
    ]
    return {
        "trial": trial,
        "profile": profile_of(trial.person),
        "lines": lines,
        "messages": [(message, names.get(message.step, message.step)) for message in trial.messages],
        "canvas": _canvas(trial, document),
    }


def _canvas(trial: Trial, document: Json) -> Canvas:
    painter = Painter(
        numbers=NO_NUMBERS,
        templates=dict(Template.objects.values_list("slug", "name")),
        marks={step: moment(at) for step, at in trial.reached.items()},
        findings=Findings(faults=(), warnings=()),
    )
    return painter.canvas(document)


@staff_page()
@require_safe
def journey_why(request: StaffRequest, slug: str) -> HttpResponse:
    """Ask why somebody is not in a journey: choose the person; the answer stands with them."""
    journey = get_object_or_404(Journey, slug=slug)
    named = request.GET.get("person", "")
    meant = person_meant(named)
    if meant.person is not None:
        return HttpResponseRedirect(reverse("person-why", args=[meant.person.uuid, slug]))
    context = {
        "journey": journey,
        "named": named,
        "several": meant.several,
        "problem": _nobody(meant) if named else "",
    }
    return render(request, "backtest/why_page.html", context)
