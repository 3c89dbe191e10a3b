"""From a visitor's click to the outbox row: the product as it runs, everything on this machine.

A journey with one step answers each event with a CRM task. Events of new people go in over HTTP at a
steady rate, while a reader asks every few milliseconds which of them have an outbox row. The time of an
event runs from when it was due to be sent, so that a door that holds up the next request is not flattered,
to when the reader had its row in hand: at most `_LOOK` and one query too long, never too short. Beside it:
what a bare commit of one row takes.
"""

import base64
import http.client
import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from uuid import uuid4

from django.db import connection
from django.utils import timezone

from cdp_site.bench.load import share
from cdp_site.bench.running import Missed, running_product
from connectors.models import Connection, Source
from connectors.source_services import SourceDraft, make_source
from journeys.models import Journey, JourneyVersion
from segments.models import RulesRevision

GOALS_MS = {20: 100.0, 200: 250.0}  # events a second -> what the slowest in a hundred may take
_CLIENTS = 4
_LOOK = 0.010  # seconds between two looks of the reader
_PATIENCE = 15.0  # seconds after the last event was due
_CALL = 10.0  # seconds one request may take
_WARM_UP = 3.0  # seconds at the first rate: caches and connections


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyRow:
    """One line of the table; milliseconds."""

    what: str
    events: int
    p50_ms: float
    p99_ms: float
    commits: float  # how many bare commits would have fit into the median
    goal_p99_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Probes:
    """Events sent at a steady rate."""

    mark: str
    rate: int
    count: int
    began: float  # monotonic

    def due(self, number: int) -> float:
        return self.began + number / self.rate

    def user(self, number: int) -> str:
        return f"{self.mark}-{number}"


def measure(*, seconds: float = 15, rates: Sequence[int] = tuple(GOALS_MS)) -> list[LatencyRow]:
    """Start the product, send events at each rate, and time their answers.

    Raises:
        Missed: events had no outbox row long after they were sent.
        Unexpected: the product does not start.
        OSError: the door did not answer a request.
    """
    source = make_source(
        SourceDraft(slug=f"latency-{uuid4().hex[:8]}", name="Latency", trust=Source.Trust.SERVER),
        actor="command:bench",
    )
    commit = _one_row_a_commit()
    rows = [_row("PostgreSQL: one row a commit", commit, commit=commit)]
    publish_probed()
    with running_product() as (port, _):
        response_times(port, key=source.write_key, rate=rates[0], seconds=_WARM_UP)
        for rate in rates:
            times = response_times(port, key=source.write_key, rate=rate, seconds=seconds)
            what = f"event to outbox row at {rate} a second"
            rows.append(_row(what, times, commit=commit, goal=GOALS_MS.get(rate)))
    return rows


def _row(
    what: str, times: Sequence[float], *, commit: Sequence[float], goal: float | None = None
) -> LatencyRow:
    p50 = share(times, 0.5)
    return LatencyRow(
        what=what,
        events=len(times),
        p50_ms=p50 * 1e3,
        p99_ms=share(times, 0.99) * 1e3,
        commits=p50 / share(commit, 0.5),
        goal_p99_ms=goal,
    )


def _one_row_a_commit(count: int = 300) -> list[float]:
    """Give the seconds that each of `count` commits took, in order of length."""
    times = []
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_row (id int)")
        for number in range(count):
            began = time.perf_counter()
            cursor.execute("INSERT INTO bench_row VALUES (%s)", [number])
            times.append(time.perf_counter() - began)
        cursor.execute("DROP TABLE bench_row")
    return sorted(times)


