"""What tests of sending share: a row of the outbox, and what its outcome tells the inbox."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.domain.message import NewDelivery
from connectors.models import Delivery
from connectors.services import queue_deliveries
from profiles.domain.envelope import open_envelope
from profiles.models import Inbox, Person

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def queue(person: Person, *, key: str = "7:s1:1", channel: str = "email", **changes: Any) -> Delivery:
    fields: dict[str, Any] = {
        "key": key,
        "person_id": person.pk,
        "channel": channel,
        "decided_at": NOW,
        "journey_id": 3,
        "run_id": 7,
        "step": "s1",
        "context": {
            "event": {"name": "Page Viewed", "properties": {"path": "/lamp"}},
            "journey": {"slug": "welcome", "name": "Welcome"},
            "run": {"id": 7},
        },
    }
    if channel == "email":
        fields["fields"] = {
            "subject": "Hi {{ person.firstName }}",
            "body": "<p>{{ event.properties.path }}</p>",
        }
    if channel == "crm":
        fields |= {
            "connection": "crm",
            "action": "create_deal",
            "fields": {"title": "{{ person.firstName }}"},
        }
    queue_deliveries([NewDelivery(**{**fields, **changes})])
    return Delivery.objects.get(key=key)


def told() -> list[dict[str, Any]]:
    """The messages that results put into the inbox."""
    return [
        json.loads(bytes(raw))
        for row in Inbox.objects.order_by("id")
        for raw in open_envelope(bytes(row.body)).messages
    ]


def after(delivery: Delivery) -> Delivery:
    delivery.refresh_from_db()
    return delivery
