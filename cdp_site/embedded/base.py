"""Django's database backend for the embedded server (the framework wants this file name).

It is Django's own for PostgreSQL; only, where a connection fails because no server runs, it starts
one. So every command, web worker and task has a database, also after a crash of the server, and a
process that opens no connection (type checker, `db status`) starts nothing.
"""

from typing import Any

import psycopg
from django.db.backends.postgresql import base as postgresql

from cdp_site.embedded.error import EmbeddedError
from cdp_site.embedded.lock import has_keeper
from cdp_site.embedded.start import ensure, is_up


class DatabaseWrapper(postgresql.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        try:
            return super().get_new_connection(conn_params)
        except psycopg.OperationalError:
            server = self.settings_dict["SERVER"]
            # Up, and the fault is another: no such database, no connection left. Or its keeper is about
            # to start it: who asks meanwhile is told at once, a web request better than a minute later.
            if is_up(server) or has_keeper(server):
                raise
            try:
                ensure(server)
            except EmbeddedError as error:  # to Django's users a database that is away, like any other
                raise psycopg.OperationalError(str(error)) from error
        return super().get_new_connection(conn_params)
