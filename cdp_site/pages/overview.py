"""The first page: how many people, what came in, what runs, what needs somebody."""

import math
import time
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from cdp_site.pages import overview_queries as queries
from cdp_site.web import StaffRequest, page_or_part, staff_page

KEPT_TIMES = 20  # numbers that took a second to count are shown for twenty


@staff_page()
@require_safe
def overview(request: StaffRequest) -> HttpResponse:
    """Show the company's state at a glance."""
    now = timezone.now()
    context: dict[str, Any] = {
        "people": _people(now),
        "traffic": queries.traffic(now=now),
        "sent": queries.messages_sent(now=now),
        "journeys": queries.journeys_now(now=now),
        "now": now,
        "troubles": queries.troubles(),
        "segments": queries.segments_now(now=now),
    }
    return page_or_part(request, page="pages/overview.html", part="pages/_overview.html", context=context)


def _people(now: datetime) -> queries.People:
    """Count people, at most a twentieth of the time: everybody's open page asks, and the table is large."""
    kept: queries.People | None = cache.get("overview.people")
    if kept is not None:
        return kept
    begun = time.perf_counter()
    counted = queries.people_numbers(now=now)
    cache.set("overview.people", counted, math.ceil((time.perf_counter() - begun) * KEPT_TIMES))
    return counted
