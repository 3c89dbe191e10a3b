"""A draft as a file, out and in."""

import json
from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cdp_site.web import Role, StaffRequest, staff_page
from journeys.changing import new_id
from journeys.domain.editing import with_ids
from journeys.domain.parse import JourneyError
from journeys.domain.parse.storing import require, unstorable
from journeys.services import DraftConflict, save_draft
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