def publish_probed() -> None:
    """Publish by the tables: what is measured is not the doors for it."""
    Connection.objects.get_or_create(
        slug="bench-off", defaults={"name": "Never called", "kind": "crm", "is_active": False}
    )
    document = {
        "language": 1,
        "entry": {"on": {"event": "Latency Probed"}, "reentry": {"policy": "always"}},
        "steps": [
            {"id": "task", "kind": "crm", "connection": "bench-off", "action": "create_task", "fields": {}}
        ],
    }
    journey = Journey.objects.create(
        slug=f"latency-{uuid4().hex[:8]}", name="Latency", state=Journey.State.LIVE, draft=document
    )
    journey.live_version = JourneyVersion.objects.create(
        journey=journey, number=1, document=document, published_at=timezone.now(), published_by="bench"
    )
    journey.save(update_fields=["live_version"])
    RulesRevision.objects.update_or_create(id=1, defaults={"revision": time.time_ns() // 1000})


def response_times(
    port: int, *, key: str, rate: int, seconds: float, patience: float = _PATIENCE
) -> list[float]:
    """Send events at a steady rate; give the seconds until each one's row was there, in order of length."""
    probes = _Probes(
        mark=f"{rate}-{uuid4().hex[:8]}", rate=rate, count=int(rate * seconds), began=time.monotonic() + 0.1
    )
    is_over = threading.Event()
    with ThreadPoolExecutor(_CLIENTS) as clients:
        senders = [
            clients.submit(_send, probes, port=port, key=key, first=first, is_over=is_over)
            for first in range(_CLIENTS)
        ]
        try:
            seen = _read(probes, senders=senders, ends_at=probes.due(probes.count) + patience)
        finally:
            is_over.set()
    return sorted(at - probes.due(number) for number, at in seen.items())


def _send(probes: _Probes, *, port: int, key: str, first: int, is_over: threading.Event) -> None:
    """Send every so many-th event, as one of the clients."""
    credentials = base64.b64encode(f"{key}:".encode()).decode()
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=_CALL)) as call:
        for number in range(first, probes.count, _CLIENTS):
            if is_over.wait(max(0.0, probes.due(number) - time.monotonic())):
                return
            user = probes.user(number)
            body = json.dumps({"userId": user, "event": "Latency Probed", "messageId": user})
            call.request("POST", "/v1/track", body, {"Authorization": f"Basic {credentials}"})
            answer = call.getresponse()
            text = answer.read().decode(errors="replace")
            if answer.status != 200:
                raise Missed(f"the door answered {answer.status}: {text}")


def _read(probes: _Probes, *, senders: Sequence[Future[None]], ends_at: float) -> dict[int, float]:
    """Look for the outbox rows until all are there; give when each was seen first."""
    seen: dict[int, float] = {}
    waiting: dict[str, int] = {}
    sent = 0
    while len(seen) < probes.count:
        now = time.monotonic()
        for sender in senders:
            if sender.done():
                sender.result()  # raises what went wrong in it
        if now > ends_at:
            raise Missed(_what_is_missing(probes, seen=len(seen)))
        while sent < probes.count and probes.due(sent) <= now:
            waiting[probes.user(sent)] = sent
            sent += 1
        for user in _answered(list(waiting)) if waiting else ():
            seen[waiting.pop(user)] = time.monotonic()
        time.sleep(_LOOK)
    return seen


def _answered(users: list[str]) -> list[str]:
    """Of these users, those whose outbox row is committed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT value FROM profiles_identity AS i WHERE kind = 'user_id' AND value = ANY(%s)"
            " AND EXISTS (SELECT FROM connectors_delivery AS d WHERE d.person_id = i.person_id)",
            [users],
        )
        return [user for (user,) in cursor.fetchall()]


def _what_is_missing(probes: _Probes, *, seen: int) -> str:
    counts = {}
    with connection.cursor() as cursor:
        for table in ("profiles_inbox", "profiles_deadletter"):
            cursor.execute(f"SELECT count(*) FROM {table}")
            counts[table] = cursor.fetchone()[0]
    return (
        f"{probes.count - seen} of {probes.count} events sent at {probes.rate} a second had no outbox row in"
        f" time; {counts['profiles_inbox']} requests wait in the inbox,"
        f" {counts['profiles_deadletter']} messages were kept aside"
    )
