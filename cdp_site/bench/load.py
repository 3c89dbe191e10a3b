"""A load generator of raw sockets: its own process, so that its work is not counted as the server's.

    python -m cdp_site.bench.load < {"port", "requests": [base64, …], "connections", "seconds"}

prints {"calls", "seconds", "p50_ms", "p99_ms"}. Every answer must be a 200.
"""

import base64
import json
import socket
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

_PATIENCE = 10.0  # seconds for one answer


def run(*, port: int, requests: Sequence[bytes], connections: int, seconds: float) -> dict[str, Any]:
    """Send the requests over and over on keep-alive connections and measure."""
    stop_at = time.perf_counter() + seconds
    times: list[float] = []
    faults: list[BaseException] = []

    def work(first: int) -> None:
        try:
            times.extend(_send_until(stop_at, port=port, requests=requests, first=first))
        except BaseException as fault:  # told to whoever started the thread
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(connections)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    times.sort()
    return {
        "calls": len(times),
        "seconds": time.perf_counter() - began,
        "p50_ms": share(times, 0.5) * 1e3,
        "p99_ms": share(times, 0.99) * 1e3,
    }


def _send_until(stop_at: float, *, port: int, requests: Sequence[bytes], first: int) -> list[float]:
    times = []
    place = first
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while (began := time.perf_counter()) < stop_at:
            connection.sendall(requests[place % len(requests)])
            place += 1
            _expect_200(connection)
            times.append(time.perf_counter() - began)
    return times


def _expect_200(connection: socket.socket) -> None:
    answer = b""
    while not answer.endswith(b"}"):  # our answers are one JSON object
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionError("the server hung up")
        answer += piece
    if b" 200 " not in answer[:20]:
        raise ValueError(answer.decode(errors="replace"))


def share(ordered: Sequence[float], part: float) -> float:
    """Give the value below which this part of the ordered values lies."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


if __name__ == "__main__":
    order = json.load(sys.stdin)
    order["requests"] = [base64.b64decode(text) for text in order["requests"]]
    json.dump(run(**order), sys.stdout)
