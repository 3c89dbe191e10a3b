"""The desk of a cluster: which jobs to hand out now, and when to look again.

It runs in the cluster's pusher process, which is alone on its database connection.
"""

import select
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import psycopg
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone
from psycopg import sql

from cdp_site.processes import queries
from cdp_site.processes.jobs import CHANNELS, JOBS, Job, Need
from cdp_site.processes.vitals import Vitals

_POLL = 1.0  # seconds: how late we are at most where a notification is lost
_AFTER_FAILURE = 0.2
_DATABASE_PATIENCE = 2  # seconds
# Another sender is called only if rows are still due that long after the last one was.
_NEXT_SENDER = 0.1
_CALLED_BY = {"inbox": Need.LANE, "runs": Need.RUNS, "deliveries": Need.DELIVERIES}


class Desk:
    """Hands out the jobs of one cluster."""

    def __init__(self, *, cluster: str, workers: int, vitals: Vitals, bell: int) -> None:
        """Take the desk.

        Args:
            bell: file descriptor that becomes readable when a worker has finished a task.
        """
        self._jobs = dict(enumerate(JOBS.get(cluster, ())))
        self._channels = CHANNELS.get(cluster, ())
        self._workers = workers
        self._vitals = vitals
        self._bell = bell
        self._look_again = 0.0
        self._listening: Any = None
        self._heard: set[str] = set()

    def take(self) -> list[Job]:
        """Give the jobs to hand out now, and count them as handed out."""
        self._look_again = time.monotonic() + _POLL
        numbers = [number for number in self._of(Need.BEAT) if self._is_time(number)]
        try:
            numbers += self._wanted()
        except (OperationalError, InterfaceError):
            # The database is away: it comes back or the parent brings it back. The beat goes on, or
            # the watchdog would take us for frozen.
            self._hang_up()
            self._look_again = min(self._look_again, time.monotonic() + _AFTER_FAILURE)
        for number in numbers:
            self._vitals.hand_out(number)
        return [self._jobs[number] for number in numbers]

    def wait(self) -> None:
        """Sleep until a notification, a finished task, or the time to look again."""
        sources: list[Any] = [self._bell]
        if self._listening is not None and self._listening.closed:
            self._hang_up()
        if self._listening is not None:
            sources.append(self._listening)
        pause = 0.0 if self._heard else max(0.0, self._look_again - time.monotonic())
        readable, _, _ = select.select(sources, [], [], pause)
        if self._listening in readable:
            self._read_notifications()
        for channel in self._heard:
            self._wake(channel)
        self._heard.clear()

    def _wanted(self) -> list[int]:
        """Choose among the jobs that rows or the clock call for, as many as workers are free."""
        self._listen()
        work = [number for number, job in self._jobs.items() if job.need is not Need.BEAT]
        idle = [number for number in work if not self._vitals.is_out(number)]
        free = self._workers - (len(work) - len(idle))
        if free <= 0:
            return []  # a worker that becomes free rings
        due = [*self._due_by_clock(idle), *self._due_rows(idle), *self._waiting_lanes(idle)]
        return due[:free]

    def _due_by_clock(self, idle: Iterable[int]) -> list[int]:
        return [number for number in self._of(Need.CLOCK, idle) if self._is_time(number)]

    def _due_rows(self, idle: Iterable[int]) -> list[int]:
        wanted = []
        for need, ask in ((Need.RUNS, queries.next_run_due), (Need.DELIVERIES, queries.next_delivery_due)):
            candidates = self._of(need, idle)
            everyone = self._of(need)
            if candidates and not self._was_just_called(set(everyone) - set(candidates)):
                number = min(candidates, key=self._vitals.rests_until)
                if self._is_due(number, ask=ask):
                    wanted.append(number)
        return wanted

    def _is_due(self, number: int, *, ask: Any) -> bool:
        """Whether rows call for the job. While it rests only those count that became due since."""
        is_resting = self._rests(number)
        barren_at = self._vitals.barren_at(number)
        if is_resting and not barren_at:
            return False  # it failed
        after = datetime.fromtimestamp(barren_at, tz=UTC) if is_resting else None
        due_at: datetime | None = ask(after=after)
        if due_at is None:
            return False
        pause = (due_at - timezone.now()).total_seconds() + self._jobs[number].lag
        self._look_at(time.monotonic() + pause)
        return pause <= 0

    def _waiting_lanes(self, idle: Iterable[int]) -> list[int]:
        """The lanes with rows, the one that waited longest first."""
        candidates = [number for number in self._of(Need.LANE, idle) if not self._rests(number)]
        if not candidates:
            return []
        waiting = queries.lanes_waiting([self._jobs[number].lane for number in candidates])
        wanted = [number for number in candidates if self._jobs[number].lane in waiting]
        return sorted(wanted, key=self._vitals.handed_at)

    def _of(self, need: Need, among: Iterable[int] | None = None) -> list[int]:
        return [
            number for number in (self._jobs if among is None else among) if self._jobs[number].need is need
        ]

    def _is_time(self, number: int) -> bool:
        """Whether a job of the clock is due."""
        handed_at = self._vitals.handed_at(number)
        next_at = handed_at + self._jobs[number].period if handed_at else 0.0
        if next_at > time.monotonic():
            self._look_at(next_at)
            return False
        return not self._vitals.is_out(number)

    def _rests(self, number: int) -> bool:
        rests_until = self._vitals.rests_until(number)
        if rests_until <= time.monotonic():
            return False
        self._look_at(rests_until)
        return True

    def _was_just_called(self, numbers: Iterable[int]) -> bool:
        called_at = max((self._vitals.handed_at(number) for number in numbers), default=0.0)
        if called_at + _NEXT_SENDER <= time.monotonic():
            return False
        self._look_at(called_at + _NEXT_SENDER)
        return True

    def _look_at(self, moment: float) -> None:
        self._look_again = min(self._look_again, moment)

    def _listen(self) -> None:
        """Subscribe, once per connection, and then look before the first wait."""
        # A database that hangs must not keep us from the beat.
        connection.settings_dict["OPTIONS"]["connect_timeout"] = _DATABASE_PATIENCE
        connection.ensure_connection()
        if self._listening is connection.connection:
            return
        raw: psycopg.Connection[Any] = connection.connection
        raw.execute(sql.SQL("SET statement_timeout = {}").format(f"{_DATABASE_PATIENCE}s"))
        raw.add_notify_handler(lambda notification: self._heard.add(notification.channel))
        for channel in self._channels:
            raw.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        self._listening = raw

    def _hang_up(self) -> None:
        """Forget a connection that is of no use any more; the next look makes another."""
        self._listening = None
        connection.close()

    def _read_notifications(self) -> None:
        raw = self._listening.pgconn
        try:
            raw.consume_input()
        except psycopg.OperationalError:  # the server closed it
            self._hang_up()
            return
        while (notification := raw.notifies()) is not None:
            self._heard.add(notification.relname.decode())

    def _wake(self, channel: str) -> None:
        for number in self._of(_CALLED_BY[channel]) if channel in _CALLED_BY else []:
            self._vitals.wake(number)
