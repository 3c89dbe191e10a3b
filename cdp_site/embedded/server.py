"""Which server: its directories and the addresses that follow from them, without asking the machine."""

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PORT = 5432  # only names the socket's file
DATABASE = "wayfare"
ROLE = "wayfare"
SUPERUSER = "postgres"
# The longest path of a socket, without the closing zero byte.
_LONGEST = 103 if sys.platform == "darwin" else 107


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One embedded server."""

    data_dir: Path
    programs: str = ""  # WAYFARE_PG_BIN; "": the first found
    account: str = ""  # WAYFARE_PG_USER; "": the dedicated one, only as root
    is_disposable: bool = False  # tests: speed before durability

    @property
    def socket_dir(self) -> Path:
        """In the data directory, or under /tmp where that path is too long for a socket.

        /tmp and not $TMPDIR: processes with different environments must agree on it.
        """
        inside = self.data_dir / "socket"
        if len(os.fsencode(inside / f".s.PGSQL.{PORT}")) <= _LONGEST:
            return inside
        return Path("/tmp") / f"wayfare-{hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]}"

    def cluster(self, major: int) -> Path:
        return self.data_dir / f"pg{major}"

    def address(self, *, dbname: str = SUPERUSER, user: str = SUPERUSER) -> dict[str, Any]:
        """Connection parameters of psycopg, by default the superuser's."""
        return {"host": str(self.socket_dir), "port": PORT, "dbname": dbname, "user": user}


def database(server: Server) -> dict[str, Any]:
    """Give the entry of Django's `DATABASES` that starts this server when it is first used."""
    return {
        "ENGINE": "cdp_site.embedded",
        "NAME": DATABASE,
        "USER": ROLE,
        "HOST": str(server.socket_dir),
        "PORT": str(PORT),
        "CONN_MAX_AGE": 600,
        "SERVER": server,
    }
