"""What must be done before anything can run: check the database, migrate it, collect static files."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.checks import Tags, run_checks
from django.core.management import call_command
from django.db import connection

_LOCK = 7300  # an advisory lock: machines that start at once migrate one after the other


def set_up() -> None:
    """Make database and static files ready, in a process of its own; ends with code 1 if it cannot."""
    problems = [str(message) for message in run_checks(tags=[Tags.database], databases=["default"])]
    if problems:
        raise SystemExit("\n".join(problems))
    with alone():
        call_command("migrate", interactive=False, verbosity=0, skip_checks=True)
    call_command("collectstatic", interactive=False, verbosity=0, skip_checks=True)


@contextmanager
def alone() -> Iterator[None]:
    """Hold the lock. Tried again and again: a waiting statement would hold up indexes built concurrently."""
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
            if cursor.fetchone() == (True,):
                break
            time.sleep(0.2)
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
