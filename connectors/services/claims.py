"""Holding rows of the outbox while they are worked on.

A claim is held by its lease: the row's `due_at` is the claim's own mark, and each write asks for it, so
that a worker that comes back late changes nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from connectors.models import Delivery

LEASE = timedelta(seconds=20)  # renewed while its worker lives; then another looks at what was left

State = Delivery.State


@dataclass(slots=True, kw_only=True)
class Claimed:
    """A row that is ours until its lease ends."""

    id: int
    destination: str
    lease: datetime
    kind: str  # of the connection; "" where there is none
    action: str


def claim(destination: str, *, now: datetime, at_most: int) -> list[Claimed]:
    """Take the oldest due rows of a lane that no other worker holds."""
    lease = now + LEASE
    with transaction.atomic():
        rows = list(
            Delivery.objects.waiting()
            .filter(destination=destination, due_at__lte=now)
            .order_by("due_at")
            .select_for_update(skip_locked=True, of=("self",))
            .values_list("id", "connection__kind", "action")[:at_most]
        )
        Delivery.objects.filter(id__in=[row[0] for row in rows]).update(state=State.SENDING, due_at=lease)
    return [
        Claimed(id=id_, destination=destination, lease=lease, kind=kind or "", action=action)
        for id_, kind, action in sorted(rows, key=lambda row: row[0])
    ]


def release(claimed: Collection[Claimed], *, now: datetime) -> None:
    """Give rows back that nothing was begun for."""
    for lease in {row.lease for row in claimed}:
        _held(claimed, lease=lease).update(state=State.QUEUED, due_at=now)


def renew(claimed: Collection[Claimed], *, now: datetime) -> None:
    """Hold on to rows for another lease."""
    for lease in {row.lease for row in claimed}:
        _held(claimed, lease=lease).update(due_at=now + LEASE)
    for row in claimed:
        row.lease = now + LEASE


def _held(claimed: Collection[Claimed], *, lease: datetime) -> QuerySet[Delivery]:
    ids = [row.id for row in claimed if row.lease == lease]
    return Delivery.objects.filter(id__in=ids, state=State.SENDING, due_at=lease)
