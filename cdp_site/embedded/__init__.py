"""The PostgreSQL that comes with the product, for everybody who sets no `DATABASE_URL`.

Promises: whoever opens a connection finds a running server, however many processes ask at once and
however the last one died; data live under one directory, one cluster per major version; nobody but
the owner of that directory reaches the socket, and nothing listens on TCP. Nothing here stops a
server by itself. Imports no Django, so that settings can use it (`base` is Django's side).
"""

from cdp_site.embedded.account import Account, create_account
from cdp_site.embedded.binaries import Binaries, find_binaries
from cdp_site.embedded.error import EmbeddedError
from cdp_site.embedded.place import data_directory
from cdp_site.embedded.server import Server, database
from cdp_site.embedded.start import ensure, is_up, start, stop

__all__ = [
    "Account",
    "Binaries",
    "EmbeddedError",
    "Server",
    "create_account",
    "data_directory",
    "database",
    "ensure",
    "find_binaries",
    "is_up",
    "start",
    "stop",
]
