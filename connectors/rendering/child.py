"""The program of the child that fills templates in; run by its path.

Reads requests and writes answers, each a JSON text after its length in four bytes. Imports neither
Django nor anything of ours, so that a template that breaks out of the sandbox finds nothing to take.
"""

import json
import os
import re
import resource
import select
import signal
import struct
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import IO, Any, cast
from zoneinfo import ZoneInfo

import mjml
from jinja2 import (
    FunctionLoader,
    StrictUndefined,
    TemplateError,
    TemplateNotFound,
    TemplateSyntaxError,
    Undefined,
    meta,
    nodes,
)
from jinja2.environment import Template, TemplateExpression
from jinja2.sandbox import ImmutableSandboxedEnvironment

# Of this process's own time: a busy machine is no template's fault. The second is for what never comes back.
TEMPLATE_SECONDS = 1.0
STUCK_SECONDS = 1.5
MEMORY_BYTES = 768 * 1024 * 1024
LONGEST_OUTPUT = 1_000_000  # characters; mail programs clip at a tenth of it
DEEPEST_FIELDS = 10
ORPHAN_CHECK_SECONDS = 5
ROOTS = frozenset({"person", "event", "entry", "journey", "run"})  # what a template may lack something of
_LACKS = "there is no “{}”; say what to write instead"
_PART = "<part {}>"  # stands for a file's name in what Jinja2 says of faults
_ONE_EXPRESSION = re.compile(r"\s*\{\{(?![{%#-])((?:(?!\}\}|\{\{).)+?)\}\}\s*", re.DOTALL)
_LENGTH = struct.Struct("!I")


class Refused(Exception):
    """The template cannot be filled in; the text says why, to the person who wrote it."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2 without a way out; names of customer data are keys, never methods of a dictionary."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else self.undefined(_LACKS.format(attribute), obj)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Mapping):
            return obj[argument] if argument in obj else self.undefined(_LACKS.format(argument), obj)
        return super().getitem(obj, argument)


_PLAIN = _Sandbox(undefined=StrictUndefined, autoescape=False)
_Parts = tuple[tuple[str, str], ...]  # name, source


@lru_cache(maxsize=50)
def _environment(parts: _Parts) -> _Sandbox:
    """Where the layout and the blocks of a mail are found by their names."""
    sources = dict(parts)

    def load(name: str) -> tuple[str, str, None] | None:
        return (sources[name], _PART.format(name), None) if name in sources else None

    return _Sandbox(undefined=StrictUndefined, autoescape=True, loader=FunctionLoader(load))


@lru_cache(maxsize=200)
def _html_template(source: str, *, parts: _Parts) -> Template:
    return _environment(parts).from_string(source)


@lru_cache(maxsize=500)
def _plain_template(source: str) -> Template:
    return _PLAIN.from_string(source)


@lru_cache(maxsize=500)
def _expression(source: str) -> TemplateExpression:
    return _PLAIN.compile_expression(source, undefined_to_none=False)


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Do what is asked; {"error", "line", "part", "name"} for a template at fault."""
    try:
        with _limited():
            return _answer(request)
    except _FAULTS as error:
        return _told(error)


def _answer(request: Mapping[str, Any]) -> dict[str, Any]:
    variables = _with_instant(request.get("variables", {}))
    match request["do"]:
        case "mail":
            return _mail(request, variables=variables)
        case "fields":
            return {"fields": _fields(request["fields"], variables=variables, depth=0)}
        case "read":
            return _read(request["texts"])
        case unknown:
            raise ValueError(f"nothing to do for {unknown!r}")


# Beside the faults of Jinja2 what an expression can raise: 1 / 0, a filter applied to the wrong type.
_FAULTS = (
    *(TemplateError, Refused, MemoryError, RecursionError),
    *(ArithmeticError, AttributeError, LookupError, TypeError, ValueError),
)


def _told(error: BaseException, *, name: str = "") -> dict[str, Any]:
    """Say what is wrong and where: the line, of which block or layout, in which of several texts."""
    line, part = _place_of(error)
    match error:
        case TemplateNotFound():
            words = f"there is no block “{error.name}”"
        case TemplateSyntaxError():
            words, line = error.message or "The template cannot be read.", error.lineno
            part = _part_of(error.filename or "")
        case TemplateError() | Refused():
            words = str(error)
        case MemoryError():
            words = "The template needs too much memory."
        case RecursionError():
            words = "The template is nested too deeply."
        case _:
            words = f"{type(error).__name__}: {error}"
    return {"error": words[:500], "line": line, "part": part, "name": name}


