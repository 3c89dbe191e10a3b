"""Copies of a database: dump, restore, and the way of the data to a newer PostgreSQL."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from cdp_site.embedded.account import account_for, environment
from cdp_site.embedded.binaries import Binaries, find_binaries, reachable
from cdp_site.embedded.error import EmbeddedError
from cdp_site.embedded.lock import kept, locked
from cdp_site.embedded.place import clusters
from cdp_site.embedded.prepare import Ready, prepare
from cdp_site.embedded.server import DATABASE, PORT, ROLE, Server
from cdp_site.embedded.start import halt, launch

# Everything of ours is in the schema public; what else a database holds stays.
_EMPTY = "DROP SCHEMA public CASCADE; CREATE SCHEMA public;"

Address = Mapping[str, str]  # libpq's variables: PGHOST, PGUSER, ...


def address_of(server: Server) -> Address:
    """Where the product's own database is."""
    return {
        "PGHOST": str(server.socket_dir),
        "PGPORT": str(PORT),
        "PGUSER": ROLE,
        "PGDATABASE": DATABASE,
    }


def dump(file: Path, *, address: Address, binaries: Binaries) -> None:
    """Write a database to a file that `restore` reads. The file is readable by its owner alone."""
    staging = file.with_name(f"{file.name}.part")
    descriptor = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        command = [str(binaries.program("pg_dump")), "--format=custom", "--no-owner", "--no-acl"]
        result = subprocess.run(
            command, env={**environment(), **address}, stdout=stream, stderr=subprocess.PIPE, check=False
        )
    if result.returncode:
        staging.unlink()
        raise EmbeddedError(f"pg_dump failed: {result.stderr.decode(errors='replace').strip()}")
    staging.rename(file)


def restore(file: Path, *, address: Address, binaries: Binaries) -> None:
    """Put a dump in the place of all that a database holds, or change nothing."""
    script = [str(binaries.program("pg_restore")), "--no-owner", "--no-acl", "--file=-", str(file)]
    psql = [str(binaries.program("psql")), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
    psql += ["--command=BEGIN", f"--command={_EMPTY}", "--file=-"]
    with tempfile.TemporaryFile() as complaints, ExitStack() as stack:
        reader = stack.enter_context(
            subprocess.Popen(script, env=environment(), stdout=subprocess.PIPE, stderr=complaints)
        )
        writer = stack.enter_context(
            subprocess.Popen(
                psql,
                env={**environment(), **address},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
            )
        )
        _pour(reader, into=writer)
        if reader.returncode or writer.wait():
            complaints.seek(0)
            text = complaints.read().decode(errors="replace").strip()
            raise EmbeddedError(f"The dump was not restored, nothing is changed: {text}")


def _pour(reader: subprocess.Popen[bytes], *, into: subprocess.Popen[bytes]) -> None:
    """Give all that is read to the writer, and the word to commit only if it was read to its end."""
    assert reader.stdout is not None
    assert into.stdin is not None
    with suppress(BrokenPipeError), into.stdin as sink:  # the writer gave up: its exit code tells
        shutil.copyfileobj(reader.stdout, sink)
        if reader.wait() == 0:
            sink.write(b"\nCOMMIT;\n")


def upgrade(server: Server, *, old_programs: str = "") -> Path:
    """Bring the data to the newest programs at hand; the old cluster is kept aside.

    Args:
        old_programs: where the programs of the old version are; "": look for them.

    Returns:
        Where the old cluster is now.

    Raises:
        EmbeddedError: there is nothing to bring over, or the old programs are missing.
    """
    new = find_binaries(server.programs)
    present = clusters(server.data_dir)
    if new.major in present or not present:
        raise EmbeddedError(f"There are no data of another version than PostgreSQL {new.major}.")
    major = max(present)
    old = find_binaries(old_programs, major=major)
    # Built up in a directory of its own: a half-filled cluster must not look like the real one.
    workshop = replace(server, data_dir=server.data_dir / "upgrade")
    shutil.rmtree(workshop.data_dir, ignore_errors=True)
    file = server.data_dir / f"pg{major}.dump"
    with kept(server), locked(server):
        with _running(_of_version(server, binaries=old)):
            dump(file, address=address_of(server), binaries=new)
        with locked(workshop), _running(prepare(workshop)):
            restore(file, address=address_of(workshop), binaries=new)
        aside = present[major].with_name(f"pg{major}.old")
        present[major].rename(aside)
        workshop.cluster(new.major).rename(server.cluster(new.major))
        shutil.rmtree(workshop.data_dir)
        file.unlink()
    return aside


def _of_version(server: Server, *, binaries: Binaries) -> Ready:
    """The old cluster, ready to start; `prepare` would refuse it."""
    account = account_for(server.account, owned=server.cluster(binaries.major))
    binaries = reachable(binaries, account=account, data_dir=server.data_dir)
    return Ready(server=server, account=account, binaries=binaries)


@contextmanager
def _running(ready: Ready) -> Iterator[None]:
    launch(ready)
    try:
        yield
    finally:
        halt(ready)
