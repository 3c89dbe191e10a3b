"""Wake the workers: tell them, across processes, that rows wait.

A wake-up is a hint. Lost or doubled it changes nothing, since the workers also look on their own each
second. It is sent on a connection of its own, at most every 10 ms: a NOTIFY inside each request's
transaction would make all commits queue behind one lock.
"""

import logging
import os
import threading
import time
from typing import Any, Final

import psycopg
from django.db import connections

logger = logging.getLogger(__name__)

CHANNEL: Final = "wayfare"  # the payload names what waits: "inbox", "send", "bulk"
_GAP = 0.010  # seconds between two notifications
_LINGER = 1.0  # seconds an idle connection is kept


def wake(queue: str) -> None:
    """Have the workers look into `queue` soon. Returns at once and never fails; call it after commit."""
    _bell.ring(queue)


def stop() -> None:
    """Let go of the connection, as before a database is dropped; a later `wake` opens it again."""
    _bell.stop()


class _Bell:
    """One thread that sends what it was asked for since it last sent."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._asked: set[str] = set()
        self._is_stopping = False
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._driver: psycopg.Connection[Any] | None = None

    def ring(self, queue: str) -> None:
        with self._condition:
            self._asked.add(queue)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="wakeup", daemon=True)
                self._thread.start()
            else:
                self._condition.notify()

    def stop(self) -> None:
        thread = self._thread
        if thread is not None:
            with self._condition:
                self._is_stopping = True
                self._condition.notify()
            thread.join()
            self._is_stopping = False

    def _run(self) -> None:
        while queues := self._next():
            self._send(sorted(queues))
            time.sleep(_GAP)

    def _next(self) -> set[str]:
        """Wait for something to send; nothing for a while ends the thread."""
        with self._condition:
            self._condition.wait_for(lambda: self._asked or self._is_stopping, timeout=_LINGER)
            queues, self._asked = self._asked, set()
            if not queues:
                self._close()
                self._thread = None
            return queues

    def _send(self, queues: list[str]) -> None:
        try:
            self._driver = self._driver or _connect()
            for queue in queues:
                self._driver.execute("SELECT pg_notify(%s, %s)", [CHANNEL, queue])
        except psycopg.Error:
            logger.warning("Could not wake the workers; they look on their own each second.", exc_info=True)
            self._close()

    def _close(self) -> None:
        if self._driver is not None:
            self._driver.close()
            self._driver = None


def _connect() -> psycopg.Connection[Any]:
    # Not a connection of Django's: those belong to the thread's request, and to a test's transaction.
    wrapper = connections["default"].copy()
    driver: psycopg.Connection[Any] = wrapper.get_new_connection(wrapper.get_connection_params())
    driver.autocommit = True
    return driver


_bell = _Bell()
os.register_at_fork(after_in_child=_bell.reset)  # the parent's thread is not here
