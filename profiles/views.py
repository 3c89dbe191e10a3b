"""Pages about people: the list, and the search box on every page."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from cdp_site.web import StaffRequest, page_or_part, staff_page
from profiles.queries import Known, people_count, people_found, people_newest_first

PAGE_SIZE = 50
SUGGESTED = 8


@staff_page()
@require_safe
def people_list(request: StaffRequest) -> HttpResponse:
    """List everybody, newest first; with `q` only those whom the words find."""
    text = request.GET.get("q", "").strip()
    known = _known(request.GET.get("known", ""))
    if text:
        people = people_found(text, limit=PAGE_SIZE)
    else:
        people = people_newest_first(limit=PAGE_SIZE + 1, known=known, before=_before(request))
    context = {
        "people": people[:PAGE_SIZE],
        "after": people[PAGE_SIZE - 1].id if len(people) > PAGE_SIZE else None,
        "is_cut": bool(text) and len(people) == PAGE_SIZE,
        "count": people_count(),
        "q": text,
        "known": known,
    }
    return page_or_part(
        request, page="profiles/people_list.html", part="profiles/_people_table.html", context=context
    )


@staff_page()
@require_safe
def people_search(request: StaffRequest) -> HttpResponse:
    """Suggest people while somebody types in the search box."""
    text = request.GET.get("q", "").strip()
    people = people_found(text, limit=SUGGESTED)
    return render(request, "profiles/_people_hits.html", {"people": people, "q": text})


@staff_page()
@require_safe
def people_suggest(request: StaffRequest, name: str) -> HttpResponse:
    """Suggest people while somebody types into a field for one; the field's name is part of the address."""
    people = people_found(request.GET.get(name, "").strip(), limit=SUGGESTED)
    return render(request, "profiles/_people_options.html", {"people": people})


def _known(text: str) -> Known:
    return Known(text) if text in list(Known) else Known.ALL


def _before(request: StaffRequest) -> int | None:
    text = request.GET.get("before", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
