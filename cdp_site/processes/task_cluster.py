"""A task cluster as a child of the parent: kept running, and replaced where it stands still."""

import logging
import os
import signal
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import psutil

from cdp_site.processes.child import Child, group_members, kill_group, next_pause
from cdp_site.processes.vitals import Vitals
from cdp_site.processes.watchdog import Watchdog

logger = logging.getLogger(__name__)

_AFTERMATH = 2.0  # seconds in which the monitor stores the result of a spared worker
_LONGEST_SPARE = 900.0


class Program(Protocol):
    """What a cluster runs, in a process of its own."""

    def __call__(self, name: str, *, file: Path) -> None: ...


@dataclass(slots=True)
class _Retired:
    """What is left of a frozen cluster: workers that finish their tasks, and who takes the results."""

    group: int
    spared: set[int]
    vitals: Vitals
    until: float

    def is_over(self, *, now: float) -> bool:
        """Whether nobody in it works any more. A moment is left for storing the last result."""
        alive = self.spared & group_members(self.group)
        if any(worker.busy_since for worker in self.vitals.workers() if worker.pid in alive):
            return now > self.until
        self.until = min(self.until, now + _AFTERMATH)
        return now >= self.until


class TaskCluster:
    """One named cluster and the remains of its predecessors."""

    def __init__(self, name: str, *, program: Program, tables: Path) -> None:
        """Be ready to start the cluster.

        Args:
            tables: where its shared tables go, one for each start.
        """
        self.name = name
        self._program = program
        self._tables = tables
        self._starts = 0
        self._pause = 0.0
        self._start_at = 0.0
        self._child: Child | None = None
        self._retired: list[_Retired] = []
        self._vitals: Vitals
        self._watchdog: Watchdog

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.exit_code is None

    def tend(self) -> None:
        """Start, watch, replace: whatever is needed now. Called several times a second."""
        now = time.monotonic()
        self._retired = [retired for retired in self._retired if not self._bury(retired, now=now)]
        if self._child is None:
            if now >= self._start_at:
                self._start()
            return
        if self._child.exit_code is not None:
            self._pause = next_pause(self._pause, age=self._child.age)
            logger.error("The cluster %s ended with code %s.", self.name, self._child.exit_code)
            self._child.kill()
            self._child, self._start_at = None, now + self._pause
        elif self._watchdog.is_frozen(members=self._child.members, now=now):
            logger.error("The cluster %s stands still and is replaced.", self.name)
            self._retire(self._child, now=now)
            self._start()

    def ask_to_stop(self) -> None:
        for retired in self._retired:
            kill_group(retired.group)
        if self._child:
            self._child.ask_to_stop()

    def kill(self) -> None:
        """End whatever is left."""
        if self._child:
            self._child.kill()
            self._child = None

    def _start(self) -> None:
        self._starts += 1
        file = self._tables / f"{self.name}-{self._starts}"
        self._vitals = Vitals(file)
        if self._starts > 1:
            self._vitals.mark_restarted()
        self._watchdog = Watchdog(self._vitals, begun_at=time.monotonic())
        self._child = Child(self.name, partial(self._program, self.name, file=file))

    def _retire(self, child: Child, *, now: float) -> None:
        """End a frozen cluster, but let its busy workers finish what they do.

        Its sentinel is only stopped: it must not replace the workers we kill, and its death would be
        that of the workers we spare.
        """
        members = child.members()
        busy = self._watchdog.busy(members=members, now=now)
        if not busy:
            child.kill()
            return
        parents = {parent for pid in busy if (parent := _parent_of(pid)) in members}
        for pid in parents:
            _signal(pid, signal.SIGSTOP)
        for pid in members - parents - busy - {self._vitals.monitor_pid}:
            _signal(pid, signal.SIGKILL)
        child.has_stopped(within=5.0)
        retired = _Retired(group=child.pid, spared=busy, vitals=self._vitals, until=now + _LONGEST_SPARE)
        self._retired.append(retired)

    def _bury(self, retired: _Retired, *, now: float) -> bool:
        if not retired.is_over(now=now):
            return False
        kill_group(retired.group)
        return True


def _parent_of(pid: int) -> int:
    try:
        return int(psutil.Process(pid).ppid())
    except psutil.NoSuchProcess:
        return 0


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
