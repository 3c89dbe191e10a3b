"""A small product in one process: the real HTTP door, the pipeline, a mail server and a CRM on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.end_to_end.product import Clock, Product, running_product


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of day, which a test moves on."""
    return Clock.installed(monkeypatch)


@pytest.fixture
def product(transactional_db: None, clock: Clock, settings: Settings, tmp_path: Path) -> Iterator[Product]:
    """An empty product with a CRM, a mail account and two sources."""
    with running_product(clock=clock, settings=settings, directory=tmp_path) as product:
        yield product
