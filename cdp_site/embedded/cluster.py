"""Make a cluster: initdb, our configuration, the role and the database; whole or not at all."""

import os
import shutil
from pathlib import Path

from cdp_site.embedded.account import Account
from cdp_site.embedded.binaries import Binaries
from cdp_site.embedded.error import EmbeddedError
from cdp_site.embedded.server import DATABASE, ROLE, SUPERUSER, Server

# Tests only: a crash of the machine may cost the data.
_DISPOSABLE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


def make_cluster(server: Server, *, account: Account, binaries: Binaries) -> None:
    """Make the cluster of this major version. The caller holds the lock."""
    finished = server.cluster(binaries.major)
    staging = finished.with_name(f"{finished.name}.new")
    if staging.exists():  # somebody was killed in here
        shutil.rmtree(staging)
    staging.mkdir(mode=0o700)
    account.own(staging)
    _run_initdb(server, staging=staging, account=account, binaries=binaries)
    settings = configuration(is_disposable=server.is_disposable)
    if has_lz4(staging, account=account, binaries=binaries):
        settings |= {"default_toast_compression": "lz4", "wal_compression": "lz4"}
    lines = [f"{name} = '{value}'" for name, value in settings.items()]
    with (staging / "postgresql.conf").open("a") as file:
        file.write("\n# Written once when the cluster was made; yours to change.\n" + "\n".join(lines) + "\n")
    _make_database(staging, account=account, binaries=binaries)
    staging.rename(finished)


def configuration(*, is_disposable: bool) -> dict[str, str]:
    """Give our settings of postgresql.conf."""
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    settings = {
        "listen_addresses": "",  # the socket alone
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        "shared_buffers": f"{max(16, min(memory_mb // 4, 512))}MB",
        "max_wal_size": "2GB",
        "synchronous_commit": "on",
        "jit": "off",  # compiling costs more than our short queries take
        "random_page_cost": "1.1",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",  # `is_up` reads them
        "logging_collector": "on",
        "log_directory": "log",
        "log_filename": "postgresql-%a.log",  # a week of logs, then overwritten
        "log_truncate_on_rotation": "on",
        "log_rotation_size": "0",
    }
    return settings | (_DISPOSABLE if is_disposable else {})


def locale_options(major: int) -> list[str]:
    """Sort by code point everywhere: an index must not depend on the machine's C library."""
    if major >= 17:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C.UTF-8"]


def has_lz4(staging: Path, *, account: Account, binaries: Binaries) -> bool:
    """Ask the server itself whether lz4 is built in: it refuses the value otherwise."""
    name = "default_toast_compression"
    arguments = ["-D", str(staging), "-C", name, "-c", f"{name}=lz4"]
    return account.run(binaries.program("postgres"), *arguments, cwd=staging).returncode == 0


def _run_initdb(server: Server, *, staging: Path, account: Account, binaries: Binaries) -> None:
    arguments = ["-D", str(staging), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8"]
    arguments += ["--data-checksums", "--no-instructions", *locale_options(binaries.major)]
    arguments += ["--no-sync"] if server.is_disposable else []
    result = account.run(binaries.program("initdb"), *arguments, cwd=server.data_dir)
    if result.returncode:
        raise EmbeddedError(f"initdb failed: {result.stdout}\n{result.stderr}".strip())


def _make_database(staging: Path, *, account: Account, binaries: Binaries) -> None:
    """Make role and database in single-user mode, before any server could answer without them."""
    statements = f"CREATE ROLE {ROLE} LOGIN CREATEDB;\nCREATE DATABASE {DATABASE} OWNER {ROLE};\n"
    arguments = ["--single", "-D", str(staging), "-c", "exit_on_error=on", "-c", "logging_collector=off"]
    result = account.run(binaries.program("postgres"), *arguments, SUPERUSER, cwd=staging, text=statements)
    if result.returncode:
        raise EmbeddedError(f"The database could not be made: {result.stdout}\n{result.stderr}".strip())
