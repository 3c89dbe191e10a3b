"""Wake the task clusters: tell them, across processes, that rows wait.

A wake-up is a hint. Lost or doubled it changes nothing, since the clusters also look on their own each
second. It is sent on a connection of its own, at most every 10 ms: a NOTIFY inside each request's
transaction would make all commits queue behind one lock.
"""

import logging
import os
import threading
import time
from typing import Final

from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper

logger = logging.getLogger(__name__)

_GAP: Final = 0.010  # seconds between two notifications
_LINGER: Final = 30.0  # seconds an idle connection is kept
_STATEMENT: Final = "SELECT pg_notify(channel, '') FROM unnest(%s::text[]) AS channel"


def wake(channel: str) -> None:
    """Have the clusters look soon. Returns at once and never fails; call it after commit.

    Args:
        channel: "inbox", "deliveries" or "runs": what waits.
    """
    _bell.ring(channel)


def stop() -> None:
    """Let go of the connection, as before a database is dropped; a later `wake` opens it again."""
    _bell.stop()


class Bell:
    """One thread that sends what it was asked for since it last sent."""

    def __init__(self, *, linger: float = _LINGER) -> None:
        self._linger = linger
        self.reset()

    def reset(self) -> None:
        """Begin anew, as in a forked process: the parent's thread is not there."""
        self._asked: set[str] = set()
        self._is_stopping = False
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None

    def ring(self, channel: str) -> None:
        with self._condition:
            self._asked.add(channel)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="wakeup", daemon=True)
                self._thread.start()
            else:
                self._condition.notify()

    def stop(self) -> None:
        """Send what was asked for and end the thread."""
        thread = self._thread
        if thread is not None:
            with self._condition:
                self._is_stopping = True
                self._condition.notify()
            thread.join()
            self._is_stopping = False

    def _run(self) -> None:
        # Not the thread's own connection of Django's: nobody would close that one.
        database = connections["default"].copy()
        try:
            while channels := self._next():
                self._send(database, channels=channels)
                time.sleep(_GAP)
        finally:
            database.close()
            with self._condition:
                self._thread = None
                if self._asked:  # asked for after the last look
                    self.ring(self._asked.pop())

    def _next(self) -> list[str]:
        """Wait for something to send; nothing for a while ends the thread."""
        with self._condition:
            self._condition.wait_for(lambda: self._asked or self._is_stopping, timeout=self._linger)
            channels = sorted(self._asked)
            self._asked.clear()
            return channels

    def _send(self, database: BaseDatabaseWrapper, *, channels: list[str]) -> None:
        try:
            with database.cursor() as cursor:
                cursor.execute(_STATEMENT, [channels])
        except Error as error:
            logger.warning("Could not wake the clusters, they look on their own: %s", error)
            database.close()


_bell = Bell()
os.register_at_fork(after_in_child=_bell.reset)
