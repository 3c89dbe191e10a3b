"""Measure the product beside its limits, in a database of its own, and print a table."""

import os
import subprocess
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection
from django.utils.translation import gettext as _

from cdp_site.bench import drain, ingest, latency

PARTS = ("ingest", "drain", "latency")
_DATABASE = "wayfare_bench"
_INSIDE = "WAYFARE_BENCH_INSIDE"


class Command(BaseCommand):
    help = _("Measure ingest, drain and latency, each beside its limit in the same run.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("parts", nargs="*", choices=PARTS, default=[], help=_("Only these parts."))

    def handle(self, *args: Any, **options: Any) -> None:
        parts = options["parts"] or PARTS
        if os.environ.get(_INSIDE):
            self._measure(parts)
            return
        url = self._fresh_database()
        environment = {**os.environ, "DATABASE_URL": url, _INSIDE: "1"}
        done = subprocess.run(
            [sys.executable, "manage.py", "bench", *parts],
            cwd=settings.BASE_DIR,
            env=environment,
            check=False,
        )
        self._drop_database()
        sys.exit(done.returncode)

    def _measure(self, parts: Any) -> None:
        call_command("migrate", verbosity=0)
        if "ingest" in parts:
            self._table(_("Ingest"), [asdict(row) for row in ingest.measure()])
        if "drain" in parts:
            self._table(_("Drain"), [asdict(row) for row in drain.measure()])
        if "latency" in parts:
            self._table(_("Latency"), [asdict(row) for row in latency.measure()])

    def _table(self, title: str, rows: list[dict[str, Any]]) -> None:
        shown = [{name: _text(value) for name, value in row.items()} for row in rows]
        widths = {name: max(len(name), *(len(row[name]) for row in shown)) for name in shown[0]}
        self.stdout.write(f"\n{title}")
        self.stdout.write("  ".join(name.ljust(width) for name, width in widths.items()))
        for row in shown:
            self.stdout.write("  ".join(row[name].ljust(width) for name, width in widths.items()))

    def _fresh_database(self) -> str:
        self._drop_database()
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {_DATABASE}")
        found = connection.settings_dict
        password = f":{quote(found['PASSWORD'], safe='')}" if found["PASSWORD"] else ""
        host = quote(found["HOST"], safe="")
        return f"postgres://{quote(found['USER'])}{password}@{host}:{found['PORT'] or 5432}/{_DATABASE}"

    def _drop_database(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {_DATABASE} WITH (FORCE)")


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,.2f}" if isinstance(value, float) else str(value)
