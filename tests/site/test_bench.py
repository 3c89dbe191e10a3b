"""The benchmarks end: in time, with a reason, and leaving nothing behind. What they measure is not tested."""

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from cdp_site.bench import latency
from cdp_site.bench.running import Missed
from cdp_site.management.commands import bench
from tests import build

DELAY = 0.1


def test_parts__none_named_is_no_mistake() -> None:
    parser = bench.Command().create_parser("manage.py", "bench")
    assert parser.parse_args([]).parts == []  # and then all are measured
    assert parser.parse_args(["latency", "drain"]).parts == ["latency", "drain"]


def test_parts__an_unknown_one_is_refused() -> None:
    with pytest.raises(CommandError, match="nonsense"):
        call_command("bench", "drain", "nonsense")


@contextmanager
def door(*, status: int = 200, take: Callable[[str], None] | None = None) -> Iterator[int]:
    """Serve what answers as the door does and hands each user id to `take`; give its port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5  # for a client that neither calls nor hangs up

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")
            if take is not None:
                take(msgspec.json.decode(body)["userId"])

        def log_message(self, *_: object) -> None:
            """Keep silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = False  # so that closing waits for what they do in the database
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.django_db
def test_latency__names_events_without_a_row_and_ends() -> None:
    began = time.monotonic()
    with door() as port, pytest.raises(Missed, match=re.escape("4 of 4 events sent at 40 a second")):
        latency.response_times(port, key="k", rate=40, seconds=0.1, patience=0.2)
    assert time.monotonic() - began < 10


@pytest.mark.django_db
def test_latency__a_door_that_refuses_ends_it_at_once() -> None:
    with door(status=401) as port, pytest.raises(Missed, match="401"):
        latency.response_times(port, key="wrong", rate=40, seconds=0.1, patience=60)


@pytest.mark.django_db(transaction=True)
def test_latency__counts_until_the_row_is_committed() -> None:
    def answer(user: str) -> None:
        time.sleep(DELAY)
        try:
            person = build.person(identities={"user_id": user})
            build.delivery(person=person, state="queued", destination="connection:x")
        finally:
            connection.close()

    with door(take=answer) as port:
        times = latency.response_times(port, key="k", rate=40, seconds=0.1)
    assert len(times) == 4
    assert times == sorted(times)
    assert times[0] >= DELAY


def test_bench__only_the_first_signal_ends_it() -> None:
    before = signal.getsignal(signal.SIGTERM)
    done: list[str] = []

    def measure() -> None:
        with bench._ended_once():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                done.append("measured on")
            finally:
                os.kill(os.getpid(), signal.SIGTERM)
                done.append("tidied up")

    with pytest.raises(SystemExit) as ended:
        measure()
    assert done == ["tidied up"]
    assert ended.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before
