"""A small table in shared memory: what a cluster's processes tell each other and the watchdog.

It answers three questions without asking anybody who may be stuck: which jobs are handed out and not
done, which workers are at work since when, and when the cluster last started or finished a task. Every
cell is one aligned 8-byte number, so a reader never sees half of one. All times are of the monotonic
clock, which is the same in all processes, except `barren_at`.
"""

import mmap
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

MAX_JOBS = 32
MAX_WORKERS = 64
# A job handed out and never begun was lost with a worker that died between taking and beginning it.
_LOST_AFTER = 10.0
# Whatever its worker's id says: the number may belong to another process by now.
_LOST_AT_LAST = 900.0
_SHORTEST_REST, _LONGEST_REST = 0.25, 1.0

_STARTED, _FINISHED, _RESTARTED, _WRITTEN, _MONITOR, _LEADER = range(6)  # cells of the header
_HEADER = 8
_HANDED, _PID, _REST, _UNTIL, _BARREN = range(5)  # cells of a job
_JOB = 8
_WORKER_PID, _SINCE, _LIMIT = range(3)  # cells of a worker
_WORKER = 4
_JOBS_AT = _HEADER
_WORKERS_AT = _JOBS_AT + MAX_JOBS * _JOB
_CELLS = _WORKERS_AT + MAX_WORKERS * _WORKER
SIZE = _CELLS * 8


class Outcome(Enum):
    """How a job ended."""

    WORKED = "worked"
    BARREN = "barren"  # found nothing to do
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """What a worker process said of itself."""

    pid: int
    busy_since: float  # 0.0: idle
    limit: float  # seconds its task may take


class Vitals:
    """The table of one cluster."""

    def __init__(self, file: Path | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Open the table in `file`, or (None) one that only forked children share."""
        self._clock = clock
        self._memory = mmap.mmap(-1, SIZE) if file is None else _map(file)
        self._cells = memoryview(self._memory).cast("d")

    @property
    def started_at(self) -> float:
        """When a worker last began a task; 0.0 before the first."""
        return self._cells[_STARTED]

    @property
    def finished_at(self) -> float:
        """When the monitor process last took a result; 0.0 before the first."""
        return self._cells[_FINISHED]

    @property
    def monitor_pid(self) -> int:
        """The process that takes the results; 0 before the first."""
        return int(self._cells[_MONITOR])

    @property
    def leader_pid(self) -> int:
        """The process the cluster began with."""
        return int(self._cells[_LEADER])

    def note_leader(self) -> None:
        self._cells[_LEADER] = float(os.getpid())

    def note_finished(self) -> None:
        """Say that the calling process, the monitor, has taken a result."""
        self._cells[_MONITOR] = float(os.getpid())
        self._cells[_FINISHED] = self._clock()

    def mark_restarted(self) -> None:
        """Leave word that the watchdog started this cluster anew."""
        self._cells[_RESTARTED] = 1.0

    def take_restarted(self) -> bool:
        """Read that word once."""
        is_restarted = bool(self._cells[_RESTARTED])
        self._cells[_RESTARTED] = 0.0
        return is_restarted

    def is_time_to_write(self, *, period: float) -> bool:
        """Whether `period` seconds went by since this last said yes."""
        now = self._clock()
        if now - self._cells[_WRITTEN] < period:
            return False
        self._cells[_WRITTEN] = now
        return True

    def hand_out(self, job: int) -> None:
        at = _JOBS_AT + job * _JOB
        self._cells[at + _PID] = 0.0
        self._cells[at + _HANDED] = self._clock()

    def handed_at(self, job: int) -> float:
        """When the job was last handed out; 0.0 if never."""
        return abs(self._cells[_JOBS_AT + job * _JOB + _HANDED])

    def is_out(self, job: int) -> bool:
        """Whether the job is handed out and a worker has it or will."""
        at = _JOBS_AT + job * _JOB
        handed = self._cells[at + _HANDED]
        if handed <= 0:  # done: the time stays, with a minus
            return False
        pid = int(self._cells[at + _PID])
        age = self._clock() - handed
        return age < _LOST_AFTER if pid == 0 else age < _LOST_AT_LAST and is_alive(pid)

    def begin(self, job: int) -> None:
        self._cells[_JOBS_AT + job * _JOB + _PID] = float(os.getpid())

    def finish(self, job: int, *, outcome: Outcome, began_at: float) -> None:
        """Note that a job is done; unless it did something it rests before it is handed out again.

        Args:
            began_at: the wall clock's seconds since 1970 when it began.
        """
        at = _JOBS_AT + job * _JOB
        rest = 0.0
        if outcome is not Outcome.WORKED:
            rest = min(max(self._cells[at + _REST] * 2, _SHORTEST_REST), _LONGEST_REST)
        self._cells[at + _REST] = rest
        self._cells[at + _UNTIL] = self._clock() + rest if rest else 0.0
        self._cells[at + _BARREN] = began_at if outcome is Outcome.BARREN else 0.0
        self._cells[at + _HANDED] = -self._cells[at + _HANDED]

    def rests_until(self, job: int) -> float:
        """Until when the job is not worth handing out; 0.0: it is now."""
        return self._cells[_JOBS_AT + job * _JOB + _UNTIL]

    def barren_at(self, job: int) -> float:
        """When, by the wall clock, the last run of the job began, if that found nothing; else 0.0."""
        return self._cells[_JOBS_AT + job * _JOB + _BARREN]

    def wake(self, job: int) -> None:
        """End the rest of a job that found nothing: there is news. A job that failed rests on."""
        at = _JOBS_AT + job * _JOB
        if self._cells[at + _BARREN]:
            self._cells[at + _REST] = self._cells[at + _UNTIL] = self._cells[at + _BARREN] = 0.0

    def note_worker(self, *, limit: float | None) -> None:
        """Say of the calling process that it begins a task of at most `limit` seconds, or (None) is idle."""
        at = self._place_of(os.getpid())
        now = self._clock()
        self._cells[at + _LIMIT] = limit or 0.0
        self._cells[at + _SINCE] = 0.0 if limit is None else now
        if limit is not None:
            self._cells[_STARTED] = now

    def workers(self) -> list[Worker]:
        """Give the workers that ever spoke; some may be dead."""
        rows = [self._cells[at : at + _WORKER] for at in range(_WORKERS_AT, _CELLS, _WORKER)]
        return [
            Worker(pid=int(row[_WORKER_PID]), busy_since=row[_SINCE], limit=row[_LIMIT])
            for row in rows
            if row[_WORKER_PID]
        ]

    def _place_of(self, pid: int) -> int:
        """Find or take the cells of a worker."""
        for offset in range(MAX_WORKERS):
            at = _WORKERS_AT + (pid + offset) % MAX_WORKERS * _WORKER
            holder = int(self._cells[at + _WORKER_PID])
            if holder == pid:
                return at
            if holder == 0 or not is_alive(holder):
                self._cells[at + _SINCE] = 0.0
                self._cells[at + _WORKER_PID] = float(pid)
                return at
        raise RuntimeError("more workers than the table holds")


def is_alive(pid: int) -> bool:
    """Whether a process of ours exists; its parent may not have taken note of its death yet."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):  # nobody's, or somebody else's by now
        return False
    return True


def _map(file: Path) -> mmap.mmap:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.ftruncate(descriptor, SIZE)
        return mmap.mmap(descriptor, SIZE)
    finally:
        os.close(descriptor)
