"""The builder: a journey made from blank, its draft on a canvas, changed step by step.

Every change is one POST. A browser with scripts gets back what changed on the page; one without is sent to
the page itself.
"""

from collections.abc import Mapping

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cdp_site.web import Role, StaffRequest, page_or_part, staff_page, wants_part
from journeys.changing import TooLongAgo, operate, question_of, type_into
from journeys.domain.editing import NotThere, Spot, TakenOut, fresh_journey
from journeys.domain.outline import Document
from journeys.domain.parse import JourneyError
from journeys.forms import ENTRY_SHAPES
from journeys.models import Journey
from journeys.naming import LONGEST_NAME
from journeys.queries import journey_lines
from journeys.services import DraftConflict, create_named, save_draft, undo_draft
from journeys.views_answers import (
    PAGE,
    address,
    cannot_store,
    changed,
    conflict,
    conflict_page,
    gone,
    journey_or_404,
    number_in,
    page_context,
    unreadable,
)
from profiles.domain.exact import is_same_json
from segments.forms import BadForm, ConditionEditor


@staff_page()
@require_safe
def journey_list(request: StaffRequest) -> HttpResponse:
    """List all journeys."""
    return render(request, "journeys/journey_list.html", {"journeys": journey_lines()})


@staff_page(Role.MARKETER)
@require_http_methods(["GET", "HEAD", "POST"])
def journey_new(request: StaffRequest) -> HttpResponse:
    """Ask for a name and what a journey begins with; a POST makes it."""
    name = request.POST.get("name", "").strip()[:LONGEST_NAME]
    kind = request.POST.get("entry", "event")
    context = {"name": name, "kind": kind, "shapes": ENTRY_SHAPES}
    if request.method != "POST":
        return render(request, "journeys/journey_new.html", context)
    if not name:
        return render(
            request, "journeys/journey_new.html", context | {"error": _("Give the journey a name.")}
        )
    try:
        journey = create_named(request.user.get_username(), name=name, document=fresh_journey(kind))
    except NotThere:
        return unreadable()
    return HttpResponseRedirect(address(journey.slug, part="@entry"))


@staff_page()
@require_safe
def journey_page(request: StaffRequest, slug: str) -> HttpResponse:
    """Show a journey; `step` opens the panel of a part, `add` the choice of a step for a place.

    htmx gets the panel alone, or the picture with its numbers where `counted` is asked for.
    """
    journey = journey_or_404(slug)
    part, place = request.GET.get("step", ""), request.GET.get("add", "")
    is_counted = "counted" in request.GET or not wants_part(request)
    context = page_context(journey, part=part, is_counted=is_counted)
    if place:
        context["add_at"] = _spot_or_none(place)
    fragment = "journeys/_zoom.html" if is_counted else "journeys/_panel.html"
    return page_or_part(request, page=PAGE, part=fragment, context=context)


def _spot_or_none(text: str) -> Spot | None:
    try:
        return Spot.read(text)
    except NotThere:
        return None


@staff_page(Role.MARKETER)
@require_POST
def journey_edit(request: StaffRequest, slug: str, part: str) -> HttpResponse:
    """Save what was typed into a part; the panel comes back only where its fields change.

    `revision` is the draft to save on, `seen` the one that was typed over, where that is another.
    """
    revision = number_in(request, "revision")
    if revision is None:
        return unreadable()
    seen = number_in(request, "seen") or revision
    try:
        journey, editors = _type(request, slug, part, revision=revision, seen=seen)
    except NotThere:
        return gone(request, slug)
    except BadForm:
        return unreadable()
    except TooLongAgo:
        return conflict(request, slug, seen=seen)
    except TakenOut:
        return conflict(request, slug, seen=seen, is_taken_out=True)
    except JourneyError as error:
        return cannot_store(request, slug, error, part=part)
    except DraftConflict:
        if wants_part(request):
            return conflict(request, slug, seen=seen)
        return _conflict_page(request, slug, part, seen=seen)
    is_panel = bool(request.POST.get("rebuild")) or seen != revision
    return changed(request, journey, part=part, is_panel=is_panel, editors=editors)


def _type(
    request: StaffRequest, slug: str, part: str, *, revision: int, seen: int
) -> tuple[Journey, Mapping[str, ConditionEditor]]:
    journey = journey_or_404(slug)
    if revision != journey.draft_revision:
        raise DraftConflict(slug=slug, revision=journey.draft_revision)
    result = type_into(journey, part, request.POST, seen=seen)
    if not is_same_json(result.edited.document, journey.draft):
        journey = _save(request, slug, result.edited.document, revision=revision, part=part)
    return journey, result.editors


def _conflict_page(request: StaffRequest, slug: str, part: str, *, seen: int) -> HttpResponse:
    try:
        return conflict_page(request, slug, part, seen=seen)
    except NotThere:
        return gone(request, slug)
    except BadForm:
        return unreadable()


@staff_page(Role.MARKETER)
@require_POST
def journey_do(request: StaffRequest, slug: str, verb: str) -> HttpResponse:
    """Change the structure of a draft: insert, move, remove and the like; undo and redo."""
    journey = journey_or_404(slug)
    revision = number_in(request, "revision")
    if revision is None:
        return unreadable()
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
        return gone(request, slug)
    except DraftConflict:
        return conflict(request, slug, seen=revision)
    except JourneyError as error:
        return cannot_store(request, slug, error, part=given.get("selected", ""))
    part = edited.part if verb not in ("move", "nudge", "remove") else given.get("selected", "")
    return changed(request, journey, part=part, is_panel=verb not in ("move", "nudge"), said=_said(verb))


def _said(verb: str) -> str:
    return {
        "move": _("Moved."),
        "nudge": _("Moved."),
        "nudge_case": _("Moved."),
        "remove": _("Removed. Undo brings it back."),
        "remove_way": _("Removed. Undo brings it back."),
        "duplicate": _("Duplicated."),
        "paste": _("Pasted."),
    }.get(verb, "")


def _asked(request: StaffRequest, journey: Journey) -> HttpResponse | None:
    way = request.POST.get("way", "")
    number = int(way) if way.isdecimal() and len(way) < 5 else None
    step = request.POST.get("id", "")
    question = question_of(journey, step, way=number)
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
        return conflict(request, slug, seen=revision, is_undo=True)
    selected = request.POST.get("selected", "")
    said = _("Done again.") if is_redo else _("Undone.")
    return changed(request, journey_or_404(journey.slug), part=selected, is_panel=True, said=said)


def _save(request: StaffRequest, slug: str, document: Document, *, revision: int, part: str = "") -> Journey:
    save_draft(
        slug,
        document=document,
        revision=revision,
        actor=request.user.get_username(),
        now=timezone.now(),
        part=part,
    )
    return journey_or_404(slug)
