"""A child of the parent process: a program with its whole process group.

Each child leads a group of its own. So the terminal's Ctrl-C reaches the parent alone, which stops
its children in order, and whatever a child forked can be found and killed by the group's number.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

# A child that lived shorter failed to start; the next try waits, longer each time.
_SHORT_LIFE = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """How to start and stop a child."""

    name: str
    command: tuple[str, ...]
    directory: Path  # to run in: where the packages are
    environment: Mapping[str, str] = field(default_factory=dict)  # on top of the parent's
    stop_signal: signal.Signals = signal.SIGTERM
    patience: float = 20.0  # seconds for an orderly stop


class Child:
    """A running program and how its life went."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.begun_at = time.monotonic()
        self._process = subprocess.Popen(
            spec.command,
            cwd=spec.directory,
            env={**os.environ, **spec.environment},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The leader's process id, which is also the group's."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while the leader runs; asking reaps it."""
        return self._process.poll()

    @property
    def age(self) -> float:
        return time.monotonic() - self.begun_at

    def members(self) -> set[int]:
        """The process ids of the group."""
        return group_members(self.pid)

    def ask_to_stop(self) -> None:
        if self.exit_code is None:
            os.kill(self.pid, self.spec.stop_signal)

    def has_stopped(self, *, within: float) -> bool:
        """Wait for the leader's end."""
        try:
            self._process.wait(timeout=within)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End whatever is left of the group, and reap the leader."""
        kill_group(self.pid)
        self._process.wait()


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
