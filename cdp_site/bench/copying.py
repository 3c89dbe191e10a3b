"""PostgreSQL's COPY into a table like that of the events: the limit of storing."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
from django.db import connection

from cdp_site.bench.load import share

_TABLE = "wayfare_bench_event"
_COPY = f"COPY {_TABLE} FROM STDIN"
_BLOCKS = 40  # different ones, copied in turn
_START = datetime(2026, 11, 1, tzinfo=UTC)


@contextmanager
def copying(*, connections: int, rows: int) -> Iterator[Callable[[float], Mapping[str, float]]]:
    """Give a function that copies blocks of `rows` events, each its own transaction, for some seconds.

    The table is made for it and dropped: the columns, indexes and monthly partitions of the event table.
    """
    blocks = [_block(rows) for _ in range(_BLOCKS)]
    with ExitStack() as stack:
        drivers = [stack.enter_context(_connect()) for _ in range(connections)]
        _make_table(drivers[0])
        stack.callback(drivers[0].execute, f"DROP TABLE {_TABLE}")
        yield lambda seconds: _copy(drivers, blocks=blocks, seconds=seconds)


def _copy(
    drivers: Sequence[psycopg.Connection[Any]], *, blocks: Sequence[bytes], seconds: float
) -> Mapping[str, float]:
    times: list[float] = []
    stop_at = time.perf_counter() + seconds

    def work(driver: psycopg.Connection[Any], place: int) -> None:
        while (began := time.perf_counter()) < stop_at:
            with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
                copy.write(blocks[place % len(blocks)])
            place += 1
            times.append(time.perf_counter() - began)

    threads = [
        threading.Thread(target=work, args=pair) for pair in zip(drivers, range(len(drivers)), strict=True)
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times.sort()
    return {
        "calls": len(times),
        "seconds": time.perf_counter() - began,
        "p50_ms": share(times, 0.5) * 1e3,
        "p99_ms": share(times, 0.99) * 1e3,
    }


def _connect() -> psycopg.Connection[Any]:
    wrapper = connection.copy()
    driver: psycopg.Connection[Any] = wrapper.get_new_connection(wrapper.get_connection_params())
    driver.autocommit = True
    return driver


def _make_table(driver: psycopg.Connection[Any]) -> None:
    driver.execute(f"DROP TABLE IF EXISTS {_TABLE}")  # left by a run that was killed
    driver.execute(f"CREATE TABLE {_TABLE} (LIKE profiles_event INCLUDING ALL) PARTITION BY RANGE (ts)")
    for month in range(1, 13):
        start, end = f"2026-{month:02}-01", f"2026-{month + 1:02}-01" if month < 12 else "2027-01-01"
        driver.execute(
            f"CREATE TABLE {_TABLE}_{month} PARTITION OF {_TABLE} FOR VALUES FROM ('{start}') TO ('{end}')"
        )


def _block(rows: int) -> bytes:
    lines = []
    for place in range(rows):
        at = (_START + timedelta(seconds=place)).isoformat()
        properties = (
            f'{{"product_id": "p{place}", "price": {place}.5, "quantity": {place}, "category": "shoes"}}'
        )
        context = (
            f'{{"page": {{"path": "/p/{place}", "referrer": "", "url": "https://shop.example/p/{place}"}},'
            ' "userAgent": "Mozilla/5.0 (X11; Linux x86_64)", "locale": "en-GB"}'
        )
        line = [place, at, 7, place, uuid4(), at, place, 1, "\\N", f"/p/{place}", properties, context]
        lines.append("\t".join(map(str, line)))
    return ("\n".join(lines) + "\n").encode()
