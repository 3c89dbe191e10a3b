"""`POST /hooks/<source>`: signed callbacks of CRMs and other systems.

Signed after Standard Webhooks with the source's secret; the body is described in
connectors.domain.callback. Vendors have bodies and proofs of their own, read by connectors.sources.
200 after commit; errors are {"code", "message"}.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from standardwebhooks import Webhook, WebhookVerificationError
from standardwebhooks.webhooks import EmptyWebhookSecretError

from cdp_site.embedded import EmbeddedError
from cdp_site.web import public_page
from connectors import vault
from connectors.domain.callback import CallbackError, read_callback
from connectors.domain.source_kinds import SourceKind
from connectors.models import Source
from connectors.services import Taken, take_callback
from connectors.sources.hubspot import HUBSPOT
from connectors.sources.pipedrive import PIPEDRIVE
from connectors.sources.translator import Sent, Translator
from profiles.domain.messages import mend

logger = logging.getLogger(__name__)

LONGEST_BODY = 1_000_000
_TRANSLATORS: Mapping[str, Translator] = {
    SourceKind.HUBSPOT.value: HUBSPOT,
    SourceKind.PIPEDRIVE.value: PIPEDRIVE,
}
_KINDS = [kind.value for kind in SourceKind if kind.is_signed]


class _Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message


@public_page
@csrf_exempt
@require_POST
def hook(request: HttpRequest, source: str) -> HttpResponse:
    """Take a callback of the source with this slug."""
    try:
        taken = _take(request, slug=source)
    except _Refused as refused:
        return JsonResponse({"code": refused.code, "message": refused.message}, status=refused.status)
    except (Error, EmbeddedError):
        logger.exception("A callback of %s could not be stored.", source)
        message = "The message cannot be stored at the moment; send it again later."
        response = JsonResponse({"code": "unavailable", "message": message}, status=503)
        response["Retry-After"] = "5"
        return response
    return JsonResponse({"success": True, "outcome": taken})


def _take(request: HttpRequest, *, slug: str) -> str:
    now = timezone.now()
    found = Source.objects.filter(slug=slug, kind__in=_KINDS, is_active=True).first()
    if found is None:
        raise _Refused(404, "unknown_source", "There is no such source of callbacks.")
    translator = _TRANSLATORS.get(found.kind)
    if translator is not None:
        return _take_translated(request, found, translator=translator, now=now)
    body = _verified(request, secret=_secret(found))
    try:
        callback = read_callback(_decoded(body))
    except CallbackError as error:
        raise _Refused(400, "invalid_callback", f"{error.path or 'body'} {error.message}.") from error
    message_id = request.headers["webhook-id"]
    return take_callback(found, callback, message_id=message_id, received_at=now).value


def _take_translated(request: HttpRequest, source: Source, *, translator: Translator, now: datetime) -> str:
    """Take what a vendor tells, each thing by itself; told again, the same ids change nothing."""
    _refuse_too_large(request)
    url = f"{settings.BASE_URL}{request.get_full_path()}"
    sent = Sent(headers=request.headers, body=request.body, url=url)
    secret = _secret(source)
    if not secret or not translator.is_proven(sent, secret, now):
        raise _bad_signature()
    try:
        told = translator.read(_decoded(sent.body), source.slug)
    except CallbackError as error:
        raise _Refused(400, "invalid_callback", f"{error.path or 'body'} {error.message}.") from error
    outcomes = [
        take_callback(source, one.callback, message_id=one.id, received_at=now, is_about_all=True).value
        for one in told
    ]
    return ", ".join(dict.fromkeys(outcomes)) or Taken.OF_NOBODY.value


def _secret(source: Source) -> str:
    try:
        return vault.unseal(source.secret)
    except vault.SealBroken as error:
        logger.error("The secret of source %s cannot be read: SECRET_KEY has changed.", source.slug)
        raise _Refused(503, "unavailable", "The secret of this source cannot be read.") from error


def _verified(request: HttpRequest, *, secret: str) -> bytes:
    """Return the body once its signature is proven."""
    _refuse_too_large(request)
    body = request.body
    try:
        Webhook(secret).verify(body, dict(request.headers), json_parse=False)
    except (WebhookVerificationError, EmptyWebhookSecretError, ValueError) as error:
        # ValueError: a header that does not even look like a signature, a body that is no text.
        raise _bad_signature() from error
    return body


def _refuse_too_large(request: HttpRequest) -> None:
    if int(request.META.get("CONTENT_LENGTH") or 0) > LONGEST_BODY:
        raise _Refused(413, "too_large", f"A body has at most {LONGEST_BODY} bytes.")


def _bad_signature() -> _Refused:
    return _Refused(401, "bad_signature", "The signature is missing, wrong or too old.")


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(mend(body))
    except (msgspec.DecodeError, RecursionError) as error:
        raise _Refused(400, "invalid_json", "The body is not JSON.") from error
