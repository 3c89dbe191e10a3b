"""People for tests of conditions, made in memory."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

from profiles.domain.facts import Event, Facts, Stay

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
_arrivals = count(1)


def happened(
    name: str = "Page Viewed",
    *,
    ago: timedelta = timedelta(),
    ts: datetime | None = None,
    properties: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
) -> Event:
    """An event, `ago` before NOW."""
    at = ts or NOW - ago
    return Event(
        name=name,
        ts=at,
        arrival=next(_arrivals),
        received_at=at,
        message_id=str(uuid4()),
        properties=properties or {},
        context=context or {},
    )


def somebody(
    *,
    traits: Mapping[str, Any] | None = None,
    events: Sequence[Event] = (),
    consent: Mapping[str, bool] | None = None,
    identities: Sequence[str] = (),
    stays: Mapping[str, Sequence[Stay]] | None = None,
    zone: str = "UTC",
    event: Event | None = None,
    entry: Event | None = None,
) -> Facts:
    """One person with this history."""
    ordered = sorted(events, key=lambda one: one.order)

    def events_of(name: str) -> Sequence[Event]:
        if name.endswith("*"):
            return [one for one in ordered if one.name.startswith(name[:-1])]
        return [one for one in ordered if one.name == name]

    return Facts(
        person_id=1,
        uuid=uuid4(),
        zone=zone,
        traits=traits or {},
        consent=consent or {},
        identities=frozenset(identities),
        stays=stays or {},
        events_of=events_of,
        event=event,
        entry=entry,
    )
