"""A child of the parent process: a forked program with its whole process group.

Each child leads a group of its own. So the terminal's Ctrl-C reaches the parent alone, which stops
its children in order, and whatever a child forked can be found and killed by the group's number.

Forked, not executed anew: the parent has loaded the product once, and a child is there at once, at the
start as after a crash. For that the parent must have neither threads nor database connections.
"""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable

import psutil

from cdp_site.processes.parent import die_with_parent, name_process

# A child that lived shorter failed to start; the next try waits, longer each time.
_SHORT_LIFE = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_fork = multiprocessing.get_context("fork")


class Child:
    """A running program and how its life went."""

    def __init__(self, name: str, main: Callable[[], object]) -> None:
        """Start `main` in a process of its own; its SystemExit is the exit code."""
        self.name = name
        self.begun_at = time.monotonic()
        sys.stdout.flush()
        sys.stderr.flush()
        self._process = _fork.Process(target=_lead, args=(name, main), name=name)
        self._process.start()
        while self.exit_code is None and _group_of(self.pid) != self.pid:
            time.sleep(0.001)  # from here on its group can be killed

    @property
    def pid(self) -> int:
        """The leader's process id, which is also the group's."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while the leader runs; asking reaps it."""
        return self._process.exitcode

    @property
    def age(self) -> float:
        return time.monotonic() - self.begun_at

    def members(self) -> set[int]:
        """The process ids of the group."""
        return group_members(self.pid)

    def ask_to_stop(self) -> None:
        if self.exit_code is None:
            os.kill(self.pid, signal.SIGTERM)

    def has_stopped(self, *, within: float) -> bool:
        """Wait for the leader's end."""
        self._process.join(timeout=within)
        return self.exit_code is not None

    def kill(self) -> None:
        """End whatever is left of the group, and reap the leader."""
        kill_group(self.pid)
        self._process.join()


def _lead(name: str, main: Callable[[], object]) -> None:
    """Be the child: leader of a group, without the parent's signal handlers, gone when the parent is."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    os.setsid()
    die_with_parent(signal.SIGTERM)
    name_process(f"wayfare {name}")
    main()


def next_pause(previous: float, *, age: float) -> float:
    """Seconds to wait before a child that died at `age` is started again."""
    if age >= _SHORT_LIFE:
        return 0.0
    return min(max(previous * 2, _FIRST_PAUSE), _LONGEST_PAUSE)


def group_members(group: int) -> set[int]:
    """The living processes of a group; zombies are not."""
    return {pid for pid in psutil.pids() if _group_of(pid) == group and not _is_zombie(pid)}


def kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return  # all gone


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _is_zombie(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
