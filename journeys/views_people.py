"""The people behind a number on a card."""

from datetime import timedelta

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from cdp_site.web import StaffRequest, staff_page
from journeys.canvas import title_of
from journeys.domain.outline import step_in
from journeys.editor import NUMBERS_DAYS
from journeys.models import Journey
from journeys.people_at import SHOWN, SHOWS, people_at


@staff_page()
@require_safe
def journey_people(request: StaffRequest, slug: str) -> HttpResponse:
    """List who waits at a step, or whom it passed, failed or did not write to."""
    journey = get_object_or_404(Journey.objects.select_related("live_version"), slug=slug)
    step, show = request.GET.get("step", ""), request.GET.get("show", "waiting")
    if show not in SHOWS:
        raise Http404
    documents = [journey.draft, *([journey.live_version.document] if journey.live_version else [])]
    found = next(filter(None, (step_in(document, step) for document in documents)), None)
    context = {
        "journey": journey,
        "title": title_of(found.part) if found else "",
        "step": step,
        "show": show,
        "days": NUMBERS_DAYS,
        "most": SHOWN,
        "people": people_at(
            journey, step=step, show=show, since=timezone.now() - timedelta(days=NUMBERS_DAYS)
        ),
    }
    return render(request, "journeys/journey_people.html", context)
