"""The HTTP door for messages: Segment's API, as the SDKs in the field really use it.

Answers exactly 200 once what it took is durable. Every refusal is `{"code", "message"}`, which clients can
tell from a server that is broken; 503, never 401, while the database is away, because a browser takes a
401 for final. Never redirects: a client would follow with an empty GET and count the messages as sent.

The door stands in front of the middleware (`in_front_of`, `ahead_of_middleware`): it needs neither session
nor locale, its callers come from other sites, and each layer costs as much as checking a message.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from http import HTTPStatus
from typing import Any

import msgspec
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.db import Error, close_old_connections
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from cdp_site.embedded import EmbeddedError
from cdp_site.web import public_page
from connectors import keys, limits
from connectors.domain.call import (
    CALLS,
    HISTORICAL,
    MAX_WIRE,
    Call,
    CallRefused,
    key_in_head,
    read_call,
    unpack,
)
from connectors.snippet import snippet
from connectors.source_services import note_messages
from profiles.domain.lanes import Frame, Sorted, sort_messages
from profiles.services import accept

logger = logging.getLogger(__name__)

PREFIXES = ("v1/", "beacon/v1/")
SNIPPET = "wayfare.js"
_DISCARDED = 64 * 2**20  # read and thrown away so that a client that sends first hears our answer
_PIECE = 2**16
_RETRY_STORE = 2  # seconds
_PREFLIGHT_SECONDS = "86400"
_TAKEN = b'{"success": true}'


Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def in_front_of(application: Application) -> Application:
    """Answer the door's calls without Django's handler, which costs more than a small call itself.

    For the WSGI server; `ahead_of_middleware` does the same wherever requests come another way.
    """

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        view = _view_of(environ.get("PATH_INFO", ""))
        if view is None:
            return application(environ, start_response)
        response = view(WSGIRequest(environ))
        start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        return [response.content]

    return serve


def ahead_of_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Answer the door's calls before any other middleware; first in `MIDDLEWARE`."""

    def dispatch(request: HttpRequest) -> HttpResponse:
        view = _view_of(request.path_info)
        return get_response(request) if view is None else view(request)

    return dispatch


def _view_of(path: str) -> Callable[[HttpRequest], HttpResponse] | None:
    name = path.lstrip("/")
    if name.startswith(PREFIXES):
        return ingest
    return snippet if name == SNIPPET else None


@public_page
@csrf_exempt
def ingest(request: HttpRequest, path: str = "") -> HttpResponse:
    """Take the messages of one call."""
    if request.method == "OPTIONS":
        response = _preflight(request)
    else:
        try:
            response = _take(request)
        except CallRefused as refusal:
            response = _refusal(refusal)
        except UnreadablePostError:
            response = _refusal(CallRefused(HTTPStatus.BAD_REQUEST, "unreadable", "The body was cut short."))
        except (Error, EmbeddedError):
            logger.exception("The store is away: a call was asked to come again.")
            response = _refusal(_store_away())
            close_old_connections()  # a broken one; the next call makes a new one
    response["Content-Length"] = str(len(response.content))
    origin = request.META.get("HTTP_ORIGIN")
    if origin:
        response["Access-Control-Allow-Origin"] = origin
        response["Access-Control-Expose-Headers"] = "Retry-After"
        response["Vary"] = "Origin"
    return response


