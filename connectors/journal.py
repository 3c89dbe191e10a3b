"""What this machine knows of calls whose worker died: a file beside the database.

An attempt that the database does not know the outcome of may have been made or not. Destinations that
recognise a repeated id are simply asked again; a mail server is not such a destination. So each worker
notes in a file of its own when it hands a mail over and when the server has taken it: writing to a file
survives the death of the process, takes microseconds, and leaves only the server's own answering time
in doubt. (The death of the whole machine can lose the last notes; such a mail counts as handed over.)
"""

import os
import threading
import time
from enum import Enum
from pathlib import Path
from uuid import UUID

from cdp_site.secrets_file import secret_key

KEPT_SECONDS = 7 * 24 * 3600  # longer than any delivery is tried
_LONGEST_FILE = 20_000_000  # bytes


class Mark(Enum):
    """How far an attempt came."""

    HANDED_OVER = b"h"
    TAKEN = b"t"


class Journal:
    """Notes of one process, and the reading of everybody's."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._file: Path | None = None
        self._written = 0

    @property
    def machine(self) -> str:
        """Names the place of the notes: an attempt noted elsewhere cannot be looked up here."""
        return secret_key(self._directory, name="machine")[:16]

    def note(self, delivery: UUID, *, attempt: int, mark: Mark) -> None:
        """Write a mark; it is in the hands of the operating system when this returns."""
        line = _line(delivery, attempt=attempt, mark=mark)
        with self._lock:
            if self._descriptor is None or self._written > _LONGEST_FILE:
                self._open()
            assert self._descriptor is not None
            os.write(self._descriptor, line)  # one write of one line: other readers never see half of it
            self._written += len(line)

    def last_mark(self, delivery: UUID, *, attempt: int) -> Mark | None:
        """Find how far an attempt came on this machine; None: it was not handed over."""
        noted = {mark for file in self._files() for mark in _marks(file, delivery=delivery, attempt=attempt)}
        return next((mark for mark in (Mark.TAKEN, Mark.HANDED_OVER) if mark in noted), None)

    def close(self) -> None:
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _open(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._sweep()
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._file = self._directory / f"{os.getpid()}-{time.time_ns()}.log"
        self._descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._written = 0

    def _sweep(self) -> None:
        """Remove what no attempt can ask for any more."""
        oldest = time.time() - KEPT_SECONDS
        for file in self._files():
            if file.stat().st_mtime < oldest:
                file.unlink(missing_ok=True)  # another worker may sweep at the same time

    def _files(self) -> list[Path]:
        return sorted(self._directory.glob("*.log"))


def _marks(file: Path, *, delivery: UUID, attempt: int) -> set[Mark]:
    notes = b"\n" + file.read_bytes()
    return {mark for mark in Mark if b"\n" + _line(delivery, attempt=attempt, mark=mark) in notes}


def _line(delivery: UUID, *, attempt: int, mark: Mark) -> bytes:
    return b"%s %s %d\n" % (mark.value, delivery.hex.encode(), attempt)
