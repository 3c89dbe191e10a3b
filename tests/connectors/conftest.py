"""Destinations that the tests of connectors send to."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from connectors import vault
from connectors.models import Connection
from profiles.models import Person
from tests import build, sinks


@pytest.fixture(autouse=True)
def own_data_directory(settings: Settings, tmp_path: Path) -> None:
    """Keys and journals of a test are its own."""
    settings.WAYFARE_DATA = tmp_path


@pytest.fixture
def own_network(settings: Settings) -> None:
    """Allow calls to the loopback."""
    settings.WAYFARE_ALLOW_PRIVATE_DESTINATIONS = True


@pytest.fixture
def mail_server(settings: Settings) -> Iterator[sinks.MailServer]:
    """A mail server that the installation sends through."""
    with sinks.mail_server() as server:
        settings.EMAIL_URL = f"smtp://127.0.0.1:{server.port}"
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        yield server


@pytest.fixture
def http_server(own_network: None) -> Iterator[sinks.HttpServer]:
    with sinks.http_server() as server:
        yield server


@pytest.fixture
def crm(own_network: None) -> Iterator[sinks.Crm]:
    with sinks.crm() as server:
        yield server


@pytest.fixture
def crm_connection(db: None, crm: sinks.Crm) -> Connection:
    """The connection "crm" to the CRM that runs."""
    return Connection.objects.create(
        slug="crm",
        name="CRM",
        kind="crm",
        settings={
            "base_url": crm.url,
            "paths": {
                "create_deal": "/deals",
                "create_task": "/tasks",
                "upsert_contact": "/contacts",
                "add_note": "/notes",
            },
            "idempotency_header": "Idempotency-Key",
        },
        secret=vault.seal(sinks.CRM_TOKEN),
    )


@pytest.fixture
def webhook_connection(db: None, http_server: sinks.HttpServer) -> Connection:
    """The connection "hook" to the HTTP server that runs."""
    return Connection.objects.create(
        slug="hook",
        name="Hook",
        kind="webhook",
        settings={"url": f"{http_server.url}/in", "type": "journey.message"},
        secret=vault.seal(sinks.WEBHOOK_SECRET),
    )


@pytest.fixture
def ada(db: None) -> Person:
    return build.person(
        traits={"email": "ada@example.com", "firstName": "Ada"},
        identities={"email": "ada@example.com", "user_id": "42"},
        consent={"email_marketing": True},
    )
