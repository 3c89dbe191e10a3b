"""What the doors of the builder answer: what of the page is new, or why nothing is."""

from collections.abc import Mapping
from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django_htmx.http import trigger_client_event

from cdp_site.web import StaffRequest, wants_part, with_toast
from journeys.canvas import PALETTE, goal_palette
from journeys.changing import TooLongAgo, typed_over
from journeys.conflicts import conflict_of
from journeys.crowds import progress_of
from journeys.domain.editing import TakenOut
from journeys.domain.parse import JourneyError
from journeys.editor import (
    heading_of,
    known_things,
    open_panel,
    suggestions_for,
    view_of,
)
from journeys.forms import Panel, panel_of
from journeys.forms.inputs import CALENDAR_UNITS, SIDES, UNITS
from journeys.models import Journey
from segments.forms import ConditionEditor

PAGE: Final = "journeys/journey_page.html"
REFUSED: Final = "journey:refused"  # the browser keeps what it sent, to send it again


def page_context(
    journey: Journey,
    *,
    part: str = "",
    panel: Panel | None = None,
    editors: Mapping[str, ConditionEditor] | None = None,
    is_counted: bool = False,
) -> dict[str, Any]:
    """What the templates of the builder show."""
    view = view_of(journey, now=timezone.now(), is_counted=is_counted)
    shown = panel or (open_panel(journey, part, findings=view.findings, editors=editors) if part else None)
    around = part.startswith("@")
    return {
        "journey": journey,
        "progress": progress_of(journey),
        "view": view,
        "part": part if shown or around else "",
        "panel": shown,
        "heading": heading_of(journey.draft, part) if part else "",
        "suggestions": suggestions_for(journey, shown) if shown else {},
        "palette": PALETTE,
        "goal_palette": goal_palette(),
        "lengths": UNITS,
        "calendar_lengths": CALENDAR_UNITS,
        "sides": SIDES,
        "card": _card(view.canvas, part) if part else None,
    }


def _card(canvas: Any, part: str) -> Any:
    return next((card for card in (canvas.entry, *canvas.rules) if card.id == part), None)


def changed(
    request: StaffRequest,
    journey: Journey,
    *,
    part: str,
    is_panel: bool,
    said: str = "",
    editors: Mapping[str, ConditionEditor] | None = None,
) -> HttpResponse:
    """Canvas and bar, and the panel or only what is wrong in it.

    What is sent again after a conflict names the part that the page shows by then, in `shows`.
    """
    if not wants_part(request):
        if said:
            messages.success(request, said)
        return HttpResponseRedirect(address(journey.slug, part=part))
    if (shows := request.POST.get("shows")) is not None:
        part, is_panel, editors = shows, bool(shows), None
    context = page_context(journey, part=part, editors=editors) | {"is_panel": is_panel, "is_quiet": True}
    response = render(request, "journeys/_answer.html", context)
    return with_toast(response, said) if said else response


def conflict(
    request: StaffRequest, slug: str, *, seen: int, is_undo: bool = False, is_taken_out: bool = False
) -> HttpResponse:
    """Nothing is saved: somebody else was faster."""
    journey = journey_or_404(slug)
    told = conflict_of(journey, seen=seen, is_undo=is_undo, is_taken_out=is_taken_out)
    context = {"journey": journey, "conflict": told}
    if wants_part(request):
        # 200, for htmx would drop the words of a 409.
        response = render(request, "journeys/_conflict_answer.html", context)
        return response if is_undo else trigger_client_event(response, REFUSED)
    return render(request, PAGE, page_context(journey, is_counted=True) | context, status=409)


def conflict_page(request: StaffRequest, slug: str, part: str, *, seen: int) -> HttpResponse:
    """Without scripts: what was typed, on the draft as somebody else left it, to be saved again.

    What the pressed button says is not done yet: it goes with the form.
    """
    journey = journey_or_404(slug)
    data = request.POST.copy()
    pending = {name: data.pop(name)[-1] for name in list(data) if name == "do" or name.endswith("-do")}
    try:
        mine = typed_over(journey, part, data, seen=seen)
    except TooLongAgo:
        return conflict(request, slug, seen=seen)
    except TakenOut:
        return conflict(request, slug, seen=seen, is_taken_out=True)
    panel = panel_of(part, mine.content, known=known_things(journey))
    context = page_context(journey, part=part, panel=panel, is_counted=True)
    more = {"conflict": conflict_of(journey, seen=seen), "pending": pending}
    return render(request, PAGE, context | more, status=409)


def gone(request: StaffRequest, slug: str) -> HttpResponse:
    """What a change speaks of is not there."""
    said = _("That is no longer there; somebody removed it meanwhile.")
    if wants_part(request):
        return with_toast(changed(request, journey_or_404(slug), part="", is_panel=True), said)
    messages.error(request, said)
    return HttpResponseRedirect(address(slug))


def cannot_store(request: StaffRequest, slug: str, error: JourneyError, *, part: str) -> HttpResponse:
    """What was sent cannot be kept in a draft."""
    fault = error.faults[0]
    said = _("This cannot be stored: %(fault)s") % {"fault": fault.message.said(translation)}
    said = f"{said} ({fault.path})" if fault.path else said
    if wants_part(request):
        return with_toast(HttpResponse(), said)
    messages.error(request, said)
    return HttpResponseRedirect(address(slug, part=part))


def number_in(request: StaffRequest, name: str) -> int | None:
    """A whole number of the form; None where there is none."""
    text = request.POST.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def unreadable() -> HttpResponse:
    """No form of ours sends that."""
    return HttpResponseBadRequest(_("This form is not complete. Please load the page again."))


def journey_or_404(slug: str) -> Journey:
    return get_object_or_404(Journey.objects.select_related("live_version"), slug=slug)


def address(slug: str, *, part: str = "") -> str:
    """The page of a journey, with the panel of a part."""
    page = reverse("journeys:journey-page", args=[slug])
    return f"{page}?{urlencode({'step': part})}" if part else page
