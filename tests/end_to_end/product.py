"""The product in one process, driven as the task clusters do, on a clock that the test moves.

Messages come through the HTTP door. `settle` does what the clusters would have done by now: it drains
every lane, sweeps, and sends, until nothing is left to do. The clock is Django's; nothing of ours is
patched.
"""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from cdp_site import wakeup
from cdp_site.pipeline import drain_lane, sweep
from cdp_site.pipeline.rules import forget_rules
from connectors import keys, vault
from connectors.channels.crm import CRM
from connectors.models import Connection, Delivery, Source
from connectors.services import send_due
from journeys.models import Decision, Journey
from journeys.services import create_journey, publish_journey
from profiles.models import Identity, Person
from profiles.store.inbox import HISTORICAL_LANES, LIVE_LANES
from tests import build
from tests.sinks import CRM_TOKEN, Crm, MailServer, crm, mail_server

Message = dict[str, Any]

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = timedelta(seconds=1)  # what the sweep leaves to messages that may still be on their way
_MOST_ROUNDS = 30


@dataclass(slots=True)
class Clock:
    """The time of day for everything that asks Django for it."""

    now: datetime = NOON

    @classmethod
    def installed(cls, monkeypatch: pytest.MonkeyPatch) -> "Clock":
        clock = cls()
        monkeypatch.setattr(timezone, "now", clock.read)
        return clock

    def read(self) -> datetime:
        return self.now

    def move(self, **length: float) -> None:
        self.now += timedelta(**length)


@dataclass(slots=True, kw_only=True)
class Product:
    """What a test holds in its hands."""

    clock: Clock
    crm: Crm
    mails: MailServer
    shop: Source  # a public source
    backend: Source  # the company's own
    client: Client = field(default_factory=Client)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    # -- in ----------------------------------------------------------------------------------------

    def tell(
        self,
        *messages: Message,
        source: Source | None = None,
        path: str = "batch",
        sent_at: datetime | None = None,
    ) -> None:
        """Send messages in one request; it must be taken whole."""
        key = (source or self.shop).write_key
        answer = self.client.post(
            f"/v1/{path}",
            data={"batch": [self._complete(message) for message in messages]}
            | {"sentAt": (sent_at or self.clock.now).isoformat()},
            content_type="application/json",
            headers={"Authorization": f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}"},
        )
        assert answer.status_code == 200, answer.content
        assert answer.json() == {"success": True}

    def _complete(self, message: Message) -> Message:
        return {
            "messageId": f"m{next(self._numbers)}",
            "timestamp": self.clock.now.isoformat(),
            **message,
        }

    def publish(self, slug: str, document: Mapping[str, Any]) -> Journey:
        """Let people enter a journey from now on."""
        journey = create_journey("mia", slug=slug, name=slug.capitalize(), document=document)
        publish_journey(slug, actor="mia", now=self.clock.now)
        return journey

    # -- work --------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Do everything that is due by now, results of sending included."""
        for _ in range(_MOST_ROUNDS):
            stored = self.drain()
            moved = sweep()
            sent = send_due(self.clock.now, clock=self.clock.read)
            if not stored and not any(moved.values()) and not any(sent.values()):
                return
        pytest.fail("the product never comes to rest")

    def drain(self) -> int:
        """Drain every lane; give how many messages were stored or kept aside."""
        total = 0
        for lane in (*LIVE_LANES, *HISTORICAL_LANES):
            counts = drain_lane(lane)
            total += counts["stored"] + counts["aside"]
        return total

    def pass_time(self, **length: float) -> None:
        """Let time pass, and do what became due."""
        self.clock.move(**length)
        self.settle()

    # -- out ---------------------------------------------------------------------------------------

    def person(self, value: str, *, kind: str = "user_id") -> Person:
        """Whose identity this is."""
        person = Identity.objects.select_related("person").get(kind=kind, value=value).person
        assert person is not None
        return person

    def ledger(self, value: str, *, kind: str = "user_id") -> list[tuple[str, str, str]]:
        """What was decided about somebody: outcome, step, reason, in the order of deciding."""
        rows = Decision.objects.filter(person_id=self.person(value, kind=kind).pk).order_by("at", "id")
        return [(row.outcome, row.step, row.reason) for row in rows]

    def actions(self) -> list[tuple[str, str]]:
        """What the CRM was told: the action and whom it is about."""
        return [(thing["action"], thing["contact"]["user_id"]) for thing in self.crm.things.values()]

    def deliveries(self, value: str) -> list[Delivery]:
        return list(Delivery.objects.filter(person_id=self.person(value).pk).order_by("id"))


@contextmanager
def running_product(*, clock: Clock, settings: Settings, directory: Path) -> Iterator[Product]:
    """Set up an empty product with a mail server and a CRM on loopback."""
    settings.WAYFARE_DATA = directory
    settings.WAYFARE_ALLOW_PRIVATE_DESTINATIONS = True
    keys.forget()
    forget_rules()
    with crm() as made_crm, mail_server() as mails:
        settings.EMAIL_URL = f"smtp://127.0.0.1:{mails.port}"
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", mails.port, False
        _connect(made_crm)
        yield Product(
            clock=clock,
            crm=made_crm,
            mails=mails,
            shop=build.source(slug="shop"),
            backend=build.source(slug="backend", trust="server"),
        )
    wakeup.stop()  # its connection would keep the test database from being dropped
    keys.forget()
    forget_rules()


def _connect(made: Crm) -> Connection:
    settings = CRM.read_settings({"base_url": made.url, "token": CRM_TOKEN})
    token = str(settings.pop("token"))
    return Connection.objects.create(
        slug="crm", name="CRM", kind="crm", settings=settings, secret=vault.seal(token)
    )
