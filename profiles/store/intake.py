"""Rows into the inbox: the one write that a client waits for."""

import select
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import psycopg
from django.db import DatabaseError, connection
from django.db.models import Max, Min
from psycopg import pq

from profiles.models import Inbox

_INSERT = "INSERT INTO profiles_inbox (source_id, received_at, lane, body) VALUES "


def put_rows(lanes: Mapping[int, bytes], *, source_id: int, received_at: datetime) -> None:
    """Insert one row per lane in one statement; outside a transaction it is durable on return."""
    values = [str(source_id).encode(), received_at.isoformat().encode()]
    for lane, body in lanes.items():
        values += [b"%d" % lane, body]
    driver = _live_connection()
    if driver.autocommit:
        _insert(driver, values)
    else:
        _insert_in_transaction(driver, values)


def waiting_rows() -> int:
    """Estimate how many rows wait, from the ends of the primary key: never fewer than there are."""
    ends = Inbox.objects.aggregate(first=Min("id"), last=Max("id"))
    return 0 if ends["first"] is None else ends["last"] - ends["first"] + 1


def _insert(driver: psycopg.Connection[Any], values: list[bytes]) -> None:
    # libpq itself: a cursor costs more than everything else that is done for a small request.
    formats = [
        pq.Format.BINARY if place > 1 and place % 2 else pq.Format.TEXT for place in range(len(values))
    ]
    result = driver.pgconn.exec_params(_statement(len(values)), values, param_formats=formats)
    if result.status != pq.ExecStatus.COMMAND_OK:
        connection.errors_occurred = True  # Django then looks whether the connection is still of use
        raise DatabaseError(result.get_error_message())


def _insert_in_transaction(driver: psycopg.Connection[Any], values: list[bytes]) -> None:
    # The driver begins a transaction with its first statement, which libpq knows nothing of.
    texts = [value if place > 1 and place % 2 else value.decode() for place, value in enumerate(values)]
    with connection.wrap_database_errors:
        psycopg.RawCursor(driver).execute(_statement(len(values)), texts)


@lru_cache(maxsize=32)
def _statement(count: int) -> bytes:
    rows = ", ".join(
        f"($1::int, $2::timestamptz, ${place}::smallint, ${place + 1}::bytea)" for place in range(3, count, 2)
    )
    return (_INSERT + rows).encode()


def _live_connection() -> psycopg.Connection[Any]:
    """Give the thread's connection, made anew if the server has hung up since the last request.

    Looking at the socket costs a system call; asking the server, as Django's health check does, costs a
    round trip that would be a third of a small request.
    """
    connection.ensure_connection()
    if not connection.in_atomic_block and _has_hung_up(connection.connection):
        connection.close()
        connection.ensure_connection()
    driver: psycopg.Connection[Any] = connection.connection
    return driver


def _has_hung_up(driver: psycopg.Connection[Any]) -> bool:
    if driver.closed:
        return True
    poll = select.poll()
    poll.register(driver.fileno(), select.POLLIN)
    return bool(poll.poll(0))  # an idle server has nothing to say but good-bye
