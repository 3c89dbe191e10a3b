"""The pages of sources: what sends us messages, its key, what to paste where."""

from django.conf import settings
from django.db import IntegrityError
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from cdp_site.web import Role, StaffRequest, staff_page
from connectors import vault
from connectors.models import Source
from connectors.source_forms import KIND_LABELS, SourceForm
from connectors.source_services import make_source


@staff_page()
@require_safe
def source_list(request: StaffRequest) -> HttpResponse:
    """Show every source with its key, its last message and what to paste into pages."""
    context = {
        "sources": Source.objects.exclude(kind="internal").order_by("name"),  # nobody sends to our own
        "kinds": KIND_LABELS,
        "base_url": settings.BASE_URL,
        "is_admin": Role.ADMIN in request.roles,
    }
    return render(request, "connectors/source_list.html", context)


@staff_page(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def source_create(request: StaffRequest) -> HttpResponse:
    """Make a source; the answer is the only place that ever shows the secret of a signed one."""
    form = SourceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            source = make_source(form.draft(), actor=request.user.get_username())
        except IntegrityError:
            form.add_error("name", _("Another source has nearly this name already."))
        else:
            # One that came from the other system needs no copying back.
            secret = "" if form.cleaned_data["secret"] else vault.unseal(source.secret)
            context = {"source": source, "secret": secret, "base_url": settings.BASE_URL}
            return render(request, "connectors/source_made.html", context)
    return render(request, "connectors/source_form.html", {"form": form})
