"""The list of segments, and one segment with its rule in words and its members."""

from datetime import datetime

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone, translation
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_safe

from cdp_site.web import StaffRequest, page_or_part, staff_page
from profiles.queries import people_count
from segments.models import Segment
from segments.queries import member_lines, segment_lines, sentence_of, used_in

PAGE_SIZE = 50


@staff_page()
@require_safe
def segment_list(request: StaffRequest) -> HttpResponse:
    """List the segments with their rules in words."""
    found = {"segments": segment_lines(translator=translation), "people": people_count()}
    return render(request, "segments/segment_list.html", found)


@staff_page()
@require_safe
def segment_detail(request: StaffRequest, slug: str) -> HttpResponse:
    """Show a segment; `at` and `id` page through its members."""
    segment = get_object_or_404(Segment, slug=slug)
    members = member_lines(segment, limit=PAGE_SIZE + 1, before=_before(request))
    context = {
        "segment": segment,
        "sentence": sentence_of(segment, translator=translation),
        "used_in": used_in(slug),
        "people": people_count(),
        "members": members[:PAGE_SIZE],
        "after": members[PAGE_SIZE - 1] if len(members) > PAGE_SIZE else None,
    }
    return page_or_part(
        request, page="segments/segment_detail.html", part="segments/_members.html", context=context
    )


def _before(request: StaffRequest) -> tuple[datetime, int] | None:
    """The place in the members list to go on from."""
    at, number = request.GET.get("at", ""), request.GET.get("id", "")
    if not at and not number:
        return None
    moment = _instant(at)
    if moment is None or timezone.is_naive(moment) or not number.isascii() or not number.isdigit():
        raise Http404("no such place in the list")
    return moment, int(number[:18])


def _instant(text: str) -> datetime | None:
    try:
        return parse_datetime(text)
    except ValueError:  # well formed, but no such day
        return None
