"""Drive the pipeline in one process: put messages in as the door does, drain, look at what came of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.utils import timezone

from cdp_site.pipeline import drain_lane
from cdp_site.pipeline.rules import forget_rules
from connectors.models import Source
from journeys.models import Decision, Journey
from profiles.domain.lanes import Frame, sort_messages
from profiles.models import Identity, Person
from profiles.services import accept
from tests import build

Message = dict[str, Any]


def server() -> Source:
    """A source of the company's own server."""
    return Source.objects.filter(slug="server").first() or build.source(slug="server", trust="server")


def browser() -> Source:
    """A public source."""
    return Source.objects.filter(slug="browser").first() or build.source(slug="browser", trust="public")


def put(
    *messages: Message,
    source: Source | None = None,
    received_at: datetime | None = None,
    sent_at: datetime | None = None,
    is_historical: bool = False,
) -> None:
    """Accept messages as one request."""
    source = source or server()
    frame = Frame(
        is_server=source.trust == Source.Trust.SERVER,
        is_internal=any("_person" in message for message in messages),
        is_historical=is_historical,
        sent_at=sent_at.isoformat() if sent_at else None,
    )
    raws = [msgspec.Raw(msgspec.json.encode(message)) for message in messages]
    outcome = sort_messages(raws, frame=frame)
    assert not outcome.rejected
    accept(source_id=source.pk, received_at=received_at or timezone.now(), lanes=outcome.lanes)


def drain(now: datetime | None = None) -> dict[str, int]:
    """Store and decide everything that waits.

    Args:
        now: what time it is.
    """
    forget_rules()
    total: dict[str, int] = {}
    for lane in range(16):
        while any((counts := drain_lane(lane, now=now)).values()):
            for name, number in counts.items():
                total[name] = total.get(name, 0) + number
    return total


def track(user: str, event: str, *, properties: Mapping[str, Any] | None = None, **extra: Any) -> Message:
    return {"type": "track", "userId": user, "event": event, "properties": dict(properties or {}), **extra}


def page(device: str, *, path: str = "/", user: str | None = None, **extra: Any) -> Message:
    message = {"type": "page", "anonymousId": device, "properties": {"path": path}, **extra}
    return message if user is None else {**message, "userId": user}


def identify(user: str, *, device: str | None = None, **traits: Any) -> Message:
    message: Message = {"type": "identify", "userId": user, "traits": traits}
    return message if device is None else {**message, "anonymousId": device}


def person_of(value: str, *, kind: str = "user_id") -> Person:
    """Whose identity this is."""
    person = Identity.objects.get(kind=kind, value=value).person
    assert person is not None
    return person


def ledger(journey: Journey, *, since: datetime | None = None) -> list[tuple[str, str, str]]:
    """Outcome, step and reason of each decision, in order."""
    rows = Decision.objects.filter(journey_id=journey.pk, at__gte=since or build.NOON - timedelta(days=365))
    return [(row.outcome, row.step, row.reason) for row in rows.order_by("at", "id")]


def outcomes(lines: Sequence[tuple[str, str, str]]) -> list[str]:
    """The outcomes alone."""
    return [outcome for outcome, _, _ in lines]
