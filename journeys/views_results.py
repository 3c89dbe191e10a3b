"""What a journey has achieved: a page, and the same as a file."""

import csv
import io
from dataclasses import dataclass
from typing import Final

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from cdp_site.web import StaffRequest, staff_page
from connectors.models import Template
from journeys.domain.definition import parse_journey, sequences_of
from journeys.domain.describe import summary, title
from journeys.domain.lift import Verdict
from journeys.domain.nodes import Sequence, Step
from journeys.domain.steps.ways import HOLD_OUT
from journeys.models import Journey, JourneyVersion
from journeys.results import USUAL_DAYS, USUAL_WINDOW, Results, StepResult, period_of, results_of

DAYS: Final = (7, 30, 90, 365)
WINDOWS: Final = (1, 3, 7, 14, 30)  # days
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_COLUMNS: Final = ("waiting", "passed", "left", "held", "not_sent", "failed", "sent", "opened", "clicked")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLine:
    """A step with its numbers, as the table shows it."""

    id: str
    title: str
    said: str
    depth: int
    is_gone: bool  # of an earlier version
    numbers: StepResult


@staff_page()
@require_safe
def journey_results(request: StaffRequest, slug: str) -> HttpResponse:
    """Show what came of a journey in so many days."""
    journey, results, chosen = _read(request, slug)
    lines = _lines(journey, results)
    context = {
        "journey": journey,
        "results": results,
        "lines": lines,
        "names": {line.id: line.title for line in lines},
        "peak": max((day.entered for day in results.days), default=0),
        "verdicts": _verdicts(),
        "hold_out": HOLD_OUT,
        "days": DAYS,
        "windows": WINDOWS,
        **chosen,
    }
    return render(request, "journeys/journey_results.html", context)


@staff_page()
@require_safe
def journey_results_file(request: StaffRequest, slug: str) -> HttpResponse:
    """The numbers of the steps as CSV."""
    journey, results, _chosen = _read(request, slug)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["step", "title", *_COLUMNS])
    for line in _lines(journey, results):
        numbers = [getattr(line.numbers, column) for column in _COLUMNS]
        writer.writerow([_harmless(line.id), _harmless(line.title), *numbers])
    headers = {"Content-Disposition": f'attachment; filename="{journey.slug}-results.csv"'}
    return HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8", headers=headers)


def _harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _read(request: StaffRequest, slug: str) -> tuple[Journey, Results, dict[str, int]]:
    journey = get_object_or_404(Journey.objects.select_related("live_version"), slug=slug)
    days = _one_of(DAYS, request.GET.get("days"), usual=USUAL_DAYS)
    window = _one_of(WINDOWS, request.GET.get("window"), usual=USUAL_WINDOW)
    period = period_of(days, window=window, now=timezone.now())
    return journey, results_of(journey, period), {"chosen_days": days, "chosen_window": window}


def _one_of(choices: tuple[int, ...], given: str | None, *, usual: int) -> int:
    return next((choice for choice in choices if str(choice) == given), usual)


def _verdicts() -> dict[Verdict, tuple[str, str]]:
    """Each verdict in words, and the tone of its badge."""
    return {
        Verdict.TOO_EARLY: (_("Too early to say"), ""),
        Verdict.BETTER: (_("Better"), "ok"),
        Verdict.WORSE: (_("Worse"), "bad"),
        Verdict.NO_DIFFERENCE: (_("No difference shown"), ""),
    }


def _lines(journey: Journey, results: Results) -> list[StepLine]:
    """The steps of the live version as they stand, then those of earlier ones that have numbers."""
    lines: list[StepLine] = []
    templates = dict(Template.objects.values_list("slug", "name"))
    versions = JourneyVersion.objects.filter(journey=journey).order_by("-number")[:20]
    for number, version in enumerate(versions):
        known = {line.id for line in lines}
        definition = parse_journey(version.document)
        goal = definition.goal.steps if definition.goal else ()
        for step, depth in [*_walk(definition.steps, 0), *_walk(goal, 0)]:
            if number == 0 or (step.id in results.steps and step.id not in known):
                said = summary(step, templates=templates, translator=translation)
                lines.append(_line(step, said=said, depth=depth, is_gone=number > 0, results=results))
    return lines


def _line(step: Step, *, said: str, depth: int, is_gone: bool, results: Results) -> StepLine:
    return StepLine(
        id=step.id,
        title=title(step, translator=translation),
        said=said,
        depth=depth,
        is_gone=is_gone,
        numbers=results.steps.get(step.id, StepResult()),
    )


def _walk(steps: Sequence, depth: int) -> list[tuple[Step, int]]:
    found: list[tuple[Step, int]] = []
    for step in steps:
        found.append((step, depth))
        for sequence in sequences_of(step):
            found += _walk(sequence, depth + 1)
    return found
