"""Embedded servers of their own for tests, and what other processes do to them."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psycopg

from cdp_site.embedded import Server, ensure, find_binaries, is_up, stop
from cdp_site.embedded.lock import has_keeper


@contextmanager
def open_directory() -> Iterator[Path]:
    """A directory that the database's user can get to, which pytest's own are not."""
    directory = Path(tempfile.mkdtemp(prefix="wayfare-test-", dir="/tmp"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def scratch_server(*, programs: str = "", name: str = "data") -> Iterator[Server]:
    """A server that is not started yet; gone afterwards."""
    with open_directory() as directory:
        server = Server(data_dir=directory / name, programs=programs, is_disposable=True)
        try:
            yield server
        finally:
            if is_up(server) and not has_keeper(server):
                stop(server)
            if server.socket_dir.parent != server.data_dir:
                shutil.rmtree(server.socket_dir, ignore_errors=True)


def ask(server: Server, statement: str, **address: str) -> Any:
    """The one value that a statement gives."""
    with psycopg.connect(**server.address(**address), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def postmaster(server: Server) -> int:
    """The process id of the running server."""
    cluster = server.cluster(find_binaries(server.programs).major)
    return int((cluster / "postmaster.pid").read_text().split("\n", 1)[0])


def in_processes(work: Any, *arguments: Any, number: int) -> list[Any]:
    """Call a function in several processes at once and give what each returns."""
    with ProcessPoolExecutor(number, mp_context=get_context("spawn")) as pool:
        return [future.result() for future in [pool.submit(work, *arguments) for _ in range(number)]]


def ensure_and_look(server: Server) -> tuple[int, float]:
    """In another process: have the server up; give its process id and when it was started."""
    ensure(server)
    return postmaster(server), float(ask(server, "SELECT extract(epoch FROM pg_postmaster_start_time())"))


def ensure_as(uid: int, gid: int, server: Server) -> tuple[int, str]:
    """In another process: become somebody else for good, have the server up; give its owner."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    ensure(server)
    owner = server.cluster(find_binaries(server.programs).major).stat().st_uid
    try:
        return owner, str(ask(server, "SELECT current_setting('data_checksums')"))
    finally:
        stop(server)
