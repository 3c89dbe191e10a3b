"""The first page: how many people, what came in, what runs, what needs somebody."""

from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from cdp_site.pages import overview_queries as queries
from cdp_site.web import StaffRequest, page_or_part, staff_page

KEPT = timedelta(seconds=10)  # everybody's open page asks each minute; the counts of people are the dear ones


@staff_page()
@require_safe
def overview(request: StaffRequest) -> HttpResponse:
    """Show the company's state at a glance."""
    now = timezone.now()
    context: dict[str, Any] = {
        "people": cache.get_or_set("overview.people", lambda: queries.people_numbers(now=now), KEPT.seconds),
        "traffic": queries.traffic(now=now),
        "sent": queries.messages_sent(now=now),
        "journeys": queries.journeys_now(now=now),
        "now": now,
        "troubles": queries.troubles(),
        "segments": queries.segments_now(now=now),
    }
    return page_or_part(request, page="pages/overview.html", part="pages/_overview.html", context=context)
