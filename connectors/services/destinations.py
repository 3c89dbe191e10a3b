"""How the lanes of the outbox fare: counted, left alone while they fail, switched off when asked to."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from cdp_site import audit
from connectors.domain.backoff import TOLERATED_FAILURES, pause_after
from connectors.domain.message import DeliveryError, Fault
from connectors.models import Connection, Delivery, Destination

_LANE_FAULTS = {Fault.DESTINATION, Fault.UNKNOWN, Fault.GONE}


def failing_among(names: Collection[str]) -> set[str]:
    """Which lanes failed so often that they are tried with one call at a time."""
    found = Destination.objects.filter(name__in=names, failure_count__gte=TOLERATED_FAILURES)
    return set(found.values_list("name", flat=True))


def is_lane_fault(error: DeliveryError) -> bool:
    """Tell a destination in trouble from one that is well and refuses this message."""
    return error.fault in _LANE_FAULTS


def note_arrivals(names: Iterable[str]) -> None:
    """Note that these lanes work."""
    Destination.objects.filter(name__in=sorted(names), failure_count__gt=0).update(
        failure_count=0, paused_until=None, last_error=""
    )


def note_failures(failures: Sequence[tuple[Delivery, DeliveryError]], *, now: datetime) -> set[str]:
    """Note trouble, and name the lanes to be left alone for a while."""
    shut = set()
    # In one order everywhere, so that two workers never wait for each other's rows.
    for delivery, error in sorted(failures, key=lambda failure: failure[0].destination):
        if _note_failure(delivery.destination, error=error, now=now):
            shut.add(delivery.destination)
        if error.fault is Fault.GONE and delivery.connection is not None:
            switch_off(delivery.connection, reason=error.reason)
            shut.add(delivery.destination)
    return shut


def switch_off(connection: Connection, *, reason: str) -> None:
    """Send nothing more through a connection until somebody switches it on again."""
    changed = Connection.objects.filter(pk=connection.pk, is_active=True).update(
        is_active=False, disabled_reason=reason[:200]
    )
    if changed:
        audit.record(
            "system",
            "connection.disable",
            object_kind="connection",
            object_id=connection.slug,
            after={"is_active": False, "disabled_reason": reason},
        )


def _note_failure(name: str, *, error: DeliveryError, now: datetime) -> bool:
    Destination.objects.bulk_create([Destination(name=name)], ignore_conflicts=True)
    lane = Destination.objects.select_for_update().get(name=name)
    lane.failure_count += 1
    pause = pause_after(failures=lane.failure_count, retry_after=error.retry_after)
    lane.paused_until = now + pause if pause else None
    lane.last_error, lane.failed_at = error.reason, now
    lane.save()
    return pause is not None
