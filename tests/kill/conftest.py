"""One running product for all kill tests, and a report of how long it was away."""

from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import pytest
from django.conf import settings

from tests.kill.product import Product, running_product
from tests.kill.traffic import JOURNEY, Traffic
from tests.sinks import MailServer, mail_server

Report = Callable[[list[float]], None]


@pytest.fixture(scope="session")
def mails() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture(scope="session")
def product(mails: MailServer) -> Iterator[Product]:
    programs = settings.EMBEDDED_SERVER.programs
    environment = {"WAYFARE_PG_BIN": programs} if programs else {}
    with running_product(EMAIL_URL=f"smtp://127.0.0.1:{mails.port}", **environment) as running:
        running.manage("shell", "--no-imports", "-c", JOURNEY)
        yield running


@pytest.fixture(scope="session")
def key(product: Product) -> str:
    return product.manage("key", "kill", "--trust", "server")


@pytest.fixture
def traffic(product: Product, key: str, mails: MailServer) -> Traffic:
    """Traffic that is not flowing yet."""
    return Traffic(product, key=key, mails=mails)


@pytest.fixture
def away(record_property: Callable[[str, object], None]) -> Report:
    """Report how many seconds the service was away after each kill."""

    def report(seconds: list[float]) -> None:
        text = (
            f"{len(seconds)} kills, back after {median(seconds):.1f} s (median), {max(seconds):.1f} s (most)"
        )
        record_property("away", text)

    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for report in terminalreporter.stats.get("passed", []):
        for name, text in report.user_properties:
            if name == "away":
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {text}")
