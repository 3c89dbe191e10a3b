"""Locks between processes: one for who changes the server, one that tells whose child it is.

Both are `flock`s: they go with their holder, however that ends.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from cdp_site.embedded.account import Account
from cdp_site.embedded.error import EmbeddedError
from cdp_site.embedded.place import make_directory
from cdp_site.embedded.server import Server


@contextmanager
def locked(server: Server) -> Iterator[None]:
    """Hold the lock under which the server is made, started and stopped."""
    descriptor = _open(server, name="postgres.lock")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def kept(server: Server) -> Iterator[None]:
    """Be the server's keeper: nobody else starts or stops it meanwhile.

    Raises:
        EmbeddedError: somebody else is its keeper already.
    """
    descriptor = _open(server, name=_KEEPER)
    _keepers.add(descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise EmbeddedError(f"Another `manage.py up` runs on {server.data_dir}.") from None
    finally:
        _keepers.discard(descriptor)
        os.close(descriptor)


def has_keeper(server: Server) -> bool:
    """Whether a process holds the server as its child."""
    try:
        descriptor = os.open(server.data_dir / _KEEPER, os.O_RDONLY)
    except (FileNotFoundError, PermissionError):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


_KEEPER = "postgres.keeper"
_keepers: set[int] = set()


def _let_go() -> None:
    """A forked child is no keeper: with its copy of the descriptor the lock would outlive the parent."""
    for descriptor in _keepers:
        os.close(descriptor)
    _keepers.clear()


os.register_at_fork(after_in_child=_let_go)


def _open(server: Server, *, name: str) -> int:
    try:
        make_directory(server.data_dir)
        return os.open(server.data_dir / name, os.O_RDWR | os.O_CREAT, 0o600)
    except PermissionError as error:
        directory = next(path for path in (server.data_dir, *server.data_dir.parents) if path.exists())
        owner = Account(uid=directory.stat().st_uid, gid=0).name
        raise EmbeddedError(
            f"{directory} belongs to {owner}: work as that user, "
            "or set WAYFARE_DATA to a directory of your own."
        ) from error
