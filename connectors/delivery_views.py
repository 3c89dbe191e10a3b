"""The pages of deliveries: what went out, what did not and why, and sending again."""

import json
from typing import Any
from uuid import UUID

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST, require_safe

from cdp_site.web import Role, StaffRequest, page_or_part, staff_page
from connectors import delivery_words
from connectors.channels.email.channel import OUTBOX_PAGE
from connectors.domain.mail_body import as_looked_at, links_of
from connectors.models import Connection, Delivery
from connectors.queries import DeliveryFilter, deliveries_found, failing_destinations
from connectors.registry import CHANNELS
from connectors.services import replay_deliveries
from profiles.queries import namings

PAGE_SIZE = 50
MOST_WARNINGS = 10
MOST_REPLAYED = 10_000

# A mail in a frame: it may look as it likes, but runs nothing, calls nobody and leads nowhere.
MAIL_POLICY = {
    "default-src": [NONE],
    "style-src": [UNSAFE_INLINE],
    "img-src": ["data:"],
    "frame-ancestors": [SELF],
    "sandbox": [""],
}


@staff_page()
@require_safe
def delivery_list(request: StaffRequest) -> HttpResponse:
    """List deliveries, the newest first, narrowed by state, channel, connection or journey."""
    wanted = _wanted(request)
    found = deliveries_found(wanted)
    before = _number(request, "before")
    rows = list((found.filter(pk__lt=before) if before else found)[: PAGE_SIZE + 1])
    named = namings([delivery.person for delivery in rows[:PAGE_SIZE]])
    asked = _asked(wanted)
    connections = list(Connection.objects.order_by("name"))
    names = {f"connection:{connection.slug}": connection.name for connection in connections}
    context = {
        "lines": [_line(delivery, naming=named.get(delivery.person_id)) for delivery in rows[:PAGE_SIZE]],
        "after": rows[PAGE_SIZE - 1].pk if len(rows) > PAGE_SIZE else None,
        "asked": asked,
        "is_filtered": bool(asked),
        "states": delivery_words.STATES,
        "channels": {name: kind.label for name, kind in CHANNELS.items()},
        "connections": connections,
        "failing": [
            (names.get(lane.name, lane.name), lane) for lane in failing_destinations()[:MOST_WARNINGS]
        ],
        "may_replay": _may_replay(request),
    }
    return page_or_part(
        request,
        page="connectors/delivery_list.html",
        part="connectors/_delivery_table.html",
        context=context,
    )


@staff_page()
@require_safe
def delivery_page(request: StaffRequest, uuid: UUID) -> HttpResponse:
    """Show one delivery: what went out, each attempt with question and answer."""
    delivery = _delivery_or_404(uuid)
    rendered = delivery.rendered or {}
    context = {
        "line": _line(delivery, naming=namings([delivery.person]).get(delivery.person_id)),
        "attempts": delivery.attempts.order_by("-number"),
        "mail": rendered if "html" in rendered else None,
        # Of a mail that went no further than its page: nobody else can follow them.
        "links": links_of(rendered.get("html", "")) if delivery.last_error == OUTBOX_PAGE else [],
        "body": _readable(rendered.get("body")),
        "journey": delivery.context.get("journey") or {},
        "may_replay": _may_replay(request) and delivery.state in ("dead", "blocked", "cancelled"),
    }
    return render(request, "connectors/delivery_page.html", context)


@staff_page()
@csp(MAIL_POLICY)  # type: ignore[arg-type]  # it was typed for views without arguments
@xframe_options_sameorigin
@require_safe
def delivery_mail(request: StaffRequest, uuid: UUID) -> HttpResponse:
    """The mail as it was sent, for the frame on its page; looking at it neither opens nor clicks."""
    html = (_delivery_or_404(uuid).rendered or {}).get("html")
    if html is None:
        raise Http404
    return HttpResponse(as_looked_at(html, pixels=f"{settings.BASE_URL}/o/"))


@staff_page(Role.MARKETER, Role.SERVICE)
@require_POST
def delivery_replay(request: StaffRequest, uuid: UUID) -> HttpResponse:
    """Queue one delivery again."""
    delivery = _delivery_or_404(uuid)
    count = replay_deliveries(
        Delivery.objects.filter(pk=delivery.pk),
        actor=request.user.get_username(),
        render_again="render_again" in request.POST,
    )
    _say(request, count)
    return HttpResponseRedirect(reverse("connectors:delivery-page", args=[uuid]))


@staff_page(Role.MARKETER, Role.SERVICE)
@require_POST
def delivery_replay_all(request: StaffRequest) -> HttpResponse:
    """Queue again what failed among the deliveries that the list shows."""
    wanted = _wanted(request, state=Delivery.State.DEAD.value)
    failed = Delivery.objects.filter(pk__in=deliveries_found(wanted).values("pk")[:MOST_REPLAYED])
    _say(request, replay_deliveries(failed, actor=request.user.get_username()))
    return HttpResponseRedirect(reverse("connectors:delivery-list"))


def _say(request: HttpRequest, count: int) -> None:
    text = ngettext("%(n)s delivery is queued again.", "%(n)s deliveries are queued again.", count)
    messages.success(request, text % {"n": count})


def _line(delivery: Delivery, *, naming: Any) -> dict[str, Any]:
    return {
        "delivery": delivery,
        "naming": naming,
        "title": delivery_words.title_of(delivery),
        "state": delivery_words.STATES[delivery.state],
        "reason": delivery_words.reason_of(delivery),
        "way": delivery_words.way_of(delivery),
        "journey": (delivery.context.get("journey") or {}).get("name", "") or _fed(delivery),
    }


def _wanted(request: HttpRequest, *, state: str | None = None) -> DeliveryFilter:
    given = request.GET if request.method in ("GET", "HEAD") else request.POST
    asked = given.get("state", "")
    return DeliveryFilter(
        state=state or (asked if asked in Delivery.State.values else ""),
        channel=given.get("channel", ""),
        connection=given.get("connection", ""),
        journey=given.get("journey", ""),
        destination=given.get("destination", ""),
    )


def _asked(wanted: DeliveryFilter) -> dict[str, str]:
    asked = {
        "state": wanted.state,
        "channel": wanted.channel,
        "connection": wanted.connection,
        "journey": wanted.journey,
        "destination": wanted.destination,
    }
    return {name: value for name, value in asked.items() if value}


def _number(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _may_replay(request: StaffRequest) -> bool:
    return bool({Role.MARKETER, Role.SERVICE, Role.ADMIN} & request.roles)


def _delivery_or_404(uuid: UUID) -> Delivery:
    found = Delivery.objects.select_related("connection", "template", "person")
    return get_object_or_404(found, uuid=uuid)


def _readable(body: str | None) -> str:
    """A JSON body with indentation; "" where there is none."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False) if body else ""
    except ValueError:
        return body or ""


def _fed(delivery: Delivery) -> str:
    """What stands in the place of a journey where none decided it."""
    return _("Feed") if delivery.context.get("feed") else ""
