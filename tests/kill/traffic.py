"""Steady traffic into a running product, and the count of what came of it."""

import threading
import time
from collections import Counter
from itertools import count
from typing import Any
from uuid import uuid4

import httpx

from tests.kill.product import HANG, Product, wait_until
from tests.sinks import MailServer

PEOPLE = 40
BATCH = 10
_PAUSE = 0.1  # between two batches

# Run inside the product: a journey that sends each person one mail.
JOURNEY = """
from django.utils import timezone
from connectors.models import Template
from journeys.services import create_journey, publish_journey
body = "<mjml><mj-body><mj-section><mj-column><mj-text>Hi</mj-text></mj-column></mj-section></mj-body></mjml>"
content = {"subject": "Hello", "body": body}
Template.objects.create(slug="kill", name="Kill", content=content, version=1)
mail = {"id": "mail", "kind": "send", "channel": "email", "template": "kill", "class": "service"}
document = {"language": 1, "entry": {"on": {"event": "Mail Wanted"}}, "steps": [mail]}
create_journey("test", slug="kill", name="Kill", document=document)
publish_journey("kill", actor="test", now=timezone.now())
"""

_COUNTED = """
SELECT coalesce(sum(total.count), 0)
FROM profiles_persontotal AS total JOIN profiles_eventname AS name ON name.id = total.name_id
WHERE name.name = %s
"""
_STORED = """
SELECT count(*), count(DISTINCT event.message_id)
FROM profiles_event AS event JOIN profiles_eventname AS name ON name.id = event.name_id
WHERE name.name = %s
"""
_SENDS = """
SELECT delivery.state, count(*), max(successes.number)
FROM connectors_delivery AS delivery
JOIN profiles_identity AS identity ON identity.person_id = delivery.person_id AND identity.kind = 'user_id'
CROSS JOIN LATERAL (
    SELECT count(*) AS number FROM connectors_deliveryattempt
    WHERE delivery_id = delivery.id AND is_success
) AS successes
WHERE identity.value LIKE %s || '-mail-%%'
GROUP BY delivery.state
"""


class Traffic:
    """A shop that never gives up: what is not answered with 200 is sent again, unchanged."""

    def __init__(self, product: Product, *, key: str, mails: MailServer) -> None:
        self._product = product
        self._key = key
        self._mails = mails
        self.tag = uuid4().hex[:12]
        self.acked = 0  # messages of the event we count
        self.people_mailed = 0
        self._numbers = count()
        self._probe = ("", 0)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._is_over.set()
        self._thread.join(timeout=HANG)
        assert not self._thread.is_alive(), "a request was never answered with 200"

    @property
    def event(self) -> str:
        return f"Seen {self.tag}"

    def probe(self) -> float:
        """Send a message for everybody, in every lane, and give the seconds until all are counted."""
        begun_at = time.monotonic()
        self.begin_probe()
        wait_until(self.is_probe_counted, what="the probe is counted")
        return time.monotonic() - begun_at

    def begin_probe(self, *, people: int = PEOPLE) -> None:
        self._probe = f"Probe {uuid4().hex[:12]}", people
        event, _ = self._probe
        with httpx.Client(base_url=self._product.url, auth=(self._key, ""), timeout=10) as client:
            self._post(client, [self._track(event, person=person) for person in range(people)])

    def is_probe_counted(self) -> bool:
        event, people = self._probe
        return self._counted(event) == people

    def settle(self) -> None:
        """Wait until everything that was accepted is worked off."""
        wait_until(
            lambda: self._product.query("SELECT count(*) FROM profiles_inbox") == [(0,)], what="empty inbox"
        )
        wait_until(
            lambda: (
                sum(self._mails_by_state().values()) == self.people_mailed
                and not {"queued", "sending"} & self._mails_by_state().keys()
            ),
            what="all mails are dealt with",
        )

    def check(self) -> None:
        """Nothing accepted is lost, nothing is counted twice, everybody is written to once."""
        assert self._counted(self.event) == self.acked
        assert self._product.query(_STORED, self.event) == [(self.acked, self.acked)]
        assert self._product.query("SELECT count(*) FROM profiles_deadletter") == [(0,)]
        assert self._mails_by_state() == {"sent": self.people_mailed}
        received = self._mails_received()
        assert len(received) == self.people_mailed
        assert set(received.values()) == {1}

    def check_mails(self) -> int:
        """Nobody is written to twice, and who was not is known. Gives how many it is not known of.

        A worker killed while the mail server was answering leaves a mail that may have arrived; such a
        mail, unless somebody waits for it, is given up and shown, for a second copy looks like spam.
        """
        by_state = self._mails_by_state()
        received = self._mails_received()
        assert set(by_state) <= {"sent", "dead"}
        assert set(received.values()) == {1}
        assert by_state["sent"] <= len(received) <= self.people_mailed
        return by_state.get("dead", 0)

    def _mails_by_state(self) -> dict[str, int]:
        rows = self._product.query(_SENDS, self.tag)
        assert all(successes <= 1 for _, _, successes in rows)
        return {state: int(number) for state, number, _ in rows}

    def _mails_received(self) -> Counter[str]:
        addresses = (address for mail in self._mails.mails for address in mail.recipients)
        return Counter(address for address in addresses if self.tag in address)

    def _run(self) -> None:
        with httpx.Client(base_url=self._product.url, auth=(self._key, ""), timeout=10) as client:
            while not self._is_over.is_set():
                number = next(self._numbers)
                seen = [self._track(self.event, person=number + n) for n in range(BATCH)]
                self._post(client, [*seen, *self._newcomer(number)])
                self.acked += BATCH
                self.people_mailed += 1
                time.sleep(_PAUSE)

    def _post(self, client: httpx.Client, messages: list[dict[str, Any]]) -> None:
        deadline = time.monotonic() + HANG
        while True:
            try:
                answer = client.post("/v1/batch", json={"batch": messages})
                if answer.status_code == 200:
                    assert answer.json() == {"success": True}
                    return
                assert answer.status_code >= 500, answer.text
            except httpx.TransportError:
                pass  # the server was killed under us: whether it took the batch is unknown
            assert time.monotonic() < deadline, "the door does not open again"
            time.sleep(0.05)

    def _newcomer(self, number: int) -> list[dict[str, Any]]:
        """Somebody who registers and is to get a mail."""
        user = f"{self.tag}-mail-{number}"
        return [
            {
                "type": "identify",
                "userId": user,
                "messageId": uuid4().hex,
                "traits": {"email": f"{user}@example.com"},
            },
            {"type": "track", "event": "Mail Wanted", "userId": user, "messageId": uuid4().hex},
        ]

    def _track(self, event: str, *, person: int) -> dict[str, Any]:
        user = f"{self.tag}-{person % PEOPLE}"
        return {"type": "track", "event": event, "userId": user, "messageId": uuid4().hex}

    def _counted(self, event: str) -> int:
        return int(self._product.query(_COUNTED, event)[0][0])
