"""Django's database backend for the embedded server (the framework wants this file name).

It is Django's own for PostgreSQL; only, where a connection fails because no server runs, it starts
one. So every command, web worker and task has a database, also after a crash of the server, and a
process that opens no connection (type checker, `db status`) starts nothing.
"""

from typing import Any

import psycopg
from django.db.backends.postgresql import base as postgresql

from cdp_site.embedded.start import ensure, is_up


class DatabaseWrapper(postgresql.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        try:
            return super().get_new_connection(conn_params)
        except psycopg.OperationalError:
            server = self.settings_dict["SERVER"]
            if is_up(server):  # the fault is another: no such database, no connection left
                raise
            ensure(server)
        return super().get_new_connection(conn_params)
