"""How the demo speaks to the product: two HTTP doors, one for messages, one for questions."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeVar

import httpx

Json = Any
T = TypeVar("T")

_INBOX_ROWS = re.compile(r"^wayfare_inbox_rows\{[^}]*\} (\S+)$", re.MULTILINE)
_SECONDS = 30.0
_PAUSE = 0.1
_MOST_PAGES = 1_000
_LATER = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


class Unexpected(Exception):
    """The product answered otherwise than promised, or something did not happen in time."""


@dataclass(frozen=True, slots=True)
class Door:
    """Messages in, with the write key of one source."""

    url: str
    write_key: str
    http: httpx.Client

    def tell(self, *messages: Mapping[str, Json], path: str = "batch") -> None:
        """Send messages as one batch; comes back later when it is asked to, a bounded number of times."""
        body = {"batch": list(messages), "sentAt": datetime.now(UTC).isoformat()}
        for _ in range(60):
            answer = self.http.post(f"{self.url}/v1/{path}", json=body, auth=(self.write_key, ""))
            if answer.status_code not in _LATER:
                break
            time.sleep(float(answer.headers.get("Retry-After", "1")))
        if answer.status_code != HTTPStatus.OK or answer.json().get("rejected"):
            raise Unexpected(f"POST /v1/{path}: {answer.status_code} {answer.text[:300]}")


@dataclass(frozen=True, slots=True)
class Api:
    """Questions and answers of the management API, with one person's token."""

    url: str
    token: str
    http: httpx.Client

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        """Read `/api/v1<path>`."""
        return self._answer("GET", f"{self.url}/api/v1{path}", params=query)

    def post(self, path: str, body: Mapping[str, Json]) -> Json:
        """Write to `/api/v1<path>`."""
        return self._answer("POST", f"{self.url}/api/v1{path}", json=body)

    def every(self, path: str, query: Mapping[str, str] | None = None) -> Iterator[Json]:
        """All items of a list, page by page."""
        page = self.get(path, {"limit": "200", **(query or {})})
        for _ in range(_MOST_PAGES):
            yield from page["results"]
            if not page["next"]:
                return
            page = self._answer("GET", page["next"])
        raise Unexpected(f"{path} has no end")

    def count(self, condition: Mapping[str, Json]) -> int:
        """How many people a condition holds for."""
        return int(self.post("/segments/preview/", {"condition": condition})["count"])

    def waiting(self) -> int:
        """How many requests wait in the inbox, by the numbers for monitors."""
        answer = self.http.get(f"{self.url}/metrics")
        rows = _INBOX_ROWS.findall(answer.text)
        if answer.is_error or not rows:
            raise Unexpected(f"GET /metrics: {answer.status_code}, and no rows of the inbox in it")
        return sum(int(float(number)) for number in rows)

    def person(self, identity: str) -> Json | None:
        """The person with this identity, `kind:value`, in full; None while there is nobody."""
        found = self.get("/people/", {"identity": identity})["results"]
        return self.get(f"/people/{found[0]['id']}/") if found else None

    def _answer(self, method: str, url: str, *, params: Any = None, json: Any = None) -> Json:
        answer = self.http.request(
            method, url, params=params, json=json, headers={"Authorization": f"Bearer {self.token}"}
        )
        if answer.is_error:
            raise Unexpected(f"{method} {url}: {answer.status_code} {answer.text[:500]}")
        return answer.json()


def new_http() -> httpx.Client:
    """A client for both doors; threads may share it."""
    return httpx.Client(timeout=_SECONDS)


def until(found: Callable[[], T | None], *, what: str, seconds: float, pause: float = _PAUSE) -> T:
    """Ask until there is an answer that is true.

    Raises:
        Unexpected: there was none in time; the message names `what`.
    """
    ends_at = time.monotonic() + seconds
    while True:
        answer = found()
        if answer:
            return answer
        if time.monotonic() > ends_at:
            raise Unexpected(f"{what}: not within {seconds:.0f} seconds")
        time.sleep(pause)


def batches_of(
    messages: Sequence[Mapping[str, Json]], *, size: int
) -> Iterator[Sequence[Mapping[str, Json]]]:
    """Cut messages into batches."""
    for start in range(0, len(messages), size):
        yield messages[start : start + size]
