"""Where data live, and whether the server's account can get there."""

import hashlib
import os
import stat
from pathlib import Path

from cdp_site.embedded.account import DEDICATED, Account, named_account

SYSTEM_DIRECTORY = Path("/var/lib/wayfare")


def data_directory(value: str | None, *, base_dir: Path, account: str = "") -> Path:
    """Choose the data directory; nothing is made.

    Without a value it is `var/` in the checkout. As root PostgreSQL runs as another user, who may be
    unable to get there (a checkout in /root): then it is a directory of this checkout's own below
    /var/lib/wayfare.
    """
    if value:
        return base_dir / Path(value).expanduser()
    var = base_dir / "var"
    if os.geteuid() != 0:
        return var
    identifier = hashlib.sha256(os.fsencode(base_dir)).hexdigest()[:8]
    system = SYSTEM_DIRECTORY / f"{base_dir.name}-{identifier}"
    # Once chosen, always chosen: a later chmod of some parent must not seem to lose the data.
    if clusters(system):
        return system
    if clusters(var) or not closed_parents(var, account=named_account(account or DEDICATED)):
        return var
    return system


def clusters(data_dir: Path) -> dict[int, Path]:
    """The clusters in a data directory by major version."""
    try:
        entries = list(data_dir.glob("pg*"))
    except PermissionError:
        return {}
    return {int(entry.name[2:]): entry for entry in entries if entry.name[2:].isdecimal()}


def closed_parents(path: Path, *, account: Account | None) -> list[Path]:
    """The directories above `path` that an account (None: any new one) cannot pass, outermost first."""
    existing = [parent for parent in reversed(path.resolve().parents) if parent.exists()]
    return [parent for parent in existing if not may_pass(parent, account=account)]


def may_pass(directory: Path, *, account: Account | None) -> bool:
    """Whether the permission bits let an account through a directory."""
    info = directory.stat()
    if account is not None and info.st_uid == account.uid:
        return bool(info.st_mode & stat.S_IXUSR)
    if account is not None and info.st_gid == account.gid:
        return bool(info.st_mode & stat.S_IXGRP)
    return bool(info.st_mode & stat.S_IXOTH)


def make_directory(path: Path) -> None:
    """Make a directory of ours and its missing parents: passable by others as root, else private."""
    if path.is_dir():
        return
    missing = [path, *(parent for parent in path.parents if not parent.exists())]
    for directory in reversed(missing):
        directory.mkdir(exist_ok=True)
        # Not left to the umask: root's may be 077, and PostgreSQL's user must get through.
        directory.chmod(0o711 if os.geteuid() == 0 else 0o700)
