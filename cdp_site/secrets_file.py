"""Secrets that are made once per installation and kept in its data directory."""

import os
import secrets
import tempfile
from pathlib import Path

from cdp_site.embedded.place import make_directory


def secret_key(data_dir: Path, *, name: str = "secret_key") -> str:
    """Read the secret `name`; the first caller makes it. Readable by the owner alone.

    Losing the file logs everybody out and makes links in mails already sent invalid.
    """
    file = data_dir / name
    if not file.exists():
        _make(file)
    return file.read_text().strip()


def _make(file: Path) -> None:
    """Write a new secret unless another process is faster; never seen half-written."""
    make_directory(file.parent)
    descriptor, staging = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_urlsafe(48) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.link(staging, file)
    except FileExistsError:
        return
    finally:
        os.unlink(staging)
