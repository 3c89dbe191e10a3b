"""From a visitor's click to the outbox row: the product as it runs, everything on this machine.

A journey with one step answers each event with a CRM task. Events go in over HTTP at a steady rate; a
listener notes when the row that answers one is committed. Beside it: what a bare commit of one row takes.
"""

import base64
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from uuid import uuid4

from django.conf import settings
from django.db import connection
from django.utils import timezone

from connectors.models import Connection, Delivery, Source
from connectors.source_services import SourceDraft, make_source
from journeys.models import Journey, JourneyVersion
from segments.models import RulesRevision

_START_SECONDS = 60
_CLIENTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyRow:
    """One line of the table; milliseconds."""

    what: str
    events: int
    p50_ms: float
    p99_ms: float


def measure(*, seconds: float = 10, rates: tuple[int, ...] = (20, 200)) -> list[LatencyRow]:
    """Start the product, send events at each rate, and time their answers."""
    source = make_source(
        SourceDraft(slug=f"latency-{uuid4().hex[:8]}", name="Latency", trust=Source.Trust.SERVER),
        actor="command:bench",
    )
    rows = [_one_row_a_commit()]
    with _journey(), _product() as port:
        _send(port, key=source.write_key, rate=20, seconds=3, mark="warm")  # caches and connections
        time.sleep(1)
        for rate in rates:
            mark = f"{rate}-{uuid4().hex[:6]}"
            with _listener(mark) as answered:
                sent = _send(port, key=source.write_key, rate=rate, seconds=seconds, mark=mark)
                _wait(lambda sent=sent, answered=answered: len(answered) >= len(sent))
            times = sorted((answered[user] - at) * 1e3 for user, at in sent.items())
            rows.append(
                LatencyRow(
                    what=f"event to outbox row at {rate} a second",
                    events=len(times),
                    p50_ms=median(times),
                    p99_ms=times[int(len(times) * 0.99)],
                )
            )
    return rows


def _one_row_a_commit(count: int = 300) -> LatencyRow:
    times = []
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_row (id int)")
        for number in range(count):
            began = time.perf_counter()
            cursor.execute("INSERT INTO bench_row VALUES (%s)", [number])
            times.append((time.perf_counter() - began) * 1e3)
        cursor.execute("DROP TABLE bench_row")
    times.sort()
    return LatencyRow(
        what="PostgreSQL: one row a commit",
        events=count,
        p50_ms=median(times),
        p99_ms=times[int(count * 0.99)],
    )


@contextmanager
def _journey() -> Iterator[None]:
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
    try:
        yield
    finally:
        Delivery.objects.filter(journey_id=journey.pk).delete()
        journey.delete()


@contextmanager
def _product() -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    product = subprocess.Popen(
        [sys.executable, "manage.py", "up"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "PORT": str(port)},
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait(lambda: _is_ready(port), seconds=_START_SECONDS)
        yield port
    finally:
        product.terminate()
        product.wait(timeout=_START_SECONDS)


def _is_ready(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            pass
        call = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        call.request("GET", "/readyz")
        return call.getresponse().status == 200
    except OSError:
        return False


def _wait(is_done: object, *, seconds: float = 30) -> None:
    assert callable(is_done)
    ends_at = time.monotonic() + seconds
    while not is_done():
        if time.monotonic() > ends_at:
            raise TimeoutError("the product did not answer in time")
        time.sleep(0.05)


def _send(port: int, *, key: str, rate: int, seconds: float, mark: str) -> dict[str, float]:
    """Send events at a steady rate from a few clients; give when each was sent."""
    sent: dict[str, float] = {}
    began = time.time()
    count = int(rate * seconds)

    def client(first: int) -> None:
        call = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        credentials = base64.b64encode(f"{key}:".encode()).decode()
        for number in range(first, count, _CLIENTS):
            time.sleep(max(0.0, began + number / rate - time.time()))
            user = f"{mark}-{number}"
            body = json.dumps({"userId": user, "event": "Latency Probed", "messageId": user})
            sent[user] = time.time()
            call.request("POST", "/v1/track", body, {"Authorization": f"Basic {credentials}"})
            call.getresponse().read()
        call.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sent


@contextmanager
def _listener(mark: str) -> Iterator[dict[str, float]]:
    """Note when the outbox row of each user's event is committed: the drain notifies with its commit."""
    answered: dict[str, float] = {}
    is_over = threading.Event()
    is_listening = threading.Event()

    def listen() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT coalesce(max(id), 0) FROM connectors_delivery")
                last = cursor.fetchone()[0]
                cursor.execute("LISTEN deliveries")
                is_listening.set()
                while not is_over.is_set():
                    for _ in connection.connection.notifies(timeout=0.2, stop_after=1):
                        at = time.time()
                        cursor.execute(
                            "SELECT d.id, i.value FROM connectors_delivery AS d"
                            " JOIN profiles_identity AS i ON i.person_id = d.person_id WHERE d.id > %s",
                            [last],
                        )
                        for id_, user in cursor.fetchall():
                            last = max(last, id_)
                            if user.startswith(mark):
                                answered.setdefault(user, at)
        finally:
            connection.close()

    thread = threading.Thread(target=listen)
    thread.start()
    is_listening.wait(timeout=10)
    try:
        yield answered
    finally:
        is_over.set()
        thread.join()
