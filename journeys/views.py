"""Pages of journeys: the list, one journey on its canvas with forms for its parts, publishing."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cdp_site.web import Role, StaffRequest, page_or_part, staff_page, wants_part, with_toast
from journeys.domain.definition import JourneyError
from journeys.editor import (
    Edit,
    PartGone,
    Unreadable,
    View,
    edit_of,
    form_of,
    heading_of,
    known_things,
    view_of,
)
from journeys.models import Journey
from journeys.publishing import summary_of
from journeys.queries import journey_lines, last_edit_of
from journeys.services import (
    DraftConflict,
    PeopleInside,
    WrongState,
    pause_journey,
    publish_journey,
    resume_journey,
    save_draft,
    stop_journey,
)

PAGE = "journeys/journey_page.html"
PART = "journeys/_journey.html"


@staff_page()
@require_safe
def journey_list(request: StaffRequest) -> HttpResponse:
    """List all journeys."""
    return render(request, "journeys/journey_list.html", {"journeys": journey_lines()})


@staff_page()
@require_safe
def journey_page(request: StaffRequest, slug: str) -> HttpResponse:
    """Show a journey; `step` opens the panel of one of its parts."""
    journey = _journey_or_404(slug)
    part = request.GET.get("step", "")
    known = known_things()
    form = form_of(journey, part, known=known) if part else None
    view = view_of(journey, now=timezone.now())
    context = _context(view, part=part if form else "", edit=Edit(form=form) if form else None)
    return page_or_part(request, page=PAGE, part=PART, context=context | {"known": known})


@staff_page(Role.MARKETER)
@require_POST
def journey_edit(request: StaffRequest, slug: str, part: str) -> HttpResponse:
    """Save the form of one part into the draft."""
    journey = _journey_or_404(slug)
    known = known_things()
    try:
        edit = edit_of(journey, part, data=request.POST, known=known)
        if edit.document is not None:
            save_draft(
                slug,
                document=edit.document,
                revision=journey.draft_revision,
                actor=request.user.get_username(),
                now=timezone.now(),
            )
            return _saved(request, slug, part)
    except PartGone:
        messages.error(request, _("This step is no longer in the draft; somebody removed it meanwhile."))
        return HttpResponseRedirect(_address(slug))
    except Unreadable:
        return HttpResponseBadRequest(_("This form is not complete. Please load the page again."))
    except DraftConflict:
        # Somebody saved between our reading and our writing: look again at what is there now.
        journey = _journey_or_404(slug)
        edit = edit_of(journey, part, data=request.POST, known=known)
    return _not_saved(request, journey, part, edit, known)


def _saved(request: StaffRequest, slug: str, part: str) -> HttpResponse:
    said = _("Saved in the draft.")
    if not wants_part(request):
        messages.success(request, said)
        return HttpResponseRedirect(_address(slug, part=part))
    journey = _journey_or_404(slug)
    known = known_things()
    form = form_of(journey, part, known=known)
    view = view_of(journey, now=timezone.now())
    context = _context(view, part=part, edit=Edit(form=form) if form else None)
    return with_toast(render(request, PART, context | {"known": known}), said)


def _not_saved(request: StaffRequest, journey: Journey, part: str, edit: Edit, known: Any) -> HttpResponse:
    context = _context(view_of(journey, now=timezone.now()), part=part, edit=edit)
    is_conflict = edit.is_clash and not wants_part(request)
    return page_or_part(
        request, page=PAGE, part=PART, context=context | {"known": known}, status=409 if is_conflict else 200
    )


def _context(view: View, *, part: str, edit: Edit | None) -> dict[str, Any]:
    return {
        "journey": view.journey,
        "view": view,
        "part": part,
        "edit": edit,
        "heading": heading_of(view, part) if edit else "",
        "last_edit": last_edit_of(view.journey.slug) if edit and edit.is_clash else None,
    }


@staff_page(Role.MARKETER)
@require_http_methods(["GET", "HEAD", "POST"])
def journey_publish(request: StaffRequest, slug: str) -> HttpResponse:
    """Show what publishing the draft would change; a POST does it."""
    journey = _journey_or_404(slug)
    if request.method == "POST":
        revision = request.POST.get("revision", "")
        choice = request.POST.get("people_inside", PeopleInside.FINISH.value)
        is_number = revision.isascii() and revision.isdigit() and len(revision) < 10
        if not is_number or choice not in {each.value for each in PeopleInside}:
            return HttpResponseBadRequest(_("This form is not complete. Please load the page again."))
        try:
            version = publish_journey(
                slug,
                actor=request.user.get_username(),
                now=timezone.now(),
                revision=int(revision),
                people_inside=PeopleInside(choice),
                to=_ways(request),
            )
        except DraftConflict:
            messages.error(request, _("Somebody changed the draft meanwhile. Please look at it again."))
            return HttpResponseRedirect(reverse("journeys:journey-publish", args=[slug]))
        except JourneyError:
            # The page below lists the faults, each with a way to its step.
            messages.error(request, _("The draft cannot be published yet."))
            return HttpResponseRedirect(reverse("journeys:journey-publish", args=[slug]))
        messages.success(request, _("Version %(number)s is published.") % {"number": version.number})
        return HttpResponseRedirect(_address(slug))
    context = {"journey": journey, "summary": summary_of(journey, now=timezone.now())}
    return render(request, "journeys/journey_publish.html", context)


def _ways(request: StaffRequest) -> dict[str, str]:
    """Which step people of a step that is gone begin, where somebody named one."""
    named = {key: value for key, value in request.POST.items() if key.startswith("to:") and value}
    return {key.removeprefix("to:"): str(value) for key, value in named.items()}


@staff_page(Role.MARKETER)
@require_POST
def journey_pause(request: StaffRequest, slug: str) -> HttpResponse:
    """Let everybody stand still; nobody enters."""
    return _changed(request, slug, pause_journey, said=_("The journey is paused."))


@staff_page(Role.MARKETER)
@require_POST
def journey_resume(request: StaffRequest, slug: str) -> HttpResponse:
    """Let a paused journey go on."""
    return _changed(request, slug, resume_journey, said=_("The journey goes on."))


@staff_page(Role.MARKETER)
@require_POST
def journey_stop(request: StaffRequest, slug: str) -> HttpResponse:
    """End the runs of everybody inside; nobody enters."""
    return _changed(request, slug, stop_journey, said=_("The journey is stopped; nobody is inside."))


def _changed(request: StaffRequest, slug: str, change: Callable[..., Journey], *, said: str) -> HttpResponse:
    now: datetime = timezone.now()
    try:
        change(slug, actor=request.user.get_username(), now=now)
    except Journey.DoesNotExist as error:
        raise Http404 from error
    except WrongState:
        messages.error(request, _("Somebody changed the state of this journey meanwhile."))
    else:
        messages.success(request, said)
    return HttpResponseRedirect(_address(slug))


def _journey_or_404(slug: str) -> Journey:
    return get_object_or_404(Journey.objects.select_related("live_version"), slug=slug)


def _address(slug: str, *, part: str = "") -> str:
    page = reverse("journeys:journey-page", args=[slug])
    return f"{page}?{urlencode({'step': part})}" if part else page
