"""A part of the pages of messages that looks into journeys: which of them send one."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from cdp_site.web import StaffRequest, staff_page
from journeys.domain.outline import steps_in
from journeys.models import Journey


@staff_page()
@require_safe
def template_uses(request: StaffRequest, slug: str) -> HttpResponse:
    """List the journeys that send a template, as they are in force or as drafts."""
    journeys = [
        journey
        for journey in Journey.objects.select_related("live_version").order_by("name")
        if slug in _templates_of(journey)
    ]
    return render(request, "segments/_uses.html", {"journeys": journeys})


def _templates_of(journey: Journey) -> set[str]:
    documents = [journey.draft, journey.live_version.document if journey.live_version else {}]
    return {
        step.part["template"]
        for document in documents
        for step in steps_in(document)
        if "template" in step.part
    }
