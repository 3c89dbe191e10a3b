"""Our side of the child process that fills templates in.

One renderer serves a process and any number of its threads, with a few children. A child that does not
answer in time is killed and replaced; the template is then at fault, not the delivery's destination.
"""

import atexit
import os
import selectors
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from django.utils.translation import gettext

from connectors.domain.message import DeliveryError, Json, MadeMail, MailSource

# For one request; the child stops a template after a second of its own time (child.py), so this is reached
# where the machine is overloaded or the child is stuck.
SECONDS = 5.0
START_SECONDS = 30.0  # until a new child has imported what it needs
CHILDREN = 2
_LENGTH = struct.Struct("!I")
_PROGRAM = Path(__file__).resolve().parent / "child.py"
_encoder = msgspec.json.Encoder(decimal_format="number")  # facts hold exact decimals


class RenderError(DeliveryError):
    """A template cannot be filled in.

    `line` is where, if known, `name` which of several texts, `part` the block or layout that it uses.
    """

    def __init__(self, reason: str, *, line: int | None = None, name: str = "", part: str = "") -> None:
        super().__init__(reason, permanent=True)
        self.line = line
        self.name = name
        self.part = part


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """Something of the customer or the event that templates ask for."""

    path: tuple[str, ...]  # person, firstName
    text: str  # which of several asks first
    line: int
    has_default: bool  # every place says what to write where it is missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What templates ask for, found without filling them in."""

    uses: tuple[Use, ...]
    parts: tuple[str, ...]  # blocks they include, by name
    offered: tuple[str, ...]  # places they offer, as layouts do
    unknown: tuple[Use, ...]  # the names they expect to be given, `path` is that name alone


class _ChildGone(Exception):
    """The child died or did not answer in time."""


class ProcessRenderer:
    """Fills templates in, in child processes of this process."""

    def __init__(self, *, seconds: float = SECONDS, children: int = CHILDREN) -> None:
        self._seconds = seconds
        self._slots = threading.BoundedSemaphore(children)
        self._idle: list[_Child] = []
        self._lock = threading.Lock()

    def mail(self, source: MailSource, *, variables: Mapping[str, Json]) -> MadeMail:
        """Return the subject and preheader as lines of text, the body as HTML.

        Raises:
            RenderError: the template is at fault.
        """
        made = self._ask(
            {
                "do": "mail",
                "subject": source.subject,
                "preheader": source.preheader,
                "body": source.body,
                "layout": source.layout,
                "parts": source.parts,
                "variables": variables,
            }
        )
        return MadeMail(subject=made["subject"], preheader=made["preheader"], html=made["html"])

    def fields(self, fields: Mapping[str, Json], *, variables: Mapping[str, Json]) -> dict[str, Json]:
        """Return the fields filled in; one that is a single expression keeps the type of its value.

        Raises:
            RenderError: a field is at fault.
        """
        made = self._ask({"do": "fields", "fields": fields, "variables": variables})
        return dict(made["fields"])

    def read(self, texts: Mapping[str, str]) -> Reading:
        """Read templates without filling them in.

        Raises:
            RenderError: one cannot be read; its `name` is the key.
        """
        made = self._ask({"do": "read", "texts": texts})
        return Reading(
            uses=_uses(made["uses"]),
            parts=tuple(made["parts"]),
            offered=tuple(made["offered"]),
            unknown=_uses(made["unknown"]),
        )

    def close(self) -> None:
        """End the idle children."""
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            child.kill()

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        with self._child() as child:
            made = child.ask(request, seconds=self._seconds)
        if "error" in made:
            raise RenderError(_sentence(made), line=made["line"], name=made["name"], part=made["part"])
        return made

    @contextmanager
    def _child(self) -> Iterator["_Child"]:
        with self._slots:
            child = self._take() or _started_child()
            try:
                yield child
            except _ChildGone:
                child.kill()
                raise RenderError(
                    gettext("The template was stopped: it took too long or needed too much memory.")
                ) from None
            except BaseException:
                child.kill()  # it may be in the middle of an answer that nobody reads any more
                raise
            with self._lock:
                self._idle.append(child)

    def _take(self) -> "_Child | None":
        with self._lock:
            while self._idle:
                child = self._idle.pop()
                if child.is_alive():
                    return child
                child.kill()
        return None


def _started_child() -> "_Child":
    """Start a child and wait until it listens, so that a template's time is its own."""
    child = _Child()
    try:
        child.wait_until_ready()
    except _ChildGone:
        child.kill()
        raise RuntimeError("The process that fills templates in does not start.") from None
    return child


class _Child:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(_PROGRAM)],  # -I: nothing but what is installed
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            env={"LANG": "C.UTF-8"},  # not ours, which holds keys
            start_new_session=True,  # a Ctrl-C meant for the parent must not cut an answer short
        )

    def wait_until_ready(self) -> None:
        self._answer(deadline=time.monotonic() + START_SECONDS)

    def ask(self, request: Mapping[str, Any], *, seconds: float) -> dict[str, Any]:
        """Return the child's answer.

        Raises:
            _ChildGone: none came in time.
        """
        deadline = time.monotonic() + seconds
        body = _encoder.encode(request)
        try:
            self._write(_LENGTH.pack(len(body)) + body, deadline=deadline)
        except BrokenPipeError as error:
            raise _ChildGone from error
        return self._answer(deadline=deadline)

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _answer(self, *, deadline: float) -> dict[str, Any]:
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size, deadline=deadline))
        answer: dict[str, Any] = msgspec.json.decode(self._read(length, deadline=deadline))
        return answer

    def _write(self, data: bytes, *, deadline: float) -> None:
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)
        left = memoryview(data)
        while left:
            _wait(self._process.stdin.fileno(), event=selectors.EVENT_WRITE, deadline=deadline)
            left = left[os.write(self._process.stdin.fileno(), left) :]

    def _read(self, length: int, *, deadline: float) -> bytes:
        assert self._process.stdout is not None
        pieces: list[bytes] = []
        while length > 0:
            _wait(self._process.stdout.fileno(), event=selectors.EVENT_READ, deadline=deadline)
            piece = os.read(self._process.stdout.fileno(), length)
            if not piece:
                raise _ChildGone
            pieces.append(piece)
            length -= len(piece)
        return b"".join(pieces)


def _wait(descriptor: int, *, event: int, deadline: float) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, event)
        if not selector.select(timeout=max(0.0, deadline - time.monotonic())):
            raise _ChildGone


def _uses(told: Iterable[Mapping[str, Any]]) -> tuple[Use, ...]:
    return tuple(Use(**{**use, "path": tuple(use["path"])}) for use in told)


def _sentence(made: Mapping[str, Any]) -> str:
    error = str(made["error"]).rstrip(".")
    if made["part"]:
        words = gettext("Line %(line)s of “%(part)s”: %(error)s.")
        return words % {"line": made["line"], "part": made["part"], "error": error}
    if made["line"]:
        return gettext("Line %(line)s of the template: %(error)s.") % {"line": made["line"], "error": error}
    return gettext("The template cannot be filled in: %(error)s.") % {"error": error}


_renderers: dict[int, ProcessRenderer] = {}


def shared_renderer() -> ProcessRenderer:
    """The renderer of this process; after a fork the new process gets its own, since pipes are not shared."""
    return _renderers.setdefault(os.getpid(), ProcessRenderer())


@atexit.register
def _close_own() -> None:
    # A process that was forked inherits this call, but not the children of its parent.
    if own := _renderers.get(os.getpid()):
        own.close()
