"""Measure the product beside its limits, in a database of its own, and print a table."""

import os
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from types import FrameType
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import ProgrammingError, connection
from django.utils.translation import gettext as _
from psycopg.errors import InsufficientPrivilege

from cdp_site.bench import backtest, clock, drain, ingest, journeys, latency, mails, segments
from cdp_site.bench.running import Missed
from cdp_site.demo.client import Unexpected
from cdp_site.processes.parent import die_with_parent

PARTS = ("ingest", "drain", "latency", "journeys", "backtest", "clock", "segments", "matching", "mails")
_DATABASE = "wayfare_bench"
_INSIDE = "WAYFARE_BENCH_INSIDE"  # set for the inner process: the outer one's id
_DROPS = 60  # tries to drop the database, a second apart
_STOP = 90.0  # seconds for the inner process to end what it started


class Command(BaseCommand):
    help = _("Measure ingest, drain and latency, each beside its limit in the same run.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        # Not `choices`: argparse would look for the empty list itself among them.
        names = ", ".join(PARTS)
        parser.add_argument("parts", nargs="*", help=_("Only these parts: %(names)s.") % {"names": names})
        parser.add_argument(
            "--events",
            type=int,
            action="append",
            help=_("How many events the segments are counted over; may be given several times."),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        parts = options["parts"] or PARTS
        self._sizes = options["events"] or segments.SIZES
        if unknown := set(parts) - set(PARTS):
            raise CommandError(_("There is no part %(name)s.") % {"name": min(unknown)})
        with _ended_once():
            if parent := os.environ.get(_INSIDE):
                die_with_parent(signal.SIGTERM)
                if os.getppid() == int(parent):  # it may have died while we were loaded
                    self._measure(parts)
            else:
                self._measure_apart(parts)

    def _counts(self) -> Sequence[segments.CountRow]:
        return segments.measure_counts(sizes=self._sizes, tell=self.stderr.write)

    def _measure_apart(self, parts: Sequence[str]) -> None:
        """Measure in a process that knows no other database than the new one."""
        environment = {**os.environ, "DATABASE_URL": self._fresh_database(), _INSIDE: str(os.getpid())}
        inner = subprocess.Popen(
            [sys.executable, "manage.py", "bench", *parts, *(f"--events={size}" for size in self._sizes)],
            cwd=settings.BASE_DIR,
            env=environment,
            start_new_session=True,  # Ctrl-C is for us
        )
        try:
            code = inner.wait()
        finally:
            _end(inner)
            self._drop_database()
        if code:
            raise CommandError(_("The measurement failed, see above."), returncode=code)

    def _measure(self, parts: Sequence[str]) -> None:
        call_command("migrate", verbosity=0)
        measures: dict[str, tuple[str, Callable[[], Sequence[Any]]]] = {
            "ingest": (_("Ingest"), ingest.measure),
            "drain": (_("Drain"), drain.measure),
            "latency": (_("Latency"), latency.measure),
            "journeys": (_("Journeys in bulk"), journeys.measure),
            "backtest": (_("Back-test"), backtest.measure),
            "clock": (_("Segments: moved by the clock"), clock.measure),
            "segments": (_("Segments: everybody counted"), self._counts),
            "few": (_("Segments: some people asked"), segments.measure_few),
            "matching": (_("Live rules matched"), segments.measure_matching),
            "mails": (_("Mails"), mails.measure),
        }
        try:
            for part, (title, measure) in measures.items():
                if part in parts or (part == "few" and "segments" in parts):  # the same crowd
                    self._table(title, [asdict(row) for row in measure()])
        except (Missed, segments.Differs, Unexpected, OSError, subprocess.SubprocessError) as error:
            raise CommandError(str(error)) from error

    def _table(self, title: str, rows: list[dict[str, Any]]) -> None:
        shown = [{name: _text(value) for name, value in row.items()} for row in rows]
        widths = {name: max(len(name), *(len(row[name]) for row in shown)) for name in shown[0]}
        self.stdout.write(f"\n{title}")
        self.stdout.write("  ".join(name.ljust(width) for name, width in widths.items()))
        for row in shown:
            self.stdout.write("  ".join(row[name].ljust(width) for name, width in widths.items()))
        self.stdout.flush()

    def _fresh_database(self) -> str:
        self._drop_database()
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {_DATABASE}")
        found = connection.settings_dict
        password = f":{quote(found['PASSWORD'], safe='')}" if found["PASSWORD"] else ""
        host = quote(found["HOST"], safe="")
        return f"postgres://{quote(found['USER'])}{password}@{host}:{found['PORT'] or 5432}/{_DATABASE}"

    def _drop_database(self) -> None:
        for attempt in range(_DROPS):
            try:
                with connection.cursor() as cursor:
                    cursor.execute(f"DROP DATABASE IF EXISTS {_DATABASE} WITH (FORCE)")
            except ProgrammingError as error:
                # The server's own vacuum is at work in it, which we may not end; it soon is.
                if attempt == _DROPS - 1 or not isinstance(error.__cause__, InsufficientPrivilege):
                    raise
                time.sleep(1.0)
            else:
                return


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


@contextmanager
def _ended_once() -> Iterator[None]:
    """Let the first signal end us through all `finally`s; those after it must not cut them short."""

    def end(number: int, _frame: FrameType | None) -> None:
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, signal.SIG_IGN)
        raise SystemExit(128 + number)

    before = {one: signal.signal(one, end) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _end(inner: subprocess.Popen[bytes]) -> None:
    inner.terminate()
    try:
        inner.wait(timeout=_STOP)
    except subprocess.TimeoutExpired:
        inner.kill()
        inner.wait()
