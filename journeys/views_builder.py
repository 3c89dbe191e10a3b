"""The builder: a journey made from blank, its draft on a canvas, changed step by step.

Every change is one POST. A browser with scripts gets back what changed on the page; one without is sent to
the page itself.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from django.contrib import messages
from django.http import (
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseRedirect,
    JsonResponse,
)
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cdp_site.web import Role, StaffRequest, page_or_part, staff_page, wants_part, with_toast
from journeys.canvas import PALETTE, goal_palette
from journeys.crowds import progress_of
from journeys.domain.editing import NotThere, Spot, fresh_journey, with_ids
from journeys.domain.outline import Document
from journeys.domain.parse import JourneyError
from journeys.editor import (
    conflict_of,
    content_of,
    heading_of,
    known_things,
    new_id,
    open_panel,
    operate,
    question_of,
    suggestions_for,
    type_into,
    view_of,
)
from journeys.forms import ENTRY_SHAPES, Panel, panel_of, typed
from journeys.forms.inputs import CALENDAR_UNITS, SIDES, UNITS
from journeys.models import Journey
from journeys.queries import journey_lines, last_edit_of
from journeys.services import DraftConflict, SlugTaken, create_journey, save_draft, undo_draft
from segments.forms import BadForm, ConditionEditor

PAGE: Final = "journeys/journey_page.html"
_MOST_TRIES: Final = 1_000
_LARGEST_IMPORT: Final = 2_000_000  # bytes


@staff_page()
@require_safe
def journey_list(request: StaffRequest) -> HttpResponse:
    """List all journeys."""
    return render(request, "journeys/journey_list.html", {"journeys": journey_lines()})


@staff_page(Role.MARKETER)
@require_http_methods(["GET", "HEAD", "POST"])
def journey_new(request: StaffRequest) -> HttpResponse:
    """Ask for a name and what a journey begins with; a POST makes it."""
    name = request.POST.get("name", "").strip()[:120]
    kind = request.POST.get("entry", "event")
    context = {"name": name, "kind": kind, "shapes": ENTRY_SHAPES}
    if request.method != "POST":
        return render(request, "journeys/journey_new.html", context)
    if not name:
        return render(
            request, "journeys/journey_new.html", context | {"error": _("Give the journey a name.")}
        )
    try:
        journey = _create(name, fresh_journey(kind), actor=request.user.get_username())
    except NotThere:
        return _unreadable()
    return HttpResponseRedirect(_address(journey.slug, part="@entry"))


def _create(name: str, document: Document, *, actor: str) -> Journey:
    """Create a journey under a slug after its name that no other has."""
    start = slugify(name)[:70].strip("-_") or "journey"
    for number in range(1, _MOST_TRIES):
        slug = start if number == 1 else f"{start}-{number}"
        try:
            return create_journey(actor, slug=slug, name=name, document=document)
        except SlugTaken:
            continue
    raise SlugTaken(start)


@staff_page()
@require_safe
def journey_page(request: StaffRequest, slug: str) -> HttpResponse:
    """Show a journey; `step` opens the panel of a part, `add` the choice of a step for a place."""
    journey = _journey_or_404(slug)
    part, place = request.GET.get("step", ""), request.GET.get("add", "")
    context = _context(journey, part=part)
    if place:
        context["add_at"] = _spot_or_none(place)
    return page_or_part(request, page=PAGE, part="journeys/_panel.html", context=context)


def _spot_or_none(text: str) -> Spot | None:
    try:
        return Spot.read(text)
    except NotThere:
        return None


def _context(
    journey: Journey,
    *,
    part: str = "",
    panel: Panel | None = None,
    editors: Mapping[str, ConditionEditor] | None = None,
) -> dict[str, Any]:
    view = view_of(journey, now=timezone.now())
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


@staff_page(Role.MARKETER)
@require_POST
def journey_edit(request: StaffRequest, slug: str, part: str) -> HttpResponse:
    """Save what was typed into a part; the panel comes back only where its fields change."""
    journey = _journey_or_404(slug)
    revision = _revision(request)
    if revision is None:
        return _unreadable()
    try:
        if revision != journey.draft_revision and not wants_part(request):
            return _conflict_page(request, journey, part, revision=revision)
        result = type_into(journey, part, request.POST, revision=revision)
        if result.edited.document != journey.draft:
            journey = _save(request, slug, result.edited.document, revision=revision, part=part)
        elif revision != journey.draft_revision:
            raise DraftConflict(slug=slug, revision=journey.draft_revision)
    except NotThere:
        return _gone(request, slug)
    except BadForm:
        return _unreadable()
    except DraftConflict:
        return _conflict(request, slug, revision=revision)
    except JourneyError as error:
        return _refused(request, slug, error, part=part)
    is_rebuilt = bool(request.POST.get("rebuild"))
    return _answer(request, journey, part=part, is_panel=is_rebuilt, editors=result.editors)


@staff_page(Role.MARKETER)
@require_POST
def journey_do(request: StaffRequest, slug: str, verb: str) -> HttpResponse:
    """Change the structure of a draft: insert, move, remove and the like; undo and redo."""
    journey = _journey_or_404(slug)
    revision = _revision(request)
    if revision is None:
        return _unreadable()
    given = request.POST
    if verb in ("undo", "redo"):
        return _undone(request, slug, revision=revision, is_redo=verb == "redo")
    if verb in ("remove", "remove_way") and not given.get("sure") and (asked := _asked(request, journey)):
        return asked
    try:
        if revision != journey.draft_revision:
            raise DraftConflict(slug=slug, revision=journey.draft_revision)
        edited = operate(journey, verb, given)
        journey = _save(request, slug, edited.document, revision=revision)
    except NotThere:
        return _gone(request, slug)
    except DraftConflict:
        return _conflict(request, slug, revision=revision)
    part = edited.part if verb not in ("move", "nudge", "remove") else given.get("selected", "")
    return _answer(request, journey, part=part, is_panel=verb not in ("move", "nudge"), said=_said(verb))


def _said(verb: str) -> str:
    return {
        "move": _("Moved."),
        "nudge": _("Moved."),
        "remove": _("Removed. Undo brings it back."),
        "remove_way": _("Removed. Undo brings it back."),
        "duplicate": _("Duplicated."),
        "paste": _("Pasted."),
    }.get(verb, "")


def _asked(request: StaffRequest, journey: Journey) -> HttpResponse | None:
    way = request.POST.get("way", "")
    number = int(way) if way.isdecimal() and len(way) < 5 else None
    step = request.POST.get("id", "")
    question = question_of(view_of(journey, now=timezone.now()), step, way=number)
    if question is None:
        return None
    context = {
        "journey": journey,
        "question": question,
        "way": number,
        "selected": request.POST.get("selected"),
    }
    return page_or_part(
        request, page="journeys/journey_ask.html", part="journeys/_ask_answer.html", context=context
    )


def _undone(request: StaffRequest, slug: str, *, revision: int, is_redo: bool) -> HttpResponse:
    actor = request.user.get_username()
    try:
        journey = undo_draft(slug, revision=revision, actor=actor, now=timezone.now(), is_redo=is_redo)
    except DraftConflict:
        return _conflict(request, slug, revision=revision)
    selected = request.POST.get("selected", "")
    said = _("Done again.") if is_redo else _("Undone.")
    return _answer(request, _journey_or_404(journey.slug), part=selected, is_panel=True, said=said)


def _save(request: StaffRequest, slug: str, document: Document, *, revision: int, part: str = "") -> Journey:
    save_draft(
        slug,
        document=document,
        revision=revision,
        actor=request.user.get_username(),
        now=timezone.now(),
        part=part,
    )
    return _journey_or_404(slug)


def _answer(
    request: StaffRequest,
    journey: Journey,
    *,
    part: str,
    is_panel: bool,
    said: str = "",
    editors: Mapping[str, ConditionEditor] | None = None,
) -> HttpResponse:
    """What of the page is new: canvas and bar, and the panel or only what is wrong in it."""
    if not wants_part(request):
        if said:
            messages.success(request, said)
        return HttpResponseRedirect(_address(journey.slug, part=part))
    context = _context(journey, part=part, editors=editors) | {"is_panel": is_panel, "is_quiet": True}
    response = render(request, "journeys/_answer.html", context)
    return with_toast(response, said) if said else response


def _conflict(request: StaffRequest, slug: str, *, revision: int) -> HttpResponse:
    journey = _journey_or_404(slug)
    context = {"journey": journey, "conflict": _conflict_words(journey, revision)}
    if wants_part(request):
        # 200, for htmx would drop the words of a 409; nothing is saved.
        return render(request, "journeys/_conflict_answer.html", context)
    return render(request, PAGE, _context(journey) | context, status=409)


def _conflict_page(request: StaffRequest, journey: Journey, part: str, *, revision: int) -> HttpResponse:
    """Without scripts: what was typed, on the draft as somebody else left it, to be saved again."""
    content = content_of(journey.draft, part)
    if content is None:
        return _gone(request, journey.slug)
    known = known_things(journey)
    mine = typed(part, content, request.POST, known=known)
    panel = panel_of(part, mine.content, known=known, editors=mine.editors)
    context = _context(journey, part=part, panel=panel)
    return render(request, PAGE, context | {"conflict": _conflict_words(journey, revision)}, status=409)


def _conflict_words(journey: Journey, revision: int) -> Any:
    edit = last_edit_of(journey.slug)
    return conflict_of(
        journey, revision=revision, actor=edit.actor if edit else "", at=edit.at if edit else None
    )


def _gone(request: StaffRequest, slug: str) -> HttpResponse:
    said = _("That is no longer there; somebody removed it meanwhile.")
    if wants_part(request):
        return with_toast(_answer(request, _journey_or_404(slug), part="", is_panel=True), said)
    messages.error(request, said)
    return HttpResponseRedirect(_address(slug))


def _refused(request: StaffRequest, slug: str, error: JourneyError, *, part: str) -> HttpResponse:
    said = _("This cannot be stored: %(fault)s") % {"fault": error.faults[0]}
    if wants_part(request):
        return with_toast(HttpResponse(), said)
    messages.error(request, said)
    return HttpResponseRedirect(_address(slug, part=part))


@staff_page()
@require_safe
def journey_export(request: StaffRequest, slug: str) -> HttpResponse:
    """The draft as a file."""
    journey = _journey_or_404(slug)
    response = JsonResponse(journey.draft, json_dumps_params={"indent": 1, "ensure_ascii": False})
    response["Content-Disposition"] = f'attachment; filename="{journey.slug}.json"'
    return response


@staff_page(Role.MARKETER)
@require_POST
def journey_import(request: StaffRequest, slug: str) -> HttpResponse:
    """Replace the draft by a document from a file or a text; undo brings back what it was."""
    journey = _journey_or_404(slug)
    revision = _revision(request)
    if revision is None:
        return _unreadable()
    try:
        document = _imported(request)
    except (ValueError, RecursionError):
        messages.error(request, _("This is no journey as JSON. Nothing is changed."))
        return HttpResponseRedirect(_address(slug))
    try:
        _save(request, slug, with_ids(document, new_id=new_id), revision=revision)
    except DraftConflict:
        return _conflict(request, slug, revision=revision)
    except JourneyError as error:
        return _refused(request, slug, error, part="")
    messages.success(request, _("Imported into the draft. Undo brings back what was there."))
    return HttpResponseRedirect(_address(journey.slug))


def _imported(request: StaffRequest) -> dict[str, Any]:
    """The document that was sent. Raises ValueError."""
    file = request.FILES.get("file")
    if file is not None and (file.size or 0) > _LARGEST_IMPORT:
        raise ValueError("too large")
    document = json.loads(file.read() if file is not None else request.POST.get("text", ""))
    if not isinstance(document, dict) or not isinstance(document.get("steps"), list):
        raise ValueError("no journey")
    return document


def _revision(request: StaffRequest) -> int | None:
    text = request.POST.get("revision", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _unreadable() -> HttpResponse:
    return HttpResponseBadRequest(_("This form is not complete. Please load the page again."))


def _journey_or_404(slug: str) -> Journey:
    return get_object_or_404(Journey.objects.select_related("live_version"), slug=slug)


def _address(slug: str, *, part: str = "") -> str:
    page = reverse("journeys:journey-page", args=[slug])
    return f"{page}?{urlencode({'step': part})}" if part else page
