"""Fixtures of every test. The database starts itself when a test first connects (tests/settings.py)."""

from collections.abc import Iterator

import psutil
import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from pytest_django import DjangoDbBlocker

from cdp_site import wakeup
from connectors import keys, limits
from profiles import partitions
from profiles.store.names import forget_names

# Generated cases are judged by their outcome: how long one takes is the machine's affair.
settings.register_profile("wayfare", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("wayfare")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Leave nobody on the test database when it is dropped, and nothing of runs that were killed."""
    with django_db_blocker.unblock():
        drop_leftovers()
    yield
    wakeup.stop()


def drop_leftovers() -> None:
    """Drop test databases whose process is gone; their names carry its id."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname ~ '^test_wayfare_[0-9]+'")
        for (name,) in cursor.fetchall():
            if not psutil.pid_exists(int(name.split("_")[2])):
                cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(autouse=True)
def fresh_process() -> Iterator[None]:
    """Forget what a worker remembers of the database: each test begins with another one."""
    yield
    forget_names()
    partitions.forget()
    keys.forget()
    limits.forget()
