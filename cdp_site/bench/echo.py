"""The least a web server can do: read the body and answer. The limit that the door is measured against."""

from collections.abc import Callable, Iterable
from typing import Any

_ANSWER = b'{"success": true}'


def application(
    environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], Any]
) -> Iterable[bytes]:
    """Answer as the door does, having only read the body."""
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(_ANSWER)))])
    return [_ANSWER]
