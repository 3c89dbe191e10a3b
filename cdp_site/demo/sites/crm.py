"""A CRM that speaks the wire format of the generic CRM channel and shows what it was told.

It takes actions at /deals, /tasks, /contacts and /notes, refuses a wrong token, and answers a repeated
idempotency key with the record it made the first time. A task can be marked as done on its page; the CRM
then calls back with a signed message, as CRMs do.
"""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

import httpx
from standardwebhooks import Webhook

from cdp_site.demo.sites.serving import NOT_FOUND, Pages, Reply, Request, json_reply, see_other

_SECONDS = 10
_PREFIXES: Final = {"/deals": "D", "/tasks": "T", "/contacts": "C", "/notes": "N"}


@dataclass(slots=True, kw_only=True)
class Record:
    """One thing the CRM was told to make."""

    id: str
    kind: str  # deals, tasks, contacts, notes
    at: datetime
    key: str  # the idempotency key it came with
    contact: Mapping[str, Any]
    fields: Mapping[str, Any]
    origin: Mapping[str, Any]  # journey, run and step
    told: int = 1  # how often; more than once after a retry
    is_done: bool = False

    @property
    def person(self) -> str:
        """Who it is about, in the best words there are."""
        known = (self.contact.get(name) for name in ("email", "user_id", "person_id"))
        return next((str(value) for value in known if value), "")


@dataclass(slots=True, kw_only=True)
class Crm:
    """The CRM's memory and its pages.

    Args:
        token: what its callers must carry.
        callback_url: where it reports what its people do.
        callback_secret: signs these reports, `whsec_…`.
    """

    token: str
    callback_url: str
    callback_secret: str
    _records: dict[str, Record] = field(default_factory=dict)  # by idempotency key
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pages: Pages = field(default_factory=Pages)

    @property
    def records(self) -> Sequence[Record]:
        """Everything made so far, oldest first."""
        with self._lock:
            return list(self._records.values())

    def answer(self, request: Request) -> Reply:
        """Answer one request."""
        if request.method != "POST":
            return self._page() if request.path == "/" else NOT_FOUND
        if request.path == "/done":
            self.finish(request.form().get("id", ""))
            return see_other("/")
        if request.path not in _PREFIXES:
            return NOT_FOUND
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return json_reply({"error": "wrong token"}, status=HTTPStatus.UNAUTHORIZED)
        return self._take(request)

    def finish(self, record_id: str) -> None:
        """Mark a task as done and report it."""
        record = next((record for record in self.records if record.id == record_id), None)
        if record is None or record.kind != "tasks" or record.is_done:
            return
        record.is_done = True
        now = datetime.now(UTC)
        message_id = f"msg_{uuid4().hex}"
        body = json.dumps(
            {
                "type": "task.completed",
                "timestamp": now.isoformat(),
                "data": {"object_id": record.id, "delivery_id": record.key, "result": "reached"},
            }
        )
        signature = Webhook(self.callback_secret).sign(message_id, now, body)
        httpx.post(
            self.callback_url,
            content=body,
            headers={
                "Content-Type": "application/json",
                "webhook-id": message_id,
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": signature,
            },
            timeout=_SECONDS,
        ).raise_for_status()

    def _take(self, request: Request) -> Reply:
        try:
            body = json.loads(request.body)
            contact, fields = body["contact"], body["fields"]
        except (ValueError, KeyError, TypeError):
            return json_reply({"error": "contact and fields are needed"}, status=HTTPStatus.BAD_REQUEST)
        key = request.headers.get("idempotency-key", "")
        with self._lock:
            known = self._records.get(key)
            if known is not None:
                known.told += 1
                return json_reply({"id": known.id})
            made = Record(
                id=f"{_PREFIXES[request.path]}-{len(self._records) + 1:04}",
                kind=request.path.strip("/"),
                at=datetime.now(UTC),
                key=key,
                contact=contact,
                fields=fields,
                origin={name: body.get(name) for name in ("journey", "run", "step")},
            )
            self._records[key] = made
        return json_reply({"id": made.id}, status=HTTPStatus.CREATED)

    def _page(self) -> Reply:
        records = sorted(self.records, key=lambda record: record.at, reverse=True)
        return Reply(body=self._pages.render("crm.html", {"records": records}), headers={"Refresh": "5"})
