"""The door as clients meet it: over real HTTP, and in the shapes that the SDKs in the field send."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.db import connections
from django.http import HttpResponse
from django.test import Client

from cdp_site.wsgi import application


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: tests read answers."""


@contextmanager
def door_server() -> Iterator[str]:
    """Serve the product's WSGI application, in a thread of its own; give its address."""
    server: WSGIServer = make_server("127.0.0.1", 0, application, handler_class=_QuietHandler)

    def serve() -> None:
        try:
            server.serve_forever(poll_interval=0.05)
        finally:
            connections.close_all()

    thread = Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def basic(key: str) -> str:
    return f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}"


def call(
    client: Client,
    path: str,
    body: object,
    *,
    key: str | None = None,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Send one call, the body as it is or as JSON."""
    sent = {"Authorization": basic(key)} if key else {}
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.generic("POST", path, data, content_type=content_type, headers=sent | dict(headers or {}))  # type: ignore[return-value]
