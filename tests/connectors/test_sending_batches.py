"""Several messages in one call, where a destination takes them: each keeps an outcome of its own."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from connectors.domain.message import DeliveryError, Message, Receipt
from connectors.models import Connection, Delivery
from connectors.services import send_due
from profiles.models import Person
from tests.connectors.fakes import FakeChannel, kind_of
from tests.connectors.outbox import NOW, after, queue, told

pytestmark = pytest.mark.django_db


class Batches(FakeChannel):
    """Takes contacts together, and refuses the one who is called bad."""

    def __init__(self, settings: Mapping[str, Any], secret: str) -> None:
        super().__init__(settings, secret)
        self.calls: list[list[str]] = []

    def send(self, message: Message, *, hand_over: Callable[[], None]) -> Receipt:
        self.calls.append([str(message.content["fields"]["name"])])
        return super().send(message, hand_over=hand_over)

    def send_many(
        self, messages: Sequence[Message], *, hand_over: Callable[[], None]
    ) -> list[Receipt | DeliveryError]:
        names = [str(message.content["fields"]["name"]) for message in messages]
        self.calls.append(names)
        return [
            DeliveryError("refused", permanent=True) if name == "bad" else Receipt(external_id=f"c-{name}")
            for name in names
        ]


@pytest.fixture
def channel() -> Batches:
    return Batches({}, "")


def sent(channel: Batches, **options: Any) -> dict[str, int]:
    kind = kind_of(channel, name="many", needs_connection=True, batches={"upsert_contact": 3})
    return send_due(NOW, channels={"many": kind}, **options)


@pytest.fixture
def queued(ada: Person) -> list[Delivery]:
    Connection.objects.create(slug="many", name="Many", kind="many")
    actions = [("a", "upsert_contact"), ("bad", "upsert_contact"), ("c", "upsert_contact")]
    actions += [("d", "upsert_contact"), ("task", "create_task"), ("e", "upsert_contact")]
    return [
        queue(ada, key=f"k-{name}", channel="crm", connection="many", action=action, fields={"name": name})
        for name, action in actions
    ]


def test_batches__those_side_by_side_go_together(channel: Batches, queued: list[Delivery]) -> None:
    assert sent(channel) == {"begun": 6, "sent": 5, "dead": 1}
    assert sorted(channel.calls) == [["a", "bad", "c"], ["d"], ["e"], ["task"]]
    states = {delivery.key: after(delivery).state for delivery in queued}
    assert states.pop("k-bad") == "dead"
    assert set(states.values()) == {"sent"}
    a, bad = queued[0], queued[1]
    assert (a.external_id, bad.last_error) == ("c-a", "refused")
    assert [attempt.is_success for attempt in bad.attempts.all()] == [False]
    assert len(told()) == 5


def test_batches__never_more_than_the_limit(channel: Batches, queued: list[Delivery]) -> None:
    assert sent(channel, limit=2) == {"begun": 2, "sent": 1, "dead": 1}
    assert channel.calls == [["a", "bad"]]
