"""What every view says about itself: who may open it, and whether it answers with a page or a part.

Each view carries a mark, `view.access`. The test that walks the url patterns refuses a view without
one. A page is a function:

    @staff_page(Role.MARKETER)
    def segment_list(request: StaffRequest) -> HttpResponse:
        found = {"segments": segments_by_name()}
        return page_or_part(
            request, page="segments/segment_list.html", part="segments/_rows.html", context=found
        )

No role named means any role. The role admin opens everything, and so does a superuser.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render, resolve_url
from django.utils import timezone
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event
from django_htmx.middleware import HtmxDetails

from cdp_site.models import Company


class Role(StrEnum):
    """What somebody of the company does here; each is a group of that name."""

    MARKETER = "marketer"
    SERVICE = "service"
    ADMIN = "admin"


ANY_ROLE: frozenset[Role] = frozenset(Role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may call a view."""

    kind: Literal["public", "staff", "token"]
    reads: frozenset[Role] = frozenset()
    writes: frozenset[Role] = frozenset()  # staff pages: the same as `reads`


class StaffRequest(HttpRequest):
    """What a staff page receives: somebody logged in who has a role."""

    user: User
    htmx: HtmxDetails
    roles: frozenset[Role]


P = ParamSpec("P")
AnyView = TypeVar("AnyView", bound=Callable[..., HttpResponseBase])
StaffView = Callable[Concatenate[StaffRequest, P], HttpResponseBase]
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def public_page(view: AnyView) -> AnyView:
    """Mark a view that anybody may call."""
    view.access = Access(kind="public")  # type: ignore[attr-defined]
    return view


def staff_page(*roles: Role) -> Callable[[StaffView[P]], View[P]]:
    """Mark a view for people of the company, and hold everybody else off.

    Nobody logged in: to the log-in page and back again. Logged in without one of `roles`: 403.
    """
    allowed = with_admin(*roles)

    def mark(view: StaffView[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if isinstance(request.user, AnonymousUser):
                return _to_log_in(request)
            held = roles_of(request.user)
            if not held & allowed:
                raise PermissionDenied
            request.roles = held  # type: ignore[attr-defined]
            with timezone.override(zone_of(request)):
                response = view(cast(StaffRequest, request), *args, **kwargs)
            _keep_apart(response)
            return response

        guarded.access = Access(kind="staff", reads=allowed, writes=allowed)  # type: ignore[attr-defined]
        return guarded

    return mark


def with_admin(*roles: Role) -> frozenset[Role]:
    """The roles that may, admin among them; any role when none is named."""
    return frozenset({*roles, Role.ADMIN}) if roles else ANY_ROLE


def roles_of(user: User) -> frozenset[Role]:
    """What this user may do; a superuser has every role."""
    if user.is_superuser:
        return ANY_ROLE
    names = user.groups.filter(name__in=list(Role)).values_list("name", flat=True)
    return frozenset(Role(name) for name in names)


def zone_of(request: HttpRequest) -> ZoneInfo:
    """The zone to show times in: the browser's, which app.js leaves in a cookie, else the company's."""
    named = request.COOKIES.get("zone", "")
    return _zone(named) or _zone(_company_zone()) or ZoneInfo("UTC")


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a cookie can hold anything, a directory's name too
        return None


def _company_zone() -> str:
    return Company.objects.values_list("time_zone", flat=True).first() or ""


def wants_part(request: HttpRequest) -> bool:
    """Tell whether htmx asks for a fragment.

    When htmx restores a page of the browser's history it wants all of it, though it sends the same header.
    """
    htmx = cast(StaffRequest, request).htmx
    return bool(htmx) and not htmx.history_restore_request and not htmx.boosted


def page_or_part(
    request: HttpRequest, *, page: str, part: str, context: Mapping[str, Any], status: int = 200
) -> HttpResponse:
    """Render the whole page, or for htmx the part of it that changes, with one context."""
    return render(request, part if wants_part(request) else page, dict(context), status=status)


def with_toast(response: HttpResponse, text: str) -> HttpResponse:
    """Have the page say `text` once htmx has swapped in the response."""
    return trigger_client_event(response, "toast", {"text": str(text)}, after="settle")


def _to_log_in(request: HttpRequest) -> HttpResponse:
    if not cast(StaffRequest, request).htmx:
        return redirect_to_login(request.get_full_path())
    # A log-in form swapped into a fragment would be of no use: htmx is told to leave the page.
    shown = urlsplit(request.headers.get("HX-Current-URL", "/"))
    back = shown.path + (f"?{shown.query}" if shown.query else "")
    return HttpResponseClientRedirect(f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': back})}")


def _keep_apart(response: HttpResponseBase) -> None:
    # A browser that kept the fragment under the page's address would show it when going back, and
    # what it keeps of people must not outlive the session.
    patch_vary_headers(response, ["HX-Request", "HX-History-Restore-Request", "Cookie"])
    patch_cache_control(response, private=True, no_cache=True)
