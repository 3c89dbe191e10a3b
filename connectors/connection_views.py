"""The pages of connections: how each destination fares, and setting one up."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cdp_site.web import Role, StaffRequest, staff_page
from connectors.channels.vendors.channel import VendorKind
from connectors.connection_forms import ConnectionForm, mapping_sent
from connectors.connection_health import Health, health_of_connections
from connectors.connection_settings import SettingsError
from connectors.domain.message import ChannelKind, DeliveryError
from connectors.domain.vendor import PLAIN_SOURCES, VendorField
from connectors.models import Connection
from connectors.registry import CHANNELS
from connectors.services import (
    check_connection,
    contact_fields,
    pause_connection,
    resume_connection,
    save_connection,
)
from profiles import catalogue
from profiles.queries import identity_kinds

LIST = "connectors:connection-list"


@staff_page()
@require_safe
def connection_list(request: StaffRequest) -> HttpResponse:
    """Show every connection with how it fares, never its secret."""
    health = health_of_connections(now=timezone.now())
    lines = [
        _line(connection, health=health.get(connection.slug))
        for connection in Connection.objects.order_by("name")
    ]
    is_admin = Role.ADMIN in request.roles
    may_feed = is_admin or Role.MARKETER in request.roles
    context = {"lines": lines, "is_admin": is_admin, "may_feed": may_feed}
    return render(request, "connectors/connection_list.html", context)


def _line(connection: Connection, *, health: Health | None) -> dict[str, Any]:
    kind = CHANNELS.get(connection.kind)
    return {
        "connection": connection,
        "kind": kind.label if kind else connection.kind,
        "address": connection.settings.get("url") or connection.settings.get("base_url") or "",
        "has_secret": bool(connection.secret),
        "has_form": bool(kind and kind.asks),
        "has_actions": bool(kind and kind.actions),
        "health": health or Health(),
    }


@staff_page(Role.ADMIN)
@require_safe
def connection_new(request: StaffRequest) -> HttpResponse:
    """Choose the kind of a new connection."""
    kinds = [kind for kind in CHANNELS.values() if kind.asks]
    return render(request, "connectors/connection_new.html", {"kinds": kinds})


@staff_page(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def connection_create(request: StaffRequest, kind: str) -> HttpResponse:
    """Make a connection; the answer is the only place that ever shows a secret that was made here."""
    return _form(request, _kind_of(kind), connection=None)


@staff_page(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def connection_edit(request: StaffRequest, slug: str) -> HttpResponse:
    """Change a connection."""
    connection = get_object_or_404(Connection, slug=slug)
    return _form(request, _kind_of(connection.kind), connection=connection)


@staff_page(Role.ADMIN)
@require_POST
def connection_check(request: StaffRequest, slug: str) -> HttpResponse:
    """Try a connection, and say what came of it."""
    connection = get_object_or_404(Connection, slug=slug)
    try:
        lacking = check_connection(connection)
    except DeliveryError as error:
        messages.error(request, f"{connection.name}: {error.reason}")
    else:
        for sentence in lacking:
            messages.warning(request, f"{connection.name}: {sentence}")
        if not lacking:
            messages.success(request, _("%(name)s answers and lets us in.") % {"name": connection.name})
    return HttpResponseRedirect(reverse(LIST))


@staff_page(Role.ADMIN)
@require_POST
def connection_pause(request: StaffRequest, slug: str) -> HttpResponse:
    """Send nothing more until it is switched on again, or begin again."""
    connection, actor = get_object_or_404(Connection, slug=slug), request.user.get_username()
    if request.POST.get("do") == "resume":
        resume_connection(connection, actor=actor)
        said = _("%(name)s is in use again; what waited is sent.")
    else:
        pause_connection(connection, actor=actor)
        said = _("%(name)s is paused; what is decided meanwhile waits.")
    messages.success(request, said % {"name": connection.name})
    return HttpResponseRedirect(reverse(LIST))


def _kind_of(name: str) -> ChannelKind:
    kind = CHANNELS.get(name)
    if kind is None or not kind.asks:
        raise Http404(name)
    return kind


def _form(request: StaffRequest, kind: ChannelKind, *, connection: Connection | None) -> HttpResponse:
    form = ConnectionForm(request.POST or None, kind=kind, connection=connection)
    mapping = _mapping(request, kind, connection=connection)
    fields: Sequence[VendorField] = ()
    if request.POST.get("do") == "fields" and connection is not None:
        form.errors.clear()
        fields = _fields(request, connection)
    elif request.method == "POST" and form.is_valid():
        try:
            saved, made = save_connection(
                form.slug_of(form.cleaned_data["name"]),
                draft=form.draft(mapping=mapping),
                actor=request.user.get_username(),
            )
        except SettingsError as error:
            form.refuse(error)
        else:
            if made:
                context = {"connection": saved, "secret": made}
                return render(request, "connectors/connection_made.html", context)
            messages.success(request, _("%(name)s is saved.") % {"name": saved.name})
            return HttpResponseRedirect(reverse(LIST))
    context = {
        "form": form,
        "kind": kind,
        "connection": connection,
        "mapping": None if mapping is None else [*mapping.items(), *[("", "")] * 3],
        "fields": fields,
        "sources": _sources() if mapping is not None else [],
    }
    return render(request, "connectors/connection_form.html", context)


def _mapping(
    request: StaffRequest, kind: ChannelKind, *, connection: Connection | None
) -> dict[str, str] | None:
    """Which field of the CRM is filled from what; None for a kind that has no such thing."""
    if not isinstance(kind, VendorKind):
        return None
    if request.method == "POST":
        return mapping_sent(request.POST)
    return dict(connection.settings.get("mapping", {})) if connection else dict(kind.mapping)


def _fields(request: StaffRequest, connection: Connection) -> Sequence[VendorField]:
    try:
        found = contact_fields(connection)
    except DeliveryError as error:
        messages.error(request, error.reason)
        return ()
    messages.success(request, _("The fields of the CRM are offered while you type."))
    return found


def _sources() -> list[str]:
    traits = [f"traits.{line.path}" for line in catalogue.traits()]
    return [*PLAIN_SOURCES, *traits, *(f"identities.{kind}" for kind in identity_kinds())]
