"""Destinations for tests, on the loopback: a mail server, an HTTP server, a CRM. They keep what they get.

Each can be told to misbehave, so that failures come over the wire as they do in life.
"""

import asyncio
import json
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import Request, urlopen

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from standardwebhooks import Webhook

WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CRM_TOKEN = "crm-token-7f3a"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail as it came over the wire."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes

    @property
    def parsed(self) -> EmailMessage:
        made = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(made, EmailMessage)
        return made

    def part(self, kind: str) -> str:
        """The text of the part "text/plain" or "text/html"."""
        for part in self.parsed.walk():
            if part.get_content_type() == kind:
                return str(part.get_content()).replace("\r\n", "\n")
        raise LookupError(kind)


@dataclass(kw_only=True)  # no slots: aiosmtpd looks into it by a way that breaks on them in early 3.11
class MailServer:
    """A mail server. Addresses that begin with a word of `answers` are refused with what it maps to."""

    answers: dict[str, str] = field(
        default_factory=lambda: {
            "bounce": "550 5.1.1 no such user",
            "spam": "550 5.7.1 not wanted",
            "busy": "451 4.2.1 try again later",
        }
    )
    answer_to_data: str = "250 taken"
    seconds_before_answer: float = 0.0
    mails: list[Mail] = field(default_factory=list)
    port: int = 0

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        for word, answer in self.answers.items():
            if address.startswith(word):
                return answer
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        raw = envelope.content
        assert isinstance(raw, bytes)
        if self.answer_to_data.startswith("2"):
            self.mails.append(
                Mail(sender=envelope.mail_from or "", recipients=tuple(envelope.rcpt_tos), raw=raw)
            )
        await asyncio.sleep(self.seconds_before_answer)
        if self.answer_to_data == "hang up":
            assert server.transport is not None
            server.transport.close()
        return self.answer_to_data


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def mail_server(**options: Any) -> Iterator[MailServer]:
    """Run a mail server on a free port."""
    server = MailServer(**options)
    server.port = free_port()  # the controller can't be given 0: it calls the port to see that it listens
    controller = Controller(server, hostname="127.0.0.1", port=server.port)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an HTTP server answers to one request."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    seconds_before: float = 0.0
    is_cut: bool = False  # the connection is closed without an answer
    seconds_a_byte: float = 0.0  # the body drips


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request as it came over the wire."""

    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    at: datetime
    method: str = "POST"

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class HttpServer:
    """An HTTP server that answers as told, and with 200 when nothing is left of what it was told."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.script: deque[Answer] = deque()
        self.otherwise = Answer()
        self.may_answer = threading.Event()  # cleared: every answer waits until it is set
        self.may_answer.set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, request: Received) -> Answer:
        """Choose the answer; in a server that does something, do it."""
        return self.script.popleft() if self.script else self.otherwise


class Crm(HttpServer):
    """A CRM that speaks what connectors/channels/crm.py writes down, idempotent by its key."""

    def __init__(self) -> None:
        super().__init__()
        self.things: dict[str, dict[str, Any]] = {}  # idempotency key -> what was made for it

    def answer(self, request: Received) -> Answer:
        if self.script:
            return self.script.popleft()
        if request.headers.get("authorization") != f"Bearer {CRM_TOKEN}":
            return Answer(status=401)
        key = request.headers.get("idempotency-key")
        if key is None:
            return Answer(status=404)
        if key not in self.things:
            number = len(self.things) + 1
            self.things[key] = {"id": f"{request.path.strip('/')}-{number}", **request.json}
        return Answer(status=201, body=json.dumps({"id": self.things[key]["id"]}).encode())

    def call_back(self, url: str, body: Mapping[str, Any], *, message_id: str = "msg-1") -> int:
        """Tell what happened, signed after Standard Webhooks; return the status of the answer."""
        text = json.dumps(body)
        request = Request(url, data=text.encode(), headers=signed(text, message_id=message_id))
        with urlopen(request, timeout=10) as response:
            return int(response.status)


def signed(text: str, *, message_id: str = "msg-1", at: datetime | None = None) -> dict[str, str]:
    """The headers of a signed webhook."""
    at = at or datetime.now(UTC)
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(WEBHOOK_SECRET).sign(message_id, at, text),
    }


@contextmanager
def http_server(server: HttpServer | None = None) -> Iterator[HttpServer]:
    """Run an HTTP server on a free port."""
    server = server or HttpServer()
    with _serving(server) as port:
        server.port = port
        yield server


@contextmanager
def crm() -> Iterator[Crm]:
    """Run a CRM on a free port."""
    server = Crm()
    with _serving(server) as port:
        server.port = port
        yield server


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Clients that hang up are what many of these tests are about.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def _serving(server: HttpServer) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            _serve(self, server)

        do_GET = do_PATCH = do_PUT = do_POST

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    listener = _Listener(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield listener.server_address[1]
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def _serve(handler: BaseHTTPRequestHandler, server: HttpServer) -> None:
    body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
    request = Received(
        path=handler.path,
        headers={key.lower(): value for key, value in handler.headers.items()},
        body=body,
        at=datetime.now(UTC),
        method=handler.command,
    )
    server.requests.append(request)
    server.may_answer.wait(timeout=60)
    answer = server.answer(request)
    time.sleep(answer.seconds_before)
    if answer.is_cut:
        handler.close_connection = True
        handler.connection.close()
        return
    handler.send_response(answer.status)
    for key, value in answer.headers.items():
        handler.send_header(key, value)
    handler.send_header("Content-Length", str(len(answer.body)))
    handler.end_headers()
    _write(handler, answer)


def _write(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    if not answer.seconds_a_byte:
        handler.wfile.write(answer.body)
        return
    try:
        for byte in answer.body:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            time.sleep(answer.seconds_a_byte)
    except OSError:  # the client has had enough, which is what the test is about
        handler.close_connection = True