@contextmanager
def _limited() -> Iterator[None]:
    """Raise inside a template that takes too long; one that cannot even be interrupted ends the process."""

    def stop(signal_number: int, frame: Any) -> None:
        raise Refused("The template takes too long.")

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, TEMPLATE_SECONDS, TEMPLATE_SECONDS / 10)
    signal.setitimer(signal.ITIMER_VIRTUAL, STUCK_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _mail(request: Mapping[str, Any], *, variables: Mapping[str, Any]) -> dict[str, Any]:
    made = {}
    for name in ("subject", "preheader"):
        try:
            made[name] = " ".join(_filled(_plain_template(request[name]), variables=variables).split())
        except _FAULTS as error:
            return _told(error, name=name)
    body = request["body"]
    if layout := request["layout"]:  # on the same line: faults are counted in the lines of the body
        body = f"{{% extends {json.dumps(layout)} %}}{{% block content %}}{body}{{% endblock %}}"
    parts = tuple(request["parts"].items())
    try:
        text = _filled(_html_template(body, parts=parts), variables=variables)
        return {**made, "html": _html_of(text)}
    except _FAULTS as error:
        return _told(error, name="body")


def _html_of(text: str) -> str:
    """Turn MJML into HTML; HTML stays as it is."""
    if not text.lstrip().startswith("<mjml"):
        return text
    try:
        # No fonts: by default MJML links Google's into every mail, which tells them who reads it.
        made = mjml.mjml2html(text, fonts={}, include_loader=_no_include)
    except ValueError as error:
        raise Refused(f"The MJML cannot be read: {error}.") from error
    if len(made) > LONGEST_OUTPUT:
        raise Refused("The mail is too long.")
    return made


def _no_include(path: str) -> str:
    raise Refused("Including other files is not possible.")


def _fields(value: Any, *, variables: Mapping[str, Any], depth: int) -> Any:
    if depth > DEEPEST_FIELDS:
        raise Refused("The fields are nested too deeply.")
    if isinstance(value, str):
        return _field(value, variables=variables)
    if isinstance(value, Mapping):
        return {key: _fields(inner, variables=variables, depth=depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_fields(inner, variables=variables, depth=depth + 1) for inner in value]
    return value


def _field(source: str, *, variables: Mapping[str, Any]) -> Any:
    """Fill one field in. `{{ person.age }}` alone stays a number; with other text around it, all is text."""
    found = _ONE_EXPRESSION.fullmatch(source)
    if found is None:
        return _filled(_plain_template(source), variables=variables)
    value = _expression(found[1])(**variables)
    if isinstance(value, Undefined):
        str(value)  # raises the error that names what is missing
    return value if _is_json(value) else str(value)


def _is_json(value: Any) -> bool:
    try:
        return len(json.dumps(value, allow_nan=False)) <= LONGEST_OUTPUT
    except (TypeError, ValueError):
        return False


def _filled(template: Template, *, variables: Mapping[str, Any]) -> str:
    pieces: list[str] = []
    length = 0
    for piece in template.generate(**variables):
        pieces.append(piece)
        length += len(piece)
        if length > LONGEST_OUTPUT:
            raise Refused("The result is too long.")
    return "".join(pieces)


def _read(texts: Mapping[str, str]) -> dict[str, Any]:
    """Read templates without filling them in: what they ask for, name and offer."""
    found = _Reader()
    for name, text in texts.items():
        try:
            found.read(_PLAIN.parse(text), text=name)
            _plain_template(text)  # finds what parsing alone does not
        except _FAULTS as error:
            return _told(error, name=name)
    return found.told()


class _Reader:
    """Walks through syntax trees."""

    def __init__(self) -> None:
        self.uses: dict[tuple[str, ...], dict[str, Any]] = {}
        self.tested: set[tuple[str, ...]] = set()  # asked for whether it is there at all
        self.parts: set[str] = set()
        self.offered: set[str] = set()
        self.unknown: list[dict[str, Any]] = []  # names that no text sets: they must be given

    def read(self, tree: nodes.Template, *, text: str) -> None:
        for part in tree.find_all((nodes.Include, nodes.Extends, nodes.Import, nodes.FromImport)):
            named = dict(part.iter_fields())["template"]
            if isinstance(named, nodes.Const):
                self.parts.add(str(named.value))
        lines = {name.name: name.lineno for name in tree.find_all(nodes.Name)}
        self.unknown += [
            {"path": [name], "text": text, "line": lines.get(name, 1), "has_default": False}
            for name in sorted(meta.find_undeclared_variables(tree))
        ]
        self.offered |= {block.name for block in tree.find_all(nodes.Block)}
        self._visit(tree, text=text, has_default=False)

    def told(self) -> dict[str, Any]:
        uses = [
            {**use, "has_default": use["has_default"] or path in self.tested}
            for path, use in self.uses.items()
        ]
        found = {"parts": sorted(self.parts), "offered": sorted(self.offered), "unknown": self.unknown}
        return {"uses": uses, **found}

    def _visit(self, node: nodes.Node, *, text: str, has_default: bool) -> None:
        if path := _path_of(node):
            known = self.uses.setdefault(
                path, {"path": path, "text": text, "line": node.lineno, "has_default": True}
            )
            known["has_default"] = known["has_default"] and has_default
            return
        if isinstance(node, nodes.Test) and node.name in ("defined", "undefined") and _path_of(node.node):
            self.tested.add(_path_of(node.node))
        is_default = isinstance(node, nodes.Filter) and node.name in ("default", "d")
        for field, inner in node.iter_fields():
            for one in inner if isinstance(inner, list) else [inner]:
                if isinstance(one, nodes.Node):
                    self._visit(one, text=text, has_default=has_default or (is_default and field == "node"))


def _path_of(node: nodes.Node) -> tuple[str, ...]:
    """`person.firstName` and `person["firstName"]` as a path; () for anything else."""
    path: list[str] = []
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        if isinstance(node, nodes.Getattr):
            path.insert(0, node.attr)
        elif isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            path.insert(0, node.arg.value)
        else:
            return ()
        node = node.node
    return (node.name, *path) if path and isinstance(node, nodes.Name) and node.name in ROOTS else ()


def _with_instant(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Make `now` an instant that templates can compare and format, in the person's own zone."""
    given = dict(variables)
    if isinstance(given.get("now"), str):
        given["now"] = datetime.fromisoformat(given["now"])
    zone = given.pop("zone", None)
    if zone and "now" in given:
        given["now"] = given["now"].astimezone(ZoneInfo(zone))
    return given


def _place_of(error: BaseException) -> tuple[int | None, str]:
    """The line of the template that raised, from the frame that Jinja2 compiled, and the part it is in."""
    line, part, trace = None, "", error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name == "<template>" or _part_of(name):
            line, part = trace.tb_lineno, _part_of(name)
        trace = trace.tb_next
    return line, part


def _part_of(filename: str) -> str:
    start, end = _PART.split("{}")
    return filename[len(start) : -len(end)] if filename.startswith(start) else ""


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Say that we are ready, then answer until the other side is gone."""
    parent = os.getppid()
    _write({}, answers=answers)
    while _has_request(requests, parent=parent):
        head = requests.read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            return
        body = requests.read(_LENGTH.unpack(head)[0])
        _write(answer(json.loads(body)), answers=answers)


def _write(made: Mapping[str, Any], *, answers: IO[bytes]) -> None:
    written = json.dumps(made).encode()
    answers.write(_LENGTH.pack(len(written)) + written)
    answers.flush()


def _has_request(requests: IO[bytes], *, parent: int) -> bool:
    """Wait for a request. A sibling that was forked may hold the pipe open: so look for the parent too."""
    while True:
        ready, _, _ = select.select([requests], [], [], ORPHAN_CHECK_SECONDS)
        if ready:
            return True
        if os.getppid() != parent:
            return False


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    requests = os.fdopen(0, "rb", buffering=0)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a stray print must not be taken for an answer
    serve(cast(IO[bytes], _Exactly(requests)), answers)
    sys.exit(0)


class _Exactly:
    """Unbuffered reading, so that `select` sees what is left, of exactly as many bytes as asked for."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw

    def fileno(self) -> int:
        return self._raw.fileno()

    def read(self, length: int) -> bytes:
        pieces: list[bytes] = []
        while length > 0:
            piece = self._raw.read(length)
            if not piece:
                break
            pieces.append(piece)
            length -= len(piece)
        return b"".join(pieces)


if __name__ == "__main__":
    main()
