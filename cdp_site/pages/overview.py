"""The first page: how many people, what came in, what runs, what needs somebody."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from cdp_site.web import StaffRequest, staff_page


@staff_page()
@require_safe
def overview(request: StaffRequest) -> HttpResponse:
    """Show the company's state at a glance."""
    return render(request, "pages/overview.html")
