"""Read the instants of rows fast: they are in nearly every row that the pipeline reads.

The session's zone is UTC, so PostgreSQL writes `2026-06-01 12:00:00.25+00`, which the standard library reads
in C. Django's loader goes through a regular expression in Python, at fifteen times the cost.
"""

from datetime import UTC, datetime
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.abc import Buffer
from psycopg.types.datetime import TimestamptzLoader


class InstantLoader(TimestamptzLoader):
    """Reads a `timestamptz` in UTC."""

    timezone = UTC  # Django asks for it

    def load(self, data: Buffer) -> datetime:
        try:
            return datetime.fromisoformat(str(data, "ascii"))
        except ValueError:  # before our era, or infinity: the general loader has the words for it
            return super().load(data)


def read_instants_fast(*, connection: BaseDatabaseWrapper, **_signal: Any) -> None:
    """Prepare a new connection."""
    if connection.vendor == "postgresql" and connection.timezone == UTC:
        connection.connection.adapters.register_loader("timestamptz", InstantLoader)
