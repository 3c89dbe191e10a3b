"""A journey as a whole: its draft as a file, out and in; renamed, copied, deleted."""

import json
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cdp_site.web import Role, StaffRequest, staff_page
from journeys.changing import new_id
from journeys.domain.editing import with_ids
from journeys.domain.parse import JourneyError
from journeys.domain.parse.storing import require, unstorable
from journeys.models import Journey
from journeys.naming import LONGEST_NAME, copy_name, why_kept
from journeys.services import (
    DraftConflict,
    InUse,
    delete_journey,
    duplicate_journey,
    rename_journey,
    save_draft,
)
from journeys.views_answers import address, cannot_store, conflict, journey_or_404, number_in, unreadable

_LARGEST_IMPORT: Final = 2_000_000  # bytes


@staff_page()
@require_safe
def journey_export(request: StaffRequest, slug: str) -> HttpResponse:
    """The draft as a file."""
    journey = journey_or_404(slug)
    response = JsonResponse(journey.draft, json_dumps_params={"indent": 1, "ensure_ascii": False})
    response["Content-Disposition"] = f'attachment; filename="{journey.slug}.json"'
    return response


@staff_page(Role.MARKETER)
@require_POST
def journey_import(request: StaffRequest, slug: str) -> HttpResponse:
    """Replace the draft by a document from a file or a text; undo brings back what it was."""
    journey = journey_or_404(slug)
    revision = number_in(request, "revision")
    if revision is None:
        return unreadable()
    try:
        document = _imported(request)
    except (ValueError, RecursionError):
        messages.error(request, _("This is no journey as JSON. Nothing is changed."))
        return HttpResponseRedirect(address(slug))
    try:
        require(unstorable(document, ""))
        save_draft(
            slug,
            document=with_ids(document, new_id=new_id),
            revision=revision,
            actor=request.user.get_username(),
            now=timezone.now(),
        )
    except DraftConflict:
        return conflict(request, slug, seen=revision)
    except JourneyError as error:
        return cannot_store(request, slug, error, part="")
    messages.success(request, _("Imported into the draft. Undo brings back what was there."))
    return HttpResponseRedirect(address(journey.slug))


def _imported(request: StaffRequest) -> dict[str, Any]:
    """The document that was sent. Raises ValueError."""
    file = request.FILES.get("file")
    if file is not None and (file.size or 0) > _LARGEST_IMPORT:
        raise ValueError("too large")
    document = json.loads(file.read() if file is not None else request.POST.get("text", ""))
    if not isinstance(document, dict) or not isinstance(document.get("steps"), list):
        raise ValueError("no journey")
    return document


@staff_page(Role.MARKETER)
@require_POST
def journey_rename(request: StaffRequest, slug: str) -> HttpResponse:
    """Give a journey another name."""
    name = _name_in(request)
    if not name:
        messages.error(request, _("Give the journey a name."))
        return HttpResponseRedirect(address(journey_or_404(slug).slug))
    try:
        rename_journey(slug, name=name, actor=request.user.get_username(), now=timezone.now())
    except Journey.DoesNotExist as error:
        raise Http404 from error
    messages.success(request, _("Renamed."))
    return HttpResponseRedirect(address(slug))


@staff_page(Role.MARKETER)
@require_POST
def journey_duplicate(request: StaffRequest, slug: str) -> HttpResponse:
    """Make a new draft of a journey's draft."""
    name = copy_name(journey_or_404(slug).name)
    try:
        made = duplicate_journey(slug, name=name, actor=request.user.get_username())
    except JourneyError as error:
        return cannot_store(request, slug, error, part="")
    messages.success(request, _("This is the copy: a draft of its own."))
    return HttpResponseRedirect(address(made.slug))


@staff_page(Role.MARKETER)
@require_POST
def journey_delete(request: StaffRequest, slug: str) -> HttpResponse:
    """Delete a draft that was never published."""
    name = journey_or_404(slug).name
    try:
        delete_journey(slug, actor=request.user.get_username())
    except Journey.DoesNotExist as error:
        raise Http404 from error
    except InUse as error:
        messages.error(request, why_kept(error))
        return HttpResponseRedirect(address(slug))
    messages.success(request, _("“%(name)s” is deleted.") % {"name": name})
    return HttpResponseRedirect(reverse("journeys:journey-list"))


def _name_in(request: StaffRequest) -> str:
    return request.POST.get("name", "").strip()[:LONGEST_NAME]
