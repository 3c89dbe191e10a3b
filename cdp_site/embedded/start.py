"""Start and stop the server; many processes may ask at once.

A server counts as up when it answers a connection, never because of a process id: after a kill -9 the
id may belong to a zombie or to somebody else.
"""

import fcntl
import os
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg

from cdp_site.embedded.account import Account, account_for, create_account
from cdp_site.embedded.binaries import Binaries, find_binaries, reachable
from cdp_site.embedded.cluster import make_cluster
from cdp_site.embedded.error import EmbeddedError
from cdp_site.embedded.place import closed_parents, clusters, make_directory
from cdp_site.embedded.server import PORT, Server

_PATIENCE = 300.0  # seconds; a recovery after a crash may take minutes
_QUICK_FAILURES = 30.0  # seconds of failing at once before we give up
_NOT_READY = (
    "the database system is starting up",
    "the database system is shutting down",
    "the database system is in recovery mode",
    "the database system is not yet accepting connections",
    "the database system is not accepting connections",
)


def is_up(server: Server) -> bool:
    """Whether the server answers; one that is full does, one that is still recovering does not."""
    try:
        psycopg.connect(**server.address(), connect_timeout=5).close()
    except psycopg.OperationalError as error:
        text = str(error)
        return "FATAL:" in text and not any(phrase in text for phrase in _NOT_READY)
    return True


def ensure(server: Server) -> None:
    """Return once the server answers; start it, and make its cluster, where that is needed.

    Raises:
        EmbeddedError: it cannot be started; the text says what to do.
    """
    start(server, may_create_account=False)


def start(server: Server, *, may_create_account: bool) -> None:
    """Do as `ensure`; as root the account of the server may be made first."""
    deadline = time.monotonic() + _PATIENCE
    while not is_up(server):
        if time.monotonic() > deadline:
            raise EmbeddedError(
                f"PostgreSQL in {server.data_dir} did not answer for {_PATIENCE:.0f} seconds."
            )
        if has_keeper(server):
            time.sleep(0.1)
            continue
        with locked(server):
            if not is_up(server) and not has_keeper(server):
                launch(prepare(server, may_create_account=may_create_account))


def stop(server: Server) -> bool:
    """Stop the server after its running statements are cancelled; False where none runs.

    Raises:
        EmbeddedError: it is another process's child, which would start it again.
    """
    if has_keeper(server):
        raise EmbeddedError("The server belongs to a running `manage.py up`: stop that.")
    with locked(server):
        if not is_up(server):
            return False
        ready = prepare(server, may_create_account=False)
        command = [
            ready.binaries.program("pg_ctl"),
            "-D",
            ready.cluster,
            "-m",
            "fast",
            "-w",
            "-t",
            "300",
            "stop",
        ]
        result = ready.account.run(command, cwd=server.data_dir)
        if is_up(server):
            raise EmbeddedError(f"PostgreSQL did not stop: {result.stdout} {result.stderr}".strip())
    return True


class Ready:
    """All that is needed to start: account, programs and a finished cluster."""

    def __init__(self, *, server: Server, account: Account, binaries: Binaries) -> None:
        self.server = server
        self.account = account
        self.binaries = binaries
        self.cluster = server.cluster(binaries.major)

    @property
    def options(self) -> list[str]:
        """Options of `postgres` that depend on where the data directory is now."""
        return ["-k", str(self.server.socket_dir), "-p", str(PORT)]


def prepare(server: Server, *, may_create_account: bool) -> Ready:
    """Find account and programs and make what is missing. The caller holds the lock."""
    binaries = find_binaries(server.programs)
    _refuse_other_versions(server, binaries=binaries)
    cluster = server.cluster(binaries.major)
    if may_create_account and os.geteuid() == 0 and not server.account and not cluster.exists():
        create_account()
    account = account_for(server.account, owned=cluster if cluster.exists() else None)
    _refuse_closed_directories(server, account=account)
    binaries = reachable(binaries, account=account, data_dir=server.data_dir)
    if not cluster.exists():
        make_cluster(server, account=account, binaries=binaries)
    _make_socket_dir(server.socket_dir, account=account)
    return Ready(server=server, account=account, binaries=binaries)


