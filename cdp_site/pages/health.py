"""Doors for machines: alive, able to serve, and the numbers a monitor collects."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.templatetags.static import static
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from cdp_site.web import public_page


@public_page
@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Say that this process answers, whatever the state of the database."""
    return HttpResponse("ok", content_type="text/plain")


@public_page
@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether messages can be accepted: the database answers and the inbox table is there."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM profiles_inbox LIMIT 1")
    except DatabaseError:
        return HttpResponse("database away", status=503, content_type="text/plain")
    return HttpResponse("ready", content_type="text/plain")


@public_page
@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Lead browsers that look in the old place to our icon."""
    return HttpResponsePermanentRedirect(static("favicon.svg"))
