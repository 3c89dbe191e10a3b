"""How much the HTTP door costs, beside the least that each of its parts could cost.

Measured in one run, in turns: the product behind granian, a bare granian that only reads the body and
answers, and PostgreSQL's COPY of 100 rows a transaction into a table like that of the events. CPU time is
what counts, of the web worker and of PostgreSQL's backends: wall time says little on a shared machine.

Run it with the workers stopped: what it sends waits in the inbox and is removed at the end.
"""

import base64
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

import psutil
from django.conf import settings
from django.db import connection

from cdp_site.bench.copying import copying
from connectors.models import Source
from connectors.source_services import SourceDraft, make_source
from profiles.models import Inbox

BATCH = 100
CONNECTIONS = 4
_BODIES = 40  # different ones, sent in turn
_START_SECONDS = 30
_GENERATE_SECONDS = 120  # far above what a round lasts
_PRODUCT = "cdp_site.wsgi:application"
_ECHO = "cdp_site.bench.echo:application"
CASES: Mapping[str, tuple[int, int]] = {  # people, events a request
    "one person's batches": (1, BATCH),
    "100 people's batches": (BATCH, BATCH),
    "single events": (1, 1),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    what: str
    events_per_second: float
    events_per_cpu_second: float
    client_us: float  # CPU microseconds a request of the web worker; for COPY of its client
    database_us: float
    p50_ms: float
    p99_ms: float
    share_of_copy: float = 0.0  # events per CPU second, as a part of COPY's


@dataclass(frozen=True, slots=True)
class _Cpu:
    """CPU seconds used so far."""

    client: float
    database: float


def measure(*, seconds: float = 5, rounds: int = 3) -> list[Row]:
    """Measure each in turns and give its median round.

    Returns:
        One row for each of CASES, one for each through the bare server, and one for COPY.
    """
    rounds_of: dict[str, list[Row]] = {}
    with _a_source() as source, _served(_PRODUCT) as product, _served(_ECHO) as echo:
        loads = {
            what: _requests(people=people, events=events, key=source.write_key)
            for what, (people, events) in CASES.items()
        }
        for _ in range(rounds):
            rounds_of.setdefault("COPY", []).append(_measure_copy(seconds=seconds))
            for what, (_people, events) in CASES.items():
                for prefix, port in (("", product), ("bare granian: ", echo)):
                    row = _measure_server(
                        prefix + what, port=port, requests=loads[what], events=events, seconds=seconds
                    )
                    rounds_of.setdefault(row.what, []).append(row)
    return _with_shares([_median(rows) for rows in rounds_of.values()])


def _measure_server(what: str, *, port: int, requests: Sequence[bytes], events: int, seconds: float) -> Row:
    order = {
        "port": port,
        "requests": [base64.b64encode(request).decode() for request in requests],
        "connections": CONNECTIONS,
        "seconds": seconds,
    }
    worker = _worker_on(port)
    _generate(order | {"seconds": 1})  # warm up
    before = _cpu(worker)
    told = _generate(order)
    return _row(what, told, events=events, before=before, after=_cpu(worker))


def _measure_copy(*, seconds: float) -> Row:
    with copying(connections=CONNECTIONS, rows=BATCH) as copy:
        client = psutil.Process()
        copy(1)  # warm up
        before = _cpu(client)
        told = copy(seconds)
        return _row("COPY", told, events=BATCH, before=before, after=_cpu(client))


def _row(what: str, told: Mapping[str, float], *, events: int, before: _Cpu, after: _Cpu) -> Row:
    calls = told["calls"]
    client, database = after.client - before.client, after.database - before.database
    return Row(
        what=what,
        events_per_second=calls * events / told["seconds"],
        events_per_cpu_second=calls * events / (client + database),
        client_us=client / calls * 1e6,
        database_us=database / calls * 1e6,
        p50_ms=told["p50_ms"],
        p99_ms=told["p99_ms"],
    )


def _median(rows: Sequence[Row]) -> Row:
    return sorted(rows, key=lambda row: row.events_per_cpu_second)[len(rows) // 2]


def _with_shares(rows: Sequence[Row]) -> list[Row]:
    limit = next(row.events_per_cpu_second for row in rows if row.what == "COPY")
    return [replace(row, share_of_copy=row.events_per_cpu_second / limit) for row in rows]


def _generate(order: Mapping[str, object]) -> Mapping[str, float]:
    """Send requests from a process of its own, whose work is nobody's in the table."""
    done = subprocess.run(
        [sys.executable, "-m", "cdp_site.bench.load"],
        input=json.dumps(order).encode(),
        stdout=subprocess.PIPE,
        cwd=settings.BASE_DIR,
        check=True,
        timeout=_GENERATE_SECONDS,
    )
    told: dict[str, float] = json.loads(done.stdout)
    return told


def _worker_on(port: int) -> psutil.Process:
    """Find the server's worker: the child of ours that was told this port has one."""
    for server in psutil.Process().children():
        if str(port) in server.cmdline():
            return server.children()[0]
    raise ProcessLookupError(f"no server was started on port {port}")


def _cpu(client: psutil.Process) -> _Cpu:
    return _Cpu(client=_seconds(client), database=sum(_seconds(backend) for backend in _backends()))


def _backends() -> list[psutil.Process]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return [psutil.Process(pid) for (pid,) in cursor.fetchall()]


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _requests(*, people: int, events: int, key: str) -> list[bytes]:
    generator = random.Random(20261123)
    return [_request(generator, people=people, events=events, key=key) for _ in range(_BODIES)]


def _request(generator: random.Random, *, people: int, events: int, key: str) -> bytes:
    devices = [str(UUID(int=generator.getrandbits(128), version=4)) for _ in range(people)]
    messages = [_message(generator, device=devices[place % people]) for place in range(events)]
    sent_at = "2026-11-23T13:39:22.674Z"
    is_batch = events > 1
    body = json.dumps({"batch": messages, "sentAt": sent_at} if is_batch else messages[0]).encode()
    lines = [
        f"POST /v1/{'batch' if is_batch else 'track'} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Basic {base64.b64encode(f'{key}:'.encode()).decode()}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _message(generator: random.Random, *, device: str) -> dict[str, object]:
    """An event as browsers send it: some 450 bytes."""
    product = generator.randrange(100_000)
    return {
        "type": "track",
        "event": "Product Viewed",
        "anonymousId": device,
        "userId": None,
        "messageId": f"ajs-next-1795441162602-{UUID(int=generator.getrandbits(128), version=4)}",
        "timestamp": "2026-11-23T13:39:22.602Z",
        "properties": {"product_id": f"p{product}", "price": product / 100, "category": "shoes"},
        "context": {
            "page": {"path": f"/p/{product}", "referrer": "", "url": f"https://shop.example/p/{product}"},
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64)",
            "locale": "en-GB",
        },
    }


@contextmanager
def _a_source() -> Iterator[Source]:
    slug = f"bench-{uuid4().hex[:8]}"
    source = make_source(SourceDraft(slug=slug, name="Benchmark"), actor="command:bench")
    try:
        yield source
    finally:
        Inbox.objects.filter(source_id=source.pk).delete()
        source.delete()


@contextmanager
def _served(application: str) -> Iterator[int]:
    """Serve an application by one granian worker; give its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = ["-m", "granian", "--interface", "wsgi", "--workers", "1", "--no-ws", "--log-level", "warning"]
    command += ["--blocking-threads", str(CONNECTIONS), "--port", str(port), application]
    server = subprocess.Popen([sys.executable, *command], cwd=settings.BASE_DIR, env=os.environ)
    try:
        _wait_for(port)
        yield port
    finally:
        server.terminate()
        try:
            server.wait(timeout=_START_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_for(port: int) -> None:
    for _ in range(_START_SECONDS * 10):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"nothing answers on port {port}")
