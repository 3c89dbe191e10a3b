"""What stands behind the links and pictures of mails: open to anybody who holds the mail."""

import base64
import logging
from collections.abc import Callable

from django.conf import settings
from django.db import Error
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from cdp_site.embedded import EmbeddedError
from cdp_site.web import public_page
from connectors import vault
from connectors.domain.links import read_click, read_open, read_unsubscribe
from connectors.domain.reader import reader_of
from connectors.services import record_click, record_open, unsubscribe
from connectors.services.topics import Said, are_topics_on_offer, choice_of, choose_topics

logger = logging.getLogger(__name__)

_PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


@public_page
@require_safe
@never_cache
def click(request: HttpRequest, token: str) -> HttpResponse:
    """Lead on to the address that was put into the mail, and tell that it was followed."""
    found = read_click(token, keys=vault.keys_for(vault.MAIL_LINKS))
    if found is None:
        raise Http404
    if request.method == "GET":  # a HEAD only looks where the link leads
        reader = reader_of(request.headers)
        _note(lambda: record_click(found, reader=reader, at=timezone.now()))
    return _unlisted(HttpResponseRedirect(found.url))


@public_page
@require_safe
@never_cache
def pixel(request: HttpRequest, token: str) -> HttpResponse:
    """Answer with an invisible picture, and tell that the mail was opened."""
    delivery = read_open(token, keys=vault.keys_for(vault.MAIL_LINKS))
    if delivery is None:
        raise Http404
    if request.method == "GET":
        reader = reader_of(request.headers)
        _note(lambda: record_open(delivery, reader=reader, at=timezone.now()))
    return _unlisted(HttpResponse(_PIXEL, content_type="image/gif"))


@public_page
@csrf_exempt  # RFC 8058: the mail program posts without cookies or any other context; the token proves it
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def unsubscribe_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show what unsubscribing does; a POST does it, at once and without a redirect.

    A GET changes nothing: scanners of mail fetch every link.
    """
    asked = read_unsubscribe(token, keys=vault.keys_for(vault.MAIL_LINKS))
    if asked is None:
        raise Http404
    is_done = request.method == "POST"
    if is_done:
        unsubscribe(asked, at=timezone.now())
    context = {
        "is_done": is_done,
        "choose": reverse("connectors:topics", args=[token]) if are_topics_on_offer() else "",
    }
    return _unlisted(render(request, "connectors/unsubscribe.html", context))


@public_page
@csrf_exempt  # as above: whoever holds the mail holds the token, and there is no log-in to misuse
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def topics_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show what somebody gets mails about, in their language; a POST keeps what they chose."""
    asked = read_unsubscribe(token, keys=vault.keys_for(vault.MAIL_LINKS))
    if asked is None:
        raise Http404
    is_done = request.method == "POST"
    said = None
    if is_done:
        said = Said(
            topics=frozenset() if "nothing" in request.POST else frozenset(request.POST.getlist("topic"))
        )
        choose_topics(asked, said=said, at=timezone.now())
    choice = choice_of(asked, said=said)
    with translation.override(_shown_language(choice.locale)):
        page = render(
            request,
            "connectors/topics.html",
            {"choice": choice, "is_done": is_done, "out": reverse("connectors:unsubscribe", args=[token])},
        )
    return _unlisted(page)


def _shown_language(locale: str) -> str:
    """The language of our own words that is nearest to somebody's."""
    try:
        return translation.get_supported_language_variant(locale.replace("_", "-").lower() or "en")
    except LookupError:
        return settings.LANGUAGE_CODE


def _note(tell: Callable[[], None]) -> None:
    """Tell what happened; the reader gets where they want to even while the database is away."""
    try:
        tell()
    except (Error, EmbeddedError):
        logger.exception("A click or open could not be noted.")


def _unlisted(response: HttpResponse) -> HttpResponse:
    response["X-Robots-Tag"] = "noindex"
    response["Referrer-Policy"] = "no-referrer"  # the token is the reader's own
    return response