def launch(ready: Ready) -> None:
    """Start the server in the background and wait for it. The caller holds the lock."""
    log = ready.cluster / "startup.log"
    command = [
        ready.binaries.program("pg_ctl"),
        "-D",
        ready.cluster,
        "-l",
        log,
        "-w",
        "-t",
        f"{_PATIENCE:.0f}",
    ]
    command += ["-o", shlex.join(ready.options), "start"]
    deadline = time.monotonic() + _QUICK_FAILURES
    while True:
        forget_dead_server(ready.cluster)
        # A first try may fail: backends of a killed server live on for a moment and hold its memory.
        result = ready.account.run(command, cwd=ready.server.data_dir)
        if is_up(ready.server):
            return
        if time.monotonic() > deadline:
            raise EmbeddedError(f"PostgreSQL does not start: {result.stderr.strip()}\n{_tail(log)}")
        time.sleep(0.25)


def forget_dead_server(cluster: Path) -> None:
    """Remove the pid file of a server that is a zombie, or whose id now belongs to another program.

    PostgreSQL takes both for a living server and refuses to start; where process 1 reaps no zombies
    that would be for ever. Backends still alive are not overlooked: their shared memory is found by the
    data directory's inode.
    """
    pid_file = cluster / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
        process = psutil.Process(pid)
        is_dead = process.status() == psutil.STATUS_ZOMBIE or not process.name().startswith("postgres")
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return  # none, or one that PostgreSQL recognises as stale by itself
    if is_dead:
        pid_file.unlink(missing_ok=True)


@contextmanager
def locked(server: Server) -> Iterator[None]:
    """Hold the lock between processes; it goes with its holder, however that ends."""
    make_directory(server.data_dir)
    try:
        descriptor = os.open(server.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    except PermissionError as error:
        owner = Account(uid=server.data_dir.stat().st_uid, gid=0).name
        raise EmbeddedError(
            f"The data directory {server.data_dir} belongs to {owner}: work as that user, "
            "or set WAYFARE_DATA to a directory of your own."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def has_keeper(server: Server) -> bool:
    """Whether a process holds the server as its child."""
    try:
        descriptor = os.open(server.keeper_file, os.O_RDONLY)
    except (FileNotFoundError, PermissionError):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _refuse_other_versions(server: Server, *, binaries: Binaries) -> None:
    present = clusters(server.data_dir)
    if present and binaries.major not in present:
        newest = max(present)
        raise EmbeddedError(
            f"The data in {present[newest]} are of PostgreSQL {newest}, the programs in {binaries.directory} of "
            f"{binaries.major}. Bring the data over with: python manage.py db upgrade"
        )


def _refuse_closed_directories(server: Server, *, account: Account) -> None:
    closed = closed_parents(server.data_dir / "socket", account=account) if account.is_other else []
    if closed:
        raise EmbeddedError(
            f"PostgreSQL runs as the user {account.name}, who cannot get to {server.data_dir}. "
            f"Let them through with: chmod o+x {shlex.join(str(path) for path in closed)}"
        )


def _make_socket_dir(directory: Path, *, account: Account) -> None:
    try:
        directory.mkdir(mode=0o700)
        account.own(directory)
    except FileExistsError:
        # Under /tmp anybody may have been there before us.
        info = directory.lstat()
        if info.st_uid != account.uid or info.st_mode & 0o7077 or directory.is_symlink():
            raise EmbeddedError(
                f"The directory {directory} must belong to {account.name} alone: remove it."
            ) from None


def _tail(log: Path) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    except OSError:
        return ""
