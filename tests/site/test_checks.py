"""Which databases are refused."""

from types import SimpleNamespace

import pytest
from django.core.checks import Tags, run_checks
from django.db import connection

from cdp_site.checks import check_connection


class Server:
    """A connection to a server of some version."""

    def __init__(self, *, vendor: str = "postgresql", version: int = 150_000) -> None:
        self.vendor = vendor
        self.connection = SimpleNamespace(info=SimpleNamespace(server_version=version))

    def ensure_connection(self) -> None:
        """It is connected."""


@pytest.mark.parametrize(
    ("server", "found"),
    [
        (Server(version=150_000), []),
        (Server(version=180_006), []),
        (Server(version=140_012), ["wayfare.E002"]),
        (Server(vendor="sqlite"), ["wayfare.E001"]),
    ],
)
def test_check_connection(server: Server, found: list[str]) -> None:
    assert [message.id for message in check_connection(server)] == found  # type: ignore[arg-type]


@pytest.mark.django_db
def test_check_database__is_registered_and_content_with_ours() -> None:
    messages = run_checks(tags=[Tags.database], databases=[connection.alias])
    assert [message for message in messages if (message.id or "").startswith("wayfare")] == []
