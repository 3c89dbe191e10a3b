"""Tell a frozen cluster from one that works long.

django-q2's workers share one queue whose lock dies with a worker killed while it waits for work: the
others then wait for ever, and nothing inside the cluster notices. From outside it shows: somebody is
idle, and yet not even the beat, handed out each second, is begun any more.
"""

from collections.abc import Callable

from cdp_site.processes.vitals import Vitals, Worker

QUIET = 3.0  # seconds without a task begun, while a worker is idle
_UNCOLLECTED = 15.0  # seconds without a result taken by the monitor
_OVERDUE = 15.0  # seconds past its limit; django-q2 itself ends a task three seconds past it
_START = 45.0  # seconds for a cluster to get its first worker
# One look is not enough: the machine, and we with it, may just have been held up.
_LOOKS = 3
_LOOK_SECONDS = 0.5


class Watchdog:
    """Looks at one cluster, twice a second."""

    def __init__(self, vitals: Vitals, *, begun_at: float) -> None:
        self._vitals = vitals
        self._begun_at = begun_at
        self._first_seen_at = 0.0
        self._looked_at = 0.0
        self._suspicious_looks = 0

    def is_frozen(self, *, members: Callable[[], set[int]], now: float) -> bool:
        """Look, if it is time to.

        Args:
            members: gives the living processes of the cluster; asked only on suspicion, for it takes time.
        """
        if now - self._looked_at >= _LOOK_SECONDS:
            self._looked_at = now
            is_suspicious = self._is_suspicious(members, now=now)
            self._suspicious_looks = self._suspicious_looks + 1 if is_suspicious else 0
        return self._suspicious_looks >= _LOOKS

    def busy(self, *, members: set[int], now: float) -> set[int]:
        """The workers in the midst of a task and within its limit: not to be harmed."""
        return {
            worker.pid
            for worker in self._vitals.workers()
            if worker.pid in members and worker.busy_since and not _is_overdue(worker, now=now)
        }

    def _is_suspicious(self, members: Callable[[], set[int]], *, now: float) -> bool:
        known = self._vitals.workers()
        if not known:
            return now - self._begun_at > _START
        self._first_seen_at = self._first_seen_at or now
        is_overdue = any(_is_overdue(worker, now=now) for worker in known)
        if not is_overdue and not self._is_quiet(now=now):
            return False
        living = members()
        workers = [worker for worker in known if worker.pid in living]
        if any(_is_overdue(worker, now=now) for worker in workers):
            return True
        return self._is_quiet(now=now) and not (workers and all(worker.busy_since for worker in workers))

    def _is_quiet(self, *, now: float) -> bool:
        begun_at = max(self._vitals.started_at, self._first_seen_at)
        taken_at = max(self._vitals.finished_at, self._first_seen_at)
        return now - begun_at >= QUIET or now - taken_at >= _UNCOLLECTED


def _is_overdue(worker: Worker, *, now: float) -> bool:
    return bool(worker.busy_since) and now - worker.busy_since > worker.limit + _OVERDUE
