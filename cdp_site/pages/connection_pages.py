"""Parts of the pages of connections that look into other apps too: people, conditions, what has happened."""

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from cdp_site.web import Role, StaffRequest, staff_page
from connectors.channels.vendors.channel import VendorKind
from connectors.connection_forms import mapping_sent
from connectors.domain.vendor import value_at
from connectors.queries import addressees
from connectors.registry import CHANNELS
from profiles.queries import PersonLine, people_found, people_newest_first

_LONGEST = 200


@staff_page(Role.ADMIN)
@require_POST
def mapping_preview(request: StaffRequest, kind: str) -> HttpResponse:
    """Show what the mapping of a form would tell the CRM of somebody; left open, of the newest person."""
    if not isinstance(CHANNELS.get(kind), VendorKind):
        raise Http404(kind)
    asked = request.POST.get("preview-person", "").strip()
    person = _person(asked)
    key_field = request.POST.get("contact_key", "")[:_LONGEST]
    context: dict[str, object] = {"person": person, "asked": asked, "key_field": key_field}
    if person is not None:
        context |= _told(request, person)
    return render(request, "connectors/_mapping_preview.html", context)


def _person(asked: str) -> PersonLine | None:
    found = people_found(asked, limit=1) if asked else people_newest_first(limit=1)
    return next(iter(found), None)


def _told(request: StaffRequest, person: PersonLine) -> dict[str, object]:
    addressee = addressees([person.id], writes_to="")[person.id]
    traits, recipient = addressee.person.traits, addressee.recipient
    lines = []
    for name, path in mapping_sent(request.POST).items():
        value = value_at(path, recipient=recipient, traits=traits)
        lines.append((name, None if value in (None, "") else value))
    key = value_at(request.POST.get("contact_value", ""), recipient=recipient, traits=traits)
    return {"lines": lines, "key": key}
