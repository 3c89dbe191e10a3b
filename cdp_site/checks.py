"""System checks of the site: what `manage.py check` and `migrate` refuse to go on with."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from cdp_site.embedded.binaries import FLOOR


def check_database(*, databases: Sequence[str] | None = None, **_kwargs: Any) -> list[CheckMessage]:
    """Refuse a PostgreSQL older than what the tests run on, and any other database."""
    errors: list[CheckMessage] = []
    for alias in databases or ():
        errors += check_connection(connections[alias])
    return errors


def check_connection(connection: BaseDatabaseWrapper) -> list[CheckMessage]:
    if connection.vendor != "postgresql":
        return [Error("DATABASE_URL must name a PostgreSQL server.", id="wayfare.E001")]
    connection.ensure_connection()
    version: int = connection.connection.info.server_version
    if version >= FLOOR * 10_000:
        return []
    text = f"The server is PostgreSQL {version // 10_000}; {FLOOR} is the oldest that works."
    return [Error(text, id="wayfare.E002")]
