"""The embedded server as a child of the parent, for as long as the parent lives."""

import logging
import signal
import subprocess
import time

from cdp_site.embedded.account import environment
from cdp_site.embedded.error import EmbeddedError
from cdp_site.embedded.lock import locked
from cdp_site.embedded.prepare import Ready, prepare
from cdp_site.embedded.server import Server
from cdp_site.embedded.start import (
    forget_dead_server,
    halt,
    is_hopeless,
    is_up,
    last_words,
    size_of,
    words_after,
)
from cdp_site.processes.child import next_pause

logger = logging.getLogger(__name__)

_PATIENCE = 300.0  # seconds for a recovery, or for the last checkpoint
# Backends of a killed server live on for a moment and hold its memory: then a start fails at once.
_AGAIN = 0.25
_TRIES = 100


class Postgres:
    """Keeps the server running. The caller holds the keeper's lock.

    A server that runs already, started by some command, is taken over as it is; once it ends, the next
    one is our child: the kernel tells us of its end, and no zombie of it stays.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self._log = server.data_dir / "postgres.log"
        self._ready: Ready | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._failures = 0
        self._is_hopeless = False
        self._log_size = 0
        self._pause = 0.0
        self._begun_at = 0.0
        self._start_at = 0.0
        self._looked_at = 0.0

    def start(self, *, may_create_account: bool) -> None:
        """Return when the server answers.

        Raises:
            EmbeddedError: it does not.
        """
        with locked(self.server):
            ready = self._ready = prepare(self.server, may_create_account=may_create_account)
        deadline = time.monotonic() + _PATIENCE
        while not is_up(self.server):
            self.tend()
            if self._is_hopeless or self._failures > _TRIES or time.monotonic() > deadline:
                words = last_words(ready.cluster, startup=self._log)
                raise EmbeddedError(f"PostgreSQL does not start: {words}")
            time.sleep(_AGAIN)

    def tend(self) -> None:
        """Start the server if it is down."""
        now = time.monotonic()
        if self._process is not None:
            if self._process.poll() is None:
                return
            self._note_end(self._process, now=now)
        elif now - self._looked_at >= 1.0:
            self._looked_at = now
            if is_up(self.server):
                return
            self._start_at = self._start_at or now
        if self._ready is not None and self._start_at and now >= self._start_at:
            self._launch(self._ready)

    def stop(self) -> None:
        """End the server: what runs in it is rolled back, all that is committed is on disk."""
        if self._process is None:
            if self._ready is not None and is_up(self.server):
                halt(self._ready)
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)  # recovery at the next start instead of a checkpoint
            self._process.wait()
        self._process = None

    def _launch(self, ready: Ready) -> None:
        account = ready.account
        forget_dead_server(ready.cluster)
        program = ready.binaries.program("postgres")
        self._begun_at = time.monotonic()
        self._start_at = 0.0
        self._log_size = size_of(self._log)
        with self._log.open("ab") as log:  # until its own log collector has started
            self._process = subprocess.Popen(
                [program, "-D", ready.cluster, *ready.options],
                cwd=ready.cluster,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=account.uid if account.is_other else None,
                group=account.gid if account.is_other else None,
                extra_groups=[] if account.is_other else None,
            )

    def _note_end(self, process: subprocess.Popen[bytes], *, now: float) -> None:
        age = now - self._begun_at
        self._failures = self._failures + 1 if age < 1.0 else 0
        self._is_hopeless = is_hopeless(words_after(self._log, size=self._log_size))
        self._process = None
        if self._failures == 0:
            logger.error("PostgreSQL ended with code %s and is started again.", process.returncode)
        self._pause = next_pause(self._pause, age=age) if self._failures > _TRIES else _AGAIN
        self._start_at = now + (self._pause if self._failures else 0.0)
