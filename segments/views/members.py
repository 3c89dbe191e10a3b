"""Doing something with a segment: members by hand and by file, as a file, its state, its audits."""

import io
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from django.contrib import messages
from django.http import (
    Http404,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from cdp_site import audit
from cdp_site.web import Role, StaffRequest, staff_page
from segments.domain.parse import ConditionError
from segments.exporting import FORMATS, exported
from segments.member_files import FileTooLarge, People, is_json_lines, is_text, lines_of, people_in
from segments.models import Segment, SegmentVersion
from segments.services import (
    Mode,
    SegmentInUse,
    WrongState,
    archive_segment,
    change_members,
    pause_segment,
    request_audit,
    restore_version,
    resume_segment,
)

MOST_COLUMNS: Final = 50
NAMED: Final = 10  # names that are nobody's, in a message
LONGEST_SEARCH: Final = 200  # as on the page


@staff_page(Role.MARKETER)
@require_POST
def segment_members_change(request: StaffRequest, slug: str) -> HttpResponse:
    """Add, remove or replace members by hand: named in a text, or in a file, one on each line."""
    segment = get_object_or_404(Segment, slug=slug)
    mode = request.POST.get("mode", "")
    if mode not in list(Mode):
        return HttpResponseBadRequest(_("This form is not complete. Please load the page again."))
    upload = request.FILES.get("file")
    if upload is not None and not is_text(upload):
        said = _("This file is not text. Save it as CSV, with a customer number or an address on each line.")
        messages.error(request, said)
        return _back(segment)
    found = [people_in(io.StringIO(request.POST.get("people", "")), is_json=False)]
    try:
        if upload is not None:
            found.append(people_in(lines_of(upload), is_json=is_json_lines(upload.name or "")))
    except FileTooLarge:
        messages.error(request, _("The file is too large; divide it."))
        return _back(segment)
    people = sorted(set().union(*(one.ids for one in found)))
    if people:
        actor = request.user.get_username()
        change_members(slug, people, mode=Mode(mode), actor=actor, now=timezone.now())
        messages.success(request, f"{_done(len(people))} {_lost(found)}".strip())
    elif any(one.rows for one in found):
        said = _("Nobody was found by these numbers and addresses.")
        messages.error(request, f"{said} {_lost(found)}".strip())
    else:
        messages.error(request, _("Name somebody."))
    return _back(segment)


def _done(number: int) -> str:
    return ngettext(
        "Done for %(number)s person; it takes effect in a moment.",
        "Done for %(number)s people; it takes effect in a moment.",
        number,
    ) % {"number": number}


def _lost(found: list[People]) -> str:
    """How many names are nobody's, and the first of them; "" where all are somebody's."""
    count = sum(one.fault_count for one in found)
    if not count:
        return ""
    names = [name for one in found for name in one.unknown][:NAMED]
    if not names:
        return ngettext("%(number)s name is nobody's.", "%(number)s names are nobody's.", count) % {
            "number": count
        }
    values = {"number": count, "names": ", ".join(names)}
    if len(names) == count:
        said = ngettext(
            "%(number)s name is nobody's: %(names)s.", "%(number)s names are nobody's: %(names)s.", count
        )
    else:
        said = ngettext(
            "%(number)s name is nobody's; the first are: %(names)s.",
            "%(number)s names are nobody's; the first are: %(names)s.",
            count,
        )
    return said % values


@staff_page()
@require_safe
def segment_export(request: StaffRequest, slug: str, to: str) -> StreamingHttpResponse:
    """Give all members, or those whom `q` finds, as a file, `column` by column."""
    segment = get_object_or_404(Segment, slug=slug)
    if to not in FORMATS:
        raise Http404(to)
    columns = request.GET.getlist("column")[:MOST_COLUMNS]
    search = request.GET.get("q", "").strip()[:LONGEST_SEARCH]
    audit.record(
        request.user.get_username(),
        "segment.export",
        object_kind="segment",
        object_id=slug,
        after={"format": to, "columns": columns, "is_searched": bool(search)},
    )
    lines = exported(segment, columns=columns, to=to, search=search)
    response = StreamingHttpResponse(lines, content_type=FORMATS[to])
    response.headers["Content-Disposition"] = f'attachment; filename="{slug}.{to}"'
    return response


_CHANGES: Final[dict[str, Callable[..., Segment]]] = {
    "pause": pause_segment,
    "resume": resume_segment,
    "archive": archive_segment,
}


@staff_page(Role.MARKETER)
@require_POST
def segment_state(request: StaffRequest, slug: str) -> HttpResponse:
    """Pause a segment, let it go on, or put it away."""
    segment = get_object_or_404(Segment, slug=slug)
    change = _CHANGES.get(request.POST.get("do", ""))
    if change is None:
        return HttpResponseBadRequest(_("This form is not complete. Please load the page again."))
    now: datetime = timezone.now()
    try:
        segment = change(slug, actor=request.user.get_username(), now=now)
    except WrongState:
        messages.error(request, _("Somebody changed the state of this segment meanwhile."))
    except SegmentInUse as error:
        messages.error(
            request, _("The segment is used in: %(segments)s.") % {"segments": ", ".join(error.by)}
        )
    else:
        messages.success(request, _STATES_SAID[segment.state]())
    return _back(segment)


_STATES_SAID: Final[dict[str, Callable[[], Any]]] = {
    Segment.State.PAUSED: lambda: _("The segment is paused; its members stay as they are."),
    Segment.State.LIVE: lambda: _("The segment goes on; everybody is asked anew."),
    Segment.State.ARCHIVED: lambda: _("The segment is put away; its members leave it."),
}


@staff_page(Role.MARKETER)
@require_POST
def segment_audit(request: StaffRequest, slug: str) -> HttpResponse:
    """Have the members compared with what a full scan says; with `mend` put right what differs."""
    segment = get_object_or_404(Segment, slug=slug)
    try:
        request_audit(
            slug,
            is_mending=bool(request.POST.get("mend")),
            actor=request.user.get_username(),
            now=timezone.now(),
        )
    except WrongState:
        messages.error(request, _("Only a live segment can be compared."))
    else:
        messages.success(request, _("Everybody is being asked; the result will stand here."))
    return HttpResponseRedirect(reverse("segments:segment-history", args=[segment.slug]))


@staff_page(Role.MARKETER)
@require_POST
def segment_restore(request: StaffRequest, slug: str, number: int) -> HttpResponse:
    """Make an earlier version the draft again."""
    segment = get_object_or_404(Segment, slug=slug)
    try:
        restore_version(slug, number=number, actor=request.user.get_username(), now=timezone.now())
    except SegmentVersion.DoesNotExist as error:
        raise Http404 from error
    except ConditionError:
        messages.error(request, _("This rule was written by another release and cannot be read."))
        return HttpResponseRedirect(reverse("segments:segment-history", args=[segment.slug]))
    messages.success(request, _("Version %(number)s is the draft now.") % {"number": number})
    return HttpResponseRedirect(reverse("segments:segment-edit", args=[segment.slug]))


def _back(segment: Segment) -> HttpResponse:
    return HttpResponseRedirect(reverse("segments:segment-detail", args=[segment.slug]))
