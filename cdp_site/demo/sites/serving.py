"""A web server for the demo's own sites: threads of this process, loopback, bounded bodies."""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from django.utils.translation import gettext, ngettext
from jinja2 import Environment, FileSystemLoader, StrictUndefined

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
_MOST_BYTES = 1_000_000
_SECONDS = 30  # a connection that says nothing is closed


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a site is asked."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    def form(self) -> dict[str, str]:
        """The fields of a posted form; the last of each name."""
        return {name: values[-1] for name, values in parse_qs(self.body.decode(errors="replace")).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a site answers."""

    body: str
    type: str = "text/html; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)


def json_reply(value: Any, *, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    return Reply(body=json.dumps(value), type="application/json", status=status)


def see_other(place: str) -> Reply:
    """Send the browser on after a form."""
    return Reply(body="", status=HTTPStatus.SEE_OTHER, headers={"Location": place})


NOT_FOUND = Reply(body="Not found", type="text/plain", status=HTTPStatus.NOT_FOUND)


class Pages:
    """The sites' templates, apart from the product's: nothing of these is known to it."""

    @cached_property
    def _environment(self) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        environment.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
        environment.policies["ext.i18n.trimmed"] = True
        return environment

    def render(self, template: str, values: Mapping[str, Any]) -> str:
        return self._environment.get_template(template).render(dict(values))


class Site:
    """A running server, its pages answered by `answer`; a context manager."""

    def __init__(self, answer: Callable[[Request], Reply], *, port: int = 0) -> None:
        self._server = ThreadingHTTPServer((HOST, port), _handler(answer))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="demo site", daemon=True)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(answer: Callable[[Request], Reply]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = _SECONDS

        def _serve(self) -> None:
            length = self.headers.get("Content-Length", "0")
            if not length.isdecimal() or int(length) > _MOST_BYTES:
                self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
                return
            address = urlsplit(self.path)
            request = Request(
                method=self.command,
                path=address.path,
                query={name: values[-1] for name, values in parse_qs(address.query).items()},
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(int(length)),
            )
            self._send(_answer(answer, request))

        do_GET = do_POST = do_HEAD = _serve

        def _send(self, reply: Reply) -> None:
            body = reply.body.encode()
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.type)
            self.send_header("Content-Length", str(len(body)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            logger.debug(format, *args)

    return Handler


def _answer(answer: Callable[[Request], Reply], request: Request) -> Reply:
    # The door of a server: whatever goes wrong inside becomes an answer, or the client waits for ever.
    try:
        return answer(request)
    except Exception:
        logger.exception("%s %s failed", request.method, request.path)
        return Reply(body="Something went wrong", type="text/plain", status=HTTPStatus.INTERNAL_SERVER_ERROR)
