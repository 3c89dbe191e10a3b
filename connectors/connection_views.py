"""The page of connections: where actions and messages go, and how each destination fares."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from cdp_site.web import StaffRequest, staff_page
from connectors.models import Connection, Destination
from connectors.registry import CHANNELS


@staff_page()
@require_safe
def connection_list(request: StaffRequest) -> HttpResponse:
    """Show every connection with its settings, never its secret."""
    health = Destination.objects.in_bulk()
    lines = [
        _line(connection, health=health.get(f"connection:{connection.slug}"))
        for connection in Connection.objects.order_by("name")
    ]
    return render(request, "connectors/connection_list.html", {"lines": lines})


def _line(connection: Connection, *, health: Destination | None) -> dict[str, Any]:
    kind = CHANNELS.get(connection.kind)
    return {
        "connection": connection,
        "kind": kind.label if kind else connection.kind,
        "address": connection.settings.get("url") or connection.settings.get("base_url") or "",
        "has_secret": bool(connection.secret),
        "health": health if health and health.failure_count else None,
    }
