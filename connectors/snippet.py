"""Serve `/wayfare.js`, the script that sites paste into their pages."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.http import parse_etags
from django.views.decorators.http import require_safe

from cdp_site.web import public_page

_FRESH_SECONDS = 3600  # a new version reaches every page within the hour


@dataclass(frozen=True, slots=True, kw_only=True)
class _Script:
    plain: bytes
    packed: bytes
    etag: str


@public_page
@require_safe
def snippet(request: HttpRequest) -> HttpResponse:
    """Give the script; any site may load it, also one that isolates itself from others."""
    script = _script()
    is_packed = "gzip" in request.headers.get("Accept-Encoding", "")
    if script.etag in parse_etags(request.headers.get("If-None-Match", "")):
        response = HttpResponse(status=304)
    else:
        response = HttpResponse(script.packed if is_packed else script.plain)
        response["Content-Type"] = "text/javascript; charset=utf-8"
        response["Content-Length"] = str(len(response.content))
        if is_packed:
            response["Content-Encoding"] = "gzip"
    response["ETag"] = script.etag
    response["Vary"] = "Accept-Encoding"
    response["Cache-Control"] = f"public, max-age={_FRESH_SECONDS}"
    response["Access-Control-Allow-Origin"] = "*"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    response["X-Content-Type-Options"] = "nosniff"
    return response


@lru_cache(maxsize=1)
def _script() -> _Script:
    plain = (settings.BASE_DIR / "cdp_site" / "static" / "wayfare.js").read_bytes()
    return _Script(
        plain=plain,
        packed=gzip.compress(plain, 9, mtime=0),
        etag=f'W/"{hashlib.sha256(plain).hexdigest()[:20]}"',  # weak: packed and plain are one script
    )
