"""Where the demo lives: a data directory and a database of its own, emptied at each start.

Nothing of the company's own installation is touched. With an embedded server that is another server, under
`demo/` of the data directory; with DATABASE_URL another database of the same server, `wayfare_demo`.
"""

import os
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.conf import settings
from django.db import connections
from psycopg import sql

from cdp_site import embedded
from cdp_site.embedded.lock import has_keeper

DATABASE = "wayfare_demo"
MARK = "WAYFARE_DEMO"  # set in the environment of the process that is the demo


class Occupied(Exception):
    """Something is in the way of the demo; the message says what."""


def is_here() -> bool:
    """Whether this process already has the demo's settings."""
    return os.environ.get(MARK) == "1"


def environment(*, port: int) -> dict[str, str]:
    """The environment in which the same settings module means the demo's place."""
    chosen = {
        MARK: "1",
        "WAYFARE_DATA": str(settings.WAYFARE_DATA / "demo"),
        "PORT": str(port),
        "BASE_URL": f"http://localhost:{port}",
        # The demo's CRM listens on loopback.
        "WAYFARE_ALLOW_PRIVATE_DESTINATIONS": "1",
        "EMAIL_URL": "",  # nobody is written to: mails lie in the outbox page
    }
    if settings.DATABASE_URL:
        chosen["DATABASE_URL"] = _beside(settings.DATABASE_URL)
    return {**os.environ, **chosen}


def refuse_if_occupied(*, port: int) -> None:
    """Make sure that nobody is using the place before anything in it is removed.

    Raises:
        Occupied: a demo is running, or something else listens on the port.
    """
    if not settings.DATABASE_URL and has_keeper(settings.EMBEDDED_SERVER):
        raise Occupied(f"a demo is running already, with its data in {settings.WAYFARE_DATA}")
    with socket.socket() as probe:
        probe.settimeout(2)
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise Occupied(f"something else listens on port {port}; choose another: make demo PORT=8001")


def empty_database() -> None:
    """Make the demo's database anew."""
    if not settings.DATABASE_URL:
        embedded.start(settings.EMBEDDED_SERVER, may_create_account=True)
    connections.close_all()
    own = settings.DATABASES["default"]
    name = sql.Identifier(str(own["NAME"]))
    with psycopg.connect(**_door_to(own), autocommit=True) as connection:
        # FORCE: workers of a demo that was killed may still hold connections.
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))


def _door_to(database: Mapping[str, object]) -> dict[str, Any]:
    """Connection parameters of the server's own database, which is always there."""
    keys = {"HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password"}
    given = {name: str(database[key]) for key, name in keys.items() if database.get(key)}
    return given | {"dbname": "postgres"}


def _beside(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{DATABASE}"))
