"""What a start needs: the account, the programs, a finished cluster and the socket's directory."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from cdp_site.embedded.account import Account, account_for, create_account
from cdp_site.embedded.binaries import Binaries, find_binaries, reachable
from cdp_site.embedded.cluster import make_cluster
from cdp_site.embedded.error import EmbeddedError
from cdp_site.embedded.place import closed_parents, clusters
from cdp_site.embedded.server import PORT, Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A server that can be started."""

    server: Server
    account: Account
    binaries: Binaries

    @property
    def cluster(self) -> Path:
        return self.server.cluster(self.binaries.major)

    @property
    def options(self) -> list[str]:
        """Options of `postgres` that depend on where the data directory is now."""
        return ["-k", str(self.server.socket_dir), "-p", str(PORT)]


def prepare(server: Server, *, may_create_account: bool = False) -> Ready:
    """Find what is there and make what is missing. The caller holds the lock."""
    binaries = find_binaries(server.programs)
    _refuse_other_versions(server, binaries=binaries)
    cluster = server.cluster(binaries.major)
    if may_create_account and os.geteuid() == 0 and not server.account and not cluster.exists():
        create_account()
    account = account_for(server.account, owned=cluster if cluster.exists() else None)
    refuse_closed_directories(server, account=account, name=account.name)
    binaries = reachable(binaries, account=account, data_dir=server.data_dir)
    if not cluster.exists():
        make_cluster(server, account=account, binaries=binaries)
    _make_socket_dir(server.socket_dir, account=account)
    return Ready(server=server, account=account, binaries=binaries)


def _refuse_other_versions(server: Server, *, binaries: Binaries) -> None:
    present = clusters(server.data_dir)
    if present and binaries.major not in present:
        newest = max(present)
        raise EmbeddedError(
            f"The data in {present[newest]} are of PostgreSQL {newest}, the programs in "
            f"{binaries.directory} of {binaries.major}. Bring the data over: python manage.py db upgrade"
        )


def refuse_closed_directories(server: Server, *, account: Account, name: str) -> None:
    """Stop where the account cannot get to the data, with the command that lets it through."""
    closed = closed_parents(server.data_dir / "socket", account=account) if account.is_other else []
    if closed:
        raise EmbeddedError(
            f"PostgreSQL runs as the user {name}, who cannot get to {server.data_dir}. "
            f"Let them through: chmod o+x {shlex.join(str(path) for path in closed)}"
        )


def _make_socket_dir(directory: Path, *, account: Account) -> None:
    try:
        directory.mkdir(mode=0o700)
        account.own(directory)
    except FileExistsError:
        # Under /tmp anybody may have been there before us.
        info = directory.lstat()
        if info.st_uid != account.uid or info.st_mode & 0o077 or directory.is_symlink():
            raise EmbeddedError(
                f"The directory {directory} must belong to {account.name} alone: remove it."
            ) from None
