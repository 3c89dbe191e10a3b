"""The program of the child that fills templates in; run by its path.

Reads requests and writes answers, each a JSON text after its length in four bytes. Imports neither
Django nor anything of ours, so that a template that breaks out of the sandbox finds nothing to take.
"""

import json
import os
import re
import resource
import select
import struct
import sys
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import IO, Any, cast
from zoneinfo import ZoneInfo

import mjml
from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, Undefined
from jinja2.environment import Template, TemplateExpression
from jinja2.sandbox import ImmutableSandboxedEnvironment

MEMORY_BYTES = 768 * 1024 * 1024
LONGEST_OUTPUT = 1_000_000  # characters; mail programs clip at a tenth of it
DEEPEST_FIELDS = 10
ORPHAN_CHECK_SECONDS = 5
_ONE_EXPRESSION = re.compile(r"\s*\{\{(?![{%#-])((?:(?!\}\}|\{\{).)+?)\}\}\s*", re.DOTALL)
_LENGTH = struct.Struct("!I")


class Refused(Exception):
    """The template cannot be filled in; the text says why, to the person who wrote it."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2 without a way out; names of customer data are keys, never methods of a dictionary."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Mapping):
            return obj[argument] if argument in obj else self.undefined(obj=obj, name=argument)
        return super().getitem(obj, argument)


_HTML = _Sandbox(undefined=StrictUndefined, autoescape=True)
_PLAIN = _Sandbox(undefined=StrictUndefined, autoescape=False)


@lru_cache(maxsize=200)
def _html_template(source: str) -> Template:
    return _HTML.from_string(source)


@lru_cache(maxsize=500)
def _plain_template(source: str) -> Template:
    return _PLAIN.from_string(source)


@lru_cache(maxsize=500)
def _expression(source: str) -> TemplateExpression:
    return _PLAIN.compile_expression(source, undefined_to_none=False)


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Do what is asked; {"error", "line"} for a template at fault."""
    variables = _with_instant(request.get("variables", {}))
    try:
        match request["do"]:
            case "mail":
                return _mail(request["subject"], body=request["body"], variables=variables)
            case "fields":
                return {"fields": _fields(request["fields"], variables=variables, depth=0)}
            case "check":
                return _check(request["texts"])
            case unknown:
                raise ValueError(f"nothing to do for {unknown!r}")
    except TemplateSyntaxError as error:
        return {"error": error.message or "The template cannot be read.", "line": error.lineno}
    except (TemplateError, Refused) as error:
        return {"error": str(error), "line": _line_of(error)}
    except MemoryError:
        return {"error": "The template needs too much memory.", "line": None}
    except RecursionError:
        return {"error": "The template is nested too deeply.", "line": None}
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # What an expression of the template can raise: 1 / 0, a filter applied to the wrong type.
        return {"error": f"{type(error).__name__}: {error}"[:500], "line": _line_of(error)}


def _mail(subject: str, *, body: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    line = " ".join(_filled(_plain_template(subject), variables=variables).split())
    text = _filled(_html_template(body), variables=variables)
    return {"subject": line, "html": _html_of(text)}


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


def _check(texts: Mapping[str, str]) -> dict[str, Any]:
    """Read the templates without filling them in."""
    for name, text in texts.items():
        try:
            _plain_template(text)
        except TemplateSyntaxError as error:
            return {"error": error.message or "", "line": error.lineno, "name": name}
    return {}


def _with_instant(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Make `now` an instant that templates can compare and format, in the person's own zone."""
    given = dict(variables)
    if isinstance(given.get("now"), str):
        given["now"] = datetime.fromisoformat(given["now"])
    zone = given.pop("zone", None)
    if zone and "now" in given:
        given["now"] = given["now"].astimezone(ZoneInfo(zone))
    return given


def _line_of(error: BaseException) -> int | None:
    """The line of the template that raised: the frame that Jinja2 compiled."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


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