def _take(request: HttpRequest) -> HttpResponse:
    received_at = timezone.now()
    path = request.path_info.strip("/")
    if path not in CALLS:
        raise CallRefused(HTTPStatus.NOT_FOUND, "not_found", "There is no such call.")
    if request.method != "POST":
        raise CallRefused(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", "Calls are made with POST.")
    meta = request.META
    data = _read_body(request)
    key = key_in_head(
        authorization=meta.get("HTTP_AUTHORIZATION", ""),
        header=meta.get("HTTP_X_WRITE_KEY", ""),
        query=meta.get("QUERY_STRING", ""),
    )
    door = _door(key) if key else None
    call = read_call(unpack(data, encoding=meta.get("HTTP_CONTENT_ENCODING", "")), kind=CALLS[path])
    if door is None:
        door = _door(call.write_key)
    is_historical = door.is_historical or path == HISTORICAL
    wait = limits.seconds_to_wait(door, count=len(call.messages), is_historical=is_historical)
    if wait:
        raise CallRefused(
            HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests", "Come back later.", retry_after=wait
        )
    frame = Frame(
        kind=CALLS[path],
        sent_at=call.sent_at,
        context=call.context,
        ip=None if door.is_server else _client_ip(request),
        is_server=door.is_server,
        is_historical=is_historical,
    )
    return _store(call, frame=frame, door=door, received_at=received_at)


def _store(call: Call, *, frame: Frame, door: keys.Door, received_at: datetime) -> HttpResponse:
    outcome = sort_messages(call.messages, frame=frame)
    accept(
        source_id=door.source_id,
        received_at=received_at,
        lanes=outcome.lanes,
        rejected=outcome.rejected,
    )
    note_messages(door.source_id, at=received_at)
    return _answer(outcome, is_single=frame.kind is not None)


def _answer(outcome: Sorted, *, is_single: bool) -> HttpResponse:
    if not outcome.rejected:
        return HttpResponse(_TAKEN, content_type="application/json")
    if is_single:
        fault = outcome.rejected[0].fault
        is_large = fault.code == "event_too_large"
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if is_large else HTTPStatus.BAD_REQUEST
        return _json({"code": fault.code, "message": fault.message}, status=status)
    rejected = [
        {"index": item.index, "code": item.fault.code, "message": item.fault.message}
        for item in outcome.rejected
    ]
    return _json({"success": True, "rejected": rejected}, status=HTTPStatus.OK)


def _door(key: str | None) -> keys.Door:
    if not key:
        raise CallRefused(HTTPStatus.UNAUTHORIZED, "no_write_key", "The call names no write key.")
    door = keys.door_of(key)
    if door is None:
        raise CallRefused(HTTPStatus.UNAUTHORIZED, "unknown_write_key", "No source has this write key.")
    return door


def _read_body(request: HttpRequest) -> bytes:
    """Read what came over the wire, whatever it is said to be; a body beyond the limit is thrown away."""
    stream = request
    if _is_chunked(request):
        stream = request.META["wsgi.input"]
    elif _content_length(request) <= MAX_WIRE:
        return request.read(MAX_WIRE)
    data = bytearray()
    discarded = 0
    while discarded < _DISCARDED and (piece := stream.read(_PIECE)):
        if len(data) <= MAX_WIRE:
            data += piece
        else:
            discarded += len(piece)
    if len(data) > MAX_WIRE:
        raise CallRefused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"The limit on the wire is {MAX_WIRE} bytes."
        )
    return bytes(data)


def _content_length(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdecimal() else 0


def _is_chunked(request: HttpRequest) -> bool:
    # Without a length Django reads nothing. Only a server that ends the stream itself can be read to its end.
    meta = request.META
    return "chunked" in meta.get("HTTP_TRANSFER_ENCODING", "").lower() and meta.get(
        "wsgi.input_terminated", False
    )


def _client_ip(request: HttpRequest) -> str | None:
    """The browser's address: as the last proxies that we trust saw it, else the peer's."""
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    trusted = settings.TRUSTED_PROXIES
    if trusted and hops:
        return str(hops[-min(trusted, len(hops))])[:45]
    return str(request.META.get("REMOTE_ADDR") or "") or None


def _preflight(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(status=HTTPStatus.NO_CONTENT, content_type="application/json")
    response["Access-Control-Allow-Methods"] = "POST"
    asked = request.META.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS")
    if asked:
        response["Access-Control-Allow-Headers"] = asked
    response["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS
    return response


def _refusal(refusal: CallRefused) -> HttpResponse:
    response = _json({"code": refusal.code, "message": refusal.message}, status=refusal.status)
    if refusal.retry_after is not None:
        response["Retry-After"] = str(refusal.retry_after)
    if refusal.status == HTTPStatus.METHOD_NOT_ALLOWED:
        response["Allow"] = "POST, OPTIONS"
    return response


def _store_away() -> CallRefused:
    return CallRefused(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "store_away",
        "The messages could not be stored; send them again.",
        retry_after=_RETRY_STORE,
    )


def _json(value: object, *, status: HTTPStatus) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(value), content_type="application/json", status=status)
