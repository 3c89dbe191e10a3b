"""The account PostgreSQL runs under: ourselves, or as root an unprivileged one (PostgreSQL refuses root)."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cdp_site.embedded.error import EmbeddedError

DEDICATED = "wayfare"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who runs the server's programs. Only root can be somebody else than itself."""

    uid: int
    gid: int

    @property
    def is_other(self) -> bool:
        """Whether running as this account means dropping root's rights first."""
        return self.uid != os.geteuid()

    @property
    def name(self) -> str:
        return pwd.getpwuid(self.uid).pw_name

    def run(
        self, program: Path, *arguments: str | Path, cwd: Path, text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a program as this account and give back its output, whatever its exit code."""
        return subprocess.run(
            [program, *arguments],
            cwd=cwd,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            env=environment(),
            user=self.uid if self.is_other else None,
            group=self.gid if self.is_other else None,
            extra_groups=[] if self.is_other else None,
        )

    def own(self, path: Path) -> None:
        """Hand a directory that we have just made to this account."""
        if self.is_other:
            os.chown(path, self.uid, self.gid)


def environment() -> dict[str, str]:
    """The environment of the server's programs: no PG* of the caller, messages in English."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def account_for(name: str, *, owned: Path | None) -> Account:
    """Find the account of the server.

    Args:
        name: the one asked for by the setting, or "".
        owned: an existing cluster; its owner runs it.

    Raises:
        EmbeddedError: we are root and there is nobody to drop to.
    """
    if os.geteuid() != 0:
        return Account(uid=os.geteuid(), gid=os.getegid())
    if owned is not None:
        info = owned.stat()
        return Account(uid=info.st_uid, gid=info.st_gid)
    found = named_account(name or DEDICATED)
    if found is not None:
        return found
    if name:
        raise EmbeddedError(f"WAYFARE_PG_USER names the user {name}, but there is none on this machine.")
    raise EmbeddedError(
        "PostgreSQL does not run as root and there is no user for it yet. "
        "Make one and start the server with: python manage.py db start"
    )


def named_account(name: str) -> Account | None:
    """Look an account up; None where the machine does not know it."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    if entry.pw_uid == 0:
        raise EmbeddedError("WAYFARE_PG_USER must not be root: PostgreSQL refuses to run as root.")
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)


def create_account() -> Account:
    """Make the dedicated system user. Only set-up commands call this, and only as root."""
    found = named_account(DEDICATED)
    if found is not None:
        return found
    program = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        raise EmbeddedError(
            "There is no useradd on this machine. Make an unprivileged user and name it in WAYFARE_PG_USER."
        )
    shell = "/usr/sbin/nologin"
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", shell]
    result = subprocess.run([program, *options, DEDICATED], capture_output=True, text=True, check=False)
    made = named_account(DEDICATED)  # two set-ups at once: the loser's useradd fails, the user is there
    if made is None:
        raise EmbeddedError(f"useradd could not make the user {DEDICATED}: {result.stderr.strip()}")
    return made
