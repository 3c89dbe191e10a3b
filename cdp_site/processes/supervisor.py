"""The parent of all processes: starts them, tends them, stops them from the doors inwards."""

import logging
import os
import signal
import tempfile
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from cdp_site.embedded.lock import kept
from cdp_site.embedded.server import Server
from cdp_site.processes.child import Child, next_pause
from cdp_site.processes.jobs import JOBS
from cdp_site.processes.postgres import Postgres
from cdp_site.processes.task_cluster import Program, TaskCluster

logger = logging.getLogger(__name__)

WEB = "web"
PARTS = (WEB, *JOBS)
_TICK = 0.1
_PATIENCE = 20.0  # seconds for web and clusters each to finish what they are at


class SetUpFailed(Exception):
    """What must be done first could not be done; the child that tried has said why."""

    def __init__(self, *, code: int) -> None:
        super().__init__(f"The set-up ended with code {code}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """What the children run."""

    web: Callable[[], None]
    cluster: Program


class Supervisor:
    """Runs the product until it is told to stop."""

    def __init__(self, *, server: Server | None, parts: Collection[str]) -> None:
        """Be ready to run.

        Args:
            server: the embedded server to hold; None where the database is elsewhere.
            parts: which of PARTS to run here.
        """
        self._server = server
        self._parts = parts
        self._postgres: Postgres | None = None
        self._web: Child | None = None
        self._web_pause = 0.0
        self._web_start_at = 0.0
        self._clusters: list[TaskCluster] = []
        self._signals = 0

    def run(
        self, *, set_up: Callable[[], None], load: Callable[[], Programs], may_create_account: bool = False
    ) -> None:
        """Run until SIGTERM, SIGINT or SIGHUP, then stop everything in order.

        Args:
            set_up: what must be done before anything can run; run by a child.
            load: loads the product, which takes seconds, and gives its programs.

        Raises:
            SetUpFailed: as it says.
            EmbeddedError: the server does not start, or another parent holds it.
        """
        with ExitStack() as stack:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                stack.callback(signal.signal, number, signal.signal(number, self._note_signal))
            tables = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wayfare-")))
            if self._server is not None:
                stack.enter_context(kept(self._server))
                self._postgres = Postgres(self._server)
                stack.callback(self._postgres.stop)
                self._postgres.start(may_create_account=may_create_account)
            programs = self._set_up(set_up, load=load)
            stack.callback(self._stop_doors)
            names = [name for name in JOBS if name in self._parts]
            self._clusters = [TaskCluster(name, program=programs.cluster, tables=tables) for name in names]
            while not self._signals:
                self._tend(programs)
                time.sleep(_TICK)

    def _tend(self, programs: Programs) -> None:
        if self._postgres is not None:
            self._postgres.tend()
        if WEB in self._parts:
            self._tend_web(programs)
        for cluster in self._clusters:
            cluster.tend()
        if os.getpid() == 1:
            reap_strangers()

    def _tend_web(self, programs: Programs) -> None:
        now = time.monotonic()
        if self._web is not None and self._web.exit_code is not None:
            logger.error("The web server ended with code %s and is started again.", self._web.exit_code)
            self._web_pause = next_pause(self._web_pause, age=self._web.age)
            self._web_start_at = now + self._web_pause
            self._web.kill()  # its workers hold the port
            self._web = None
        if self._web is None and now >= self._web_start_at:
            self._web = Child(WEB, programs.web)

    def _stop_doors(self) -> None:
        """Stop the web server first, then the clusters, side by side."""
        if self._web is not None:
            self._web.ask_to_stop()
            self._wait(self._web)
            self._web.kill()
        for cluster in self._clusters:
            cluster.ask_to_stop()
        deadline = time.monotonic() + _PATIENCE
        for cluster in self._clusters:
            while cluster.is_running and self._has_patience(deadline):
                time.sleep(_TICK)
            cluster.kill()

    def _wait(self, child: Child) -> None:
        deadline = time.monotonic() + _PATIENCE
        while child.exit_code is None and self._has_patience(deadline):
            time.sleep(_TICK)

    def _has_patience(self, deadline: float) -> bool:
        """Whether to wait on: a second signal means at once. Meanwhile the database must be there."""
        if self._postgres is not None:
            self._postgres.tend()
        return self._signals < 2 and time.monotonic() < deadline

    def _set_up(self, set_up: Callable[[], None], *, load: Callable[[], Programs]) -> Programs:
        child = Child("set-up", set_up)
        try:
            programs = load()  # meanwhile
            while child.exit_code is None and not self._signals:
                if self._postgres is not None:
                    self._postgres.tend()
                time.sleep(_TICK)
            if child.exit_code:
                raise SetUpFailed(code=child.exit_code)
            return programs
        finally:
            child.kill()

    def _note_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1


def reap_strangers() -> None:
    """Take leave of dead processes that became ours when their parent died: process 1 must."""
    while True:
        try:
            waiting = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if waiting is None or os.getpgid(waiting.si_pid) == waiting.si_pid:
            return  # a child of ours leads its group; its own object reaps it at its next look
        os.waitpid(waiting.si_pid, os.WNOHANG)
