"""The company's settings: team and roles, API tokens, time zone, and the log of who changed what."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cdp_site import company
from cdp_site.models import ApiToken, AuditEntry, Company
from cdp_site.pages.settings_forms import ROLE_CHOICES, CompanyForm, MemberForm, RoleForm, zones
from cdp_site.web import Role, StaffRequest, page_or_part, staff_page

AUDIT_SHOWN = 100


@staff_page()
@require_safe
def settings_page(request: StaffRequest) -> HttpResponse:
    """Show the settings; what only administrators may see is left out for others."""
    return _page(request)


@staff_page(Role.ADMIN)
@require_POST
def company_save(request: StaffRequest) -> HttpResponse:
    """Set the company's time zone."""
    form = CompanyForm(request.POST)
    if not form.is_valid():
        return _page(request, shown={"company_form": form})
    company.set_time_zone(form.cleaned_data["time_zone"], actor=_actor(request))
    messages.success(request, _("The time zone was saved."))
    return _back("company")


@staff_page(Role.ADMIN)
@require_POST
def member_add(request: StaffRequest) -> HttpResponse:
    """Add somebody to the team and show their first password, once."""
    form = MemberForm(request.POST)
    if not form.is_valid():
        return _page(request, shown={"member_form": form})
    user, password = company.add_member(form.member(), actor=_actor(request))
    return _page(request, shown={"new_member": user, "new_password": password})


@staff_page(Role.ADMIN)
@require_POST
def member_change(request: StaffRequest, pk: int) -> HttpResponse:
    """Give a member another role, shut them out or let them in."""
    user = get_object_or_404(User, pk=pk)
    try:
        _change(request, user)
    except company.LastAdmin:
        messages.error(request, _("Somebody must remain administrator. Make another one first."))
    return _back("team")


@staff_page()
@require_POST
def token_make(request: StaffRequest) -> HttpResponse:
    """Make a token for oneself and show it, once."""
    token = company.make_token(request.user, actor=_actor(request))
    return _page(request, shown={"new_token": token})


@staff_page()
@require_POST
def token_revoke(request: StaffRequest, pk: int) -> HttpResponse:
    """Revoke a token of one's own; administrators revoke anybody's."""
    found = ApiToken.objects.select_related("user")
    tokens = found if Role.ADMIN in request.roles else found.filter(user=request.user)
    company.revoke_token(get_object_or_404(tokens, pk=pk), actor=_actor(request))
    messages.success(request, _("The token opens nothing any more."))
    return _back("tokens")


@staff_page(Role.ADMIN)
@require_safe
def audit_log(request: StaffRequest) -> HttpResponse:
    """Show who changed what, newest first."""
    text = request.GET.get("before", "")
    entries = AuditEntry.objects.order_by("-id")
    if text.isascii() and text.isdigit() and len(text) < 19:
        entries = entries.filter(pk__lt=int(text))
    found = list(entries[: AUDIT_SHOWN + 1])
    shown = found[:AUDIT_SHOWN]
    context = {"entries": shown, "after": shown[-1].pk if len(found) > len(shown) else None}
    return page_or_part(request, page="pages/audit.html", part="pages/_audit.html", context=context)


def _change(request: StaffRequest, user: User) -> None:
    wish = request.POST.get("do")
    if wish in ("admit", "shut_out"):
        company.set_active(user, is_active=wish == "admit", actor=_actor(request))
        messages.success(request, _("The change was saved."))
        return
    form = RoleForm(request.POST)
    if form.is_valid():
        company.change_role(user, role=Role(form.cleaned_data["role"]), actor=_actor(request))
        messages.success(request, _("The role was saved."))


def _page(request: StaffRequest, *, shown: Mapping[str, Any] | None = None) -> HttpResponse:
    is_admin = Role.ADMIN in request.roles
    tokens = ApiToken.objects.select_related("user").order_by("-id")
    zone = Company.objects.values_list("time_zone", flat=True).first() or "UTC"
    context: dict[str, Any] = {
        "company_form": CompanyForm(initial={"time_zone": zone}),
        "member_form": MemberForm(),
        "zone": zone,
        "zones": zones() if is_admin else [],
        "tokens": list(tokens if is_admin else tokens.filter(user=request.user)),
        "team": list(User.objects.prefetch_related("groups").order_by("username")) if is_admin else [],
        "role_choices": ROLE_CHOICES,
        "is_admin": is_admin,
    }
    response = render(request, "pages/settings.html", context | dict(shown or {}))
    if shown:  # perhaps a secret that is shown once
        response["Cache-Control"] = "no-store"
    return response


def _actor(request: StaffRequest) -> str:
    return request.user.get_username()


def _back(place: str) -> HttpResponse:
    return HttpResponseRedirect(f"{reverse('settings')}#{place}")
