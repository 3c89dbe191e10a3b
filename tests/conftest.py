"""Fixtures of every test. The database starts itself when a test first connects (tests/settings.py)."""

from collections.abc import Iterator

import pytest

from cdp_site import wakeup
from cdp_site.pipeline.rules import forget_rules
from profiles import partitions
from profiles.store.people import forget_names


@pytest.fixture(autouse=True)
def fresh_process() -> Iterator[None]:
    """Forget what a worker remembers of the database: each test begins with another one."""
    yield
    wakeup.stop()
    forget_rules()
    forget_names()
    partitions.forget()
