"""What reaches a connection without a journey: its gate, tried on what has just happened."""

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from cdp_site.pages.feed_forms import FeedForm, fault_of_form, form_of, form_sent
from cdp_site.pages.feed_trial import EVENTS, people_in, try_gate
from cdp_site.pipeline.feeds import save_feed
from cdp_site.web import Role, StaffRequest, page_or_part, staff_page, wants_part, with_toast
from connectors.delivery_words import ACTIONS
from connectors.domain.message import ChannelKind
from connectors.models import Connection
from connectors.registry import CHANNELS
from connectors.services import FeedDraft
from profiles.queries import people_by_id
from segments.forms import BadForm
from segments.queries import TooSlow

PAGE = "pages/feed.html"
PART = "pages/_feed_rule.html"


@staff_page(Role.MARKETER)
@require_http_methods(["GET", "HEAD", "POST"])
def connection_feed(request: StaffRequest, slug: str) -> HttpResponse:
    """Write the gate of a connection and what messages become there."""
    connection, kind = _connection(slug)
    if request.method != "POST":
        return _shown(request, form_of(connection, kind=kind), connection=connection, kind=kind)
    try:
        form = form_sent(request.POST)
    except BadForm:
        return HttpResponseBadRequest(_("This form is not complete. Please load the page again."))
    if request.POST.get("do") != "save":
        return _shown(request, form, connection=connection, kind=kind)
    form.error = fault_of_form(form, kind=kind)
    if form.error:
        form.editor.is_strict = True
        return with_toast(_shown(request, form, connection=connection, kind=kind), form.error)
    draft = FeedDraft(
        condition={"language": 1, "if": form.editor.written.document},
        actions=form.actions,
        is_active=form.is_active,
    )
    save_feed(connection, draft, actor=request.user.get_username(), now=timezone.now())
    said = _("Saved: it holds from the next message on.") if form.is_active else _("Saved, and switched off.")
    messages.success(request, said)
    address = reverse("connection-feed", args=[slug])
    return HttpResponseClientRedirect(address) if wants_part(request) else HttpResponseRedirect(address)


@staff_page(Role.MARKETER)
@require_POST
def feed_trial(request: StaffRequest, slug: str) -> HttpResponse:
    """Show what the gate of a form would let pass of the newest events, and why."""
    _connection(slug)
    try:
        form = form_sent(request.POST)
    except BadForm:
        return HttpResponseBadRequest()
    condition = form.editor.written.condition
    context: dict[str, object] = {"trial": None, "is_too_slow": False, "most": EVENTS}
    if condition is not None:
        try:
            trial = try_gate(condition, slug=slug, now=timezone.now(), translator=translation)
        except TooSlow:
            context["is_too_slow"] = True
        else:
            people = {one.id: one for one in people_by_id(list(people_in(trial)))}
            context |= {"trial": trial, "people": people}
    return render(request, "pages/_feed_trial.html", context)


def _connection(slug: str) -> tuple[Connection, ChannelKind]:
    connection = get_object_or_404(Connection, slug=slug)
    kind = CHANNELS.get(connection.kind)
    if kind is None or not kind.actions:
        raise Http404(slug)
    return connection, kind


def _shown(
    request: StaffRequest, form: FeedForm, *, connection: Connection, kind: ChannelKind
) -> HttpResponse:
    context = {
        "form": form,
        "editor": form.editor,
        "connection": connection,
        "actions": [(name, ACTIONS.get(name, name)) for name in kind.actions],
    }
    response = page_or_part(request, page=PAGE, part=PART, context=context)
    if wants_part(request):
        response = trigger_client_event(response, "rule:changed", after="settle")
    return response
