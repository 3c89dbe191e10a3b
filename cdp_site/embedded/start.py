"""Start and stop the server; many processes may ask at once.

A server counts as up when it answers a connection, never because of a process id: after a kill -9 the
id may belong to a zombie or to somebody else.
"""

import shlex
import time
from pathlib import Path

import psutil
import psycopg

from cdp_site.embedded.error import EmbeddedError
from cdp_site.embedded.lock import has_keeper, locked
from cdp_site.embedded.prepare import Ready, prepare
from cdp_site.embedded.server import Server

_PATIENCE = 300  # seconds; a recovery after a crash may take minutes
_QUICK_FAILURES = 30  # seconds of failing at once before we give up
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
            raise EmbeddedError(f"PostgreSQL in {server.data_dir} did not answer for {_PATIENCE} seconds.")
        if has_keeper(server):
            time.sleep(0.1)
            continue
        with locked(server):
            if not is_up(server) and not has_keeper(server):
                launch(prepare(server, may_create_account=may_create_account))


def stop(server: Server) -> bool:
    """Stop the server, rolling back what runs in it; False where none runs.

    Raises:
        EmbeddedError: it has a keeper, who would start it again.
    """
    if has_keeper(server):
        raise EmbeddedError("The server belongs to a running `manage.py up`: stop that.")
    with locked(server):
        if not is_up(server):
            return False
        halt(prepare(server))
    return True


def launch(ready: Ready) -> None:
    """Start the server in the background and wait for it. The caller holds the lock."""
    log = ready.cluster / "startup.log"
    arguments = ["-D", str(ready.cluster), "-l", str(log), "-w", "-t", str(_PATIENCE)]
    arguments += ["-o", shlex.join(ready.options), "start"]
    deadline = time.monotonic() + _QUICK_FAILURES
    while True:
        forget_dead_server(ready.cluster)
        size = size_of(log)
        # A first try may fail: backends of a killed server live on for a moment and hold its memory.
        result = ready.account.run(ready.binaries.program("pg_ctl"), *arguments, cwd=ready.server.data_dir)
        if is_up(ready.server):
            return
        if time.monotonic() > deadline or is_hopeless(words_after(log, size=size)):
            words = last_words(ready.cluster, startup=log)
            raise EmbeddedError(f"PostgreSQL does not start: {result.stderr.strip()}\n{words}")
        time.sleep(0.25)


def halt(ready: Ready) -> None:
    """Stop a running server. The caller holds the lock or is its keeper."""
    arguments = ["-D", str(ready.cluster), "-m", "fast", "-w", "-t", str(_PATIENCE), "stop"]
    result = ready.account.run(ready.binaries.program("pg_ctl"), *arguments, cwd=ready.server.data_dir)
    if is_up(ready.server):
        raise EmbeddedError(f"PostgreSQL did not stop: {result.stdout} {result.stderr}".strip())


def forget_dead_server(cluster: Path) -> None:
    """Remove the pid file of a server that is a zombie, or whose id now belongs to another program.

    PostgreSQL takes both for a living server and refuses to start; where process 1 reaps no zombies
    that would be for ever. Backends still alive are not overlooked: their shared memory is found by the
    data directory's inode.
    """
    pid_file = cluster / "postmaster.pid"
    try:
        process = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
        is_dead = process.status() == psutil.STATUS_ZOMBIE or not process.name().startswith("postgres")
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return  # none, or one that PostgreSQL recognises as stale by itself
    if is_dead:
        pid_file.unlink(missing_ok=True)


def is_hopeless(words: str) -> bool:
    """Judge by what a failed start wrote: a fault of the configuration stays, all else may pass.

    What a killed server leaves behind (its last backends, their memory, its lock files) goes away by
    itself, and is found only after the log collector has taken over.
    """
    passing = ("redirecting log output", "shared memory block", "lock file")
    return bool(words.strip()) and not any(phrase in words for phrase in passing)


def last_words(cluster: Path, *, startup: Path) -> str:
    """Give the last lines that a server wrote, before and after its log collector took over."""
    logs = sorted(cluster.glob("log/*"), key=lambda log: log.stat().st_mtime)[-1:]
    return "\n".join(line for log in [startup, *logs] for line in words_after(log, size=0).splitlines()[-10:])


def size_of(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def words_after(log: Path, *, size: int) -> str:
    """Read what was added to a log since it had this size."""
    return log.read_bytes()[size:].decode(errors="replace") if log.exists() else ""
