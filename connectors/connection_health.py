"""How connections fare: what waits, what left and what failed lately, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, QuerySet

from connectors.models import Delivery, Destination

LATELY = timedelta(days=1)
_LOOKED_AT = 500  # failures, the newest first, that last errors are taken from
_SHOWN = 3


@dataclass(slots=True, kw_only=True)
class Health:
    """One connection, as it was lately."""

    waiting: int = 0
    sent: int = 0
    failed: int = 0
    errors: list[str] = field(default_factory=list)  # of what was given up, the newest first, each once
    lane: Destination | None = None  # where the last call failed


def health_of_connections(*, now: datetime) -> Mapping[str, Health]:
    """Tell how each connection that had anything to do fares, by slug."""
    since = now - LATELY
    found: dict[str, Health] = {}
    held = Delivery.objects.filter(connection__isnull=False)
    waiting = held.filter(state__in=[Delivery.State.QUEUED, Delivery.State.SENDING])
    for slug, count in _counted(waiting):
        found.setdefault(slug, Health()).waiting = count
    for slug, count in _counted(held.filter(state=Delivery.State.SENT, sent_at__gt=since)):
        found.setdefault(slug, Health()).sent = count
    dead = held.filter(state=Delivery.State.DEAD).order_by("-id")
    for slug, queued_at, error in dead.values_list("connection__slug", "queued_at", "last_error")[
        :_LOOKED_AT
    ]:
        health = found.setdefault(slug, Health())
        health.failed += queued_at > since
        if error and error not in health.errors and len(health.errors) < _SHOWN:
            health.errors.append(error)
    for lane in Destination.objects.filter(name__startswith="connection:", failure_count__gt=0):
        found.setdefault(lane.name.removeprefix("connection:"), Health()).lane = lane
    return found


def _counted(found: QuerySet[Delivery]) -> list[tuple[str, int]]:
    return list(found.values_list("connection__slug").annotate(n=Count("pk")).order_by())
