"""Rows into the inbox: the one write that a client waits for."""

import select
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import psycopg
from django.db import connection
from django.db.models import Max, Min

from profiles.models import Inbox

_ROW = "(%s, %s, %s, %s)"


def put_rows(lanes: Mapping[int, bytes], *, source_id: int, received_at: datetime) -> None:
    """Insert one row per lane in one statement; outside a transaction it is durable on return.

    The driver's own cursor binds values on the server: Django's would write a body out as escaped text
    and have it parsed again, which costs more than storing it.
    """
    values = [value for lane, body in lanes.items() for value in (lane, source_id, received_at, body)]
    statement = "INSERT INTO profiles_inbox (lane, source_id, received_at, body) VALUES "
    rows = ", ".join([_ROW] * len(lanes))
    with connection.wrap_database_errors:
        psycopg.Cursor(_live_connection()).execute(statement + rows, values)


def waiting_rows() -> int:
    """Estimate how many rows wait, from the ends of the primary key: never fewer than there are."""
    ends = Inbox.objects.aggregate(first=Min("id"), last=Max("id"))
    return 0 if ends["first"] is None else ends["last"] - ends["first"] + 1


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
