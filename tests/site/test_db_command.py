"""The command `db`: it starts only what it is told to, and copies are whole or not there."""

import shlex
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from pytest_django import Settings

from cdp_site.embedded import EmbeddedError, Server, ensure, find_binaries, is_up
from cdp_site.embedded.copies import address_of, dump, restore, upgrade
from tests.site.servers import ask, open_directory, scratch_server

PROGRAMS = settings.EMBEDDED_SERVER.programs
BINARIES = find_binaries(PROGRAMS)


@pytest.fixture
def server(settings: Settings) -> Iterator[Server]:
    """A server that the command takes for the product's."""
    with scratch_server(programs=PROGRAMS) as scratch:
        settings.EMBEDDED_SERVER = scratch
        settings.DATABASE_URL = ""
        yield scratch


def db(*arguments: str) -> str:
    """Run the command and give what it prints."""
    out = StringIO()
    call_command("db", *arguments, stdout=out)
    return out.getvalue()


def test_status__starts_nothing_and_ends_with_three(server: Server) -> None:
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("db", "status", stdout=out)
    assert ended.value.code == 3
    assert "does not run" in out.getvalue()
    assert str(server.data_dir) in out.getvalue()
    assert not server.data_dir.exists()


def test_stop__starts_nothing(server: Server) -> None:
    assert "not running" in db("stop")
    assert not is_up(server)


def test_start_and_stop(server: Server) -> None:
    db("start")
    assert is_up(server)
    assert "The server runs" in db("status")
    db("start")  # again: nothing happens
    assert "Stopped" in db("stop")
    assert not is_up(server)


def test_start__is_refused_where_the_server_is_not_ours(server: Server, settings: Settings) -> None:
    settings.DATABASE_URL = "postgres://elsewhere/wayfare"
    with pytest.raises(CommandError, match="DATABASE_URL"):
        db("start")
    assert not is_up(server)


def test_dump_and_restore__bring_everything_back(server: Server, tmp_path: Path) -> None:
    ensure(server)
    fill(server, value=1)
    dump(tmp_path / "copy", address=address_of(server), binaries=BINARIES)
    change(server, "UPDATE kept SET answer = 2; CREATE TABLE late (id int)")
    restore(tmp_path / "copy", address=address_of(server), binaries=BINARIES)
    assert look(server, "SELECT sum(answer) FROM kept") == 1
    assert look(server, "SELECT to_regclass('late') IS NULL") is True
    assert (tmp_path / "copy").stat().st_mode & 0o077 == 0


def test_restore__of_half_a_dump_changes_nothing(server: Server, tmp_path: Path) -> None:
    ensure(server)
    fill(server, value=1, rows=20_000)
    whole = tmp_path / "whole"
    dump(whole, address=address_of(server), binaries=BINARIES)
    half = tmp_path / "half"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    change(server, "UPDATE kept SET answer = 2 WHERE answer = 1")
    with pytest.raises(EmbeddedError, match="nothing is changed"):
        restore(half, address=address_of(server), binaries=BINARIES)
    assert look(server, "SELECT min(answer) FROM kept") == 2
    assert look(server, "SELECT count(*) FROM kept") == 20_000


def test_dump__that_fails_leaves_no_file(server: Server, tmp_path: Path) -> None:
    ensure(server)
    address = {**address_of(server), "PGDATABASE": "nowhere"}
    with pytest.raises(EmbeddedError, match="nowhere"):
        dump(tmp_path / "copy", address=address, binaries=BINARIES)
    assert list(tmp_path.iterdir()) == []


def test_upgrade__brings_the_data_over_and_keeps_the_old(server: Server) -> None:
    ensure(server)
    fill(server, value=7)
    db("stop")
    older = BINARIES.major - 1
    server.cluster(BINARIES.major).rename(server.cluster(older))
    with pytest.raises(EmbeddedError, match="db upgrade"):
        ensure(server)
    with open_directory() as programs:
        pretend_version(older, directory=programs)
        aside = upgrade(server, old_programs=str(programs))
    assert aside == server.data_dir / f"pg{older}.old"
    ensure(server)
    assert look(server, "SELECT sum(answer) FROM kept") == 7
    left = {entry.name for entry in server.data_dir.glob("pg*")}
    assert left == {aside.name, f"pg{BINARIES.major}"}


def test_upgrade__is_refused_where_there_is_nothing_to_bring(server: Server) -> None:
    ensure(server)
    with pytest.raises(CommandError, match="no data of another version"):
        db("upgrade")


def pretend_version(major: int, *, directory: Path) -> None:
    """Put the same programs there, which say when asked by us that they are of another version.

    Two real versions are on few machines; what the upgrade does with them is the same.
    """
    for program in BINARIES.directory.iterdir():
        (directory / program.name).symlink_to(program)
    pretender = directory / "postgres"
    pretender.unlink()
    pretender.write_text(
        "#!/bin/sh\n"
        f'[ "$1" = --version ] && {{ echo "postgres (PostgreSQL) {major}.1"; exit; }}\n'
        f'exec {shlex.quote(str(BINARIES.program("postgres")))} "$@"\n'
    )
    pretender.chmod(0o755)


def fill(server: Server, *, value: int, rows: int = 1) -> None:
    change(
        server,
        f"CREATE TABLE kept AS SELECT {value} AS answer, md5(n::text) AS filling "
        f"FROM generate_series(1, {rows}) AS n",
    )


def change(server: Server, statement: str) -> None:
    ask(server, statement, dbname="wayfare", user="wayfare")


def look(server: Server, statement: str) -> object:
    return ask(server, statement, dbname="wayfare", user="wayfare")
