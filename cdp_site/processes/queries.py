"""What the queue holds, asked by the pusher of a cluster many times a second: one index probe each."""

from collections.abc import Collection
from datetime import datetime

from django.db import connection

LANE_LOCK_CLASS = 7301  # the first key of the advisory lock that a drain holds on its lane

# LIMIT 1 within LATERAL: the plan must stay a probe of (lane, id) whatever the statistics say of an
# inbox that is empty at one moment and full at the next.
_LANES_WAITING = """
SELECT lane
FROM unnest(%s::int[]) AS lane
CROSS JOIN LATERAL (
    SELECT FROM profiles_inbox WHERE profiles_inbox.lane = lane.lane ORDER BY id LIMIT 1
) AS oldest
WHERE NOT EXISTS (
    SELECT FROM pg_locks
    WHERE locktype = 'advisory' AND classid = %s AND objid = lane::oid AND objsubid = 2 AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
"""
_NEXT_RUN = """
SELECT least(
    (SELECT min(due_at) FROM journeys_run
     WHERE ended_at IS NULL AND due_at > coalesce(%(after)s, '-infinity'::timestamptz)),
    (SELECT min(due_at) FROM segments_due WHERE due_at > coalesce(%(after)s, '-infinity'::timestamptz)),
    (SELECT min(due_at) FROM segments_computed_due
     WHERE due_at > coalesce(%(after)s, '-infinity'::timestamptz)),
    (SELECT min(due_at) FROM journeys_entry_due
     WHERE cause <> 'present' AND due_at > coalesce(%(after)s, '-infinity'::timestamptz)),
    (SELECT min(next_at) FROM journeys_journey
     WHERE state = 'live' AND next_at > coalesce(%(after)s, '-infinity'::timestamptz))
)
"""
# The index is (destination, due_at): step from destination to destination, one probe each. What no sender
# would take, as of a connection not in use, must call none: with each notification it would be in vain.
_NEXT_DELIVERY = """
WITH RECURSIVE lane AS (
    (SELECT destination FROM connectors_delivery
     WHERE state IN ('queued', 'sending') ORDER BY destination LIMIT 1)
    UNION ALL
    SELECT (SELECT destination FROM connectors_delivery
            WHERE state IN ('queued', 'sending') AND destination > lane.destination
            ORDER BY destination LIMIT 1)
    FROM lane WHERE lane.destination IS NOT NULL
)
SELECT min(greatest(next.due_at, rest.paused_until))
FROM lane
LEFT JOIN connectors_destination AS rest ON rest.name = lane.destination
CROSS JOIN LATERAL (
    SELECT due_at FROM connectors_delivery
    WHERE state IN ('queued', 'sending') AND destination = lane.destination
      AND due_at > coalesce(%(after)s, '-infinity'::timestamptz)
    ORDER BY due_at LIMIT 1
) AS next
WHERE NOT EXISTS (
    SELECT FROM connectors_connection AS gate
    WHERE 'connection:' || gate.slug = lane.destination AND NOT gate.is_active
)
"""


def lanes_waiting(lanes: Collection[int]) -> set[int]:
    """Of `lanes`, those with rows that nobody drains."""
    with connection.cursor() as cursor:
        cursor.execute(_LANES_WAITING, [list(lanes), LANE_LOCK_CLASS])
        return {lane for (lane,) in cursor.fetchall()}


def next_run_due(*, after: datetime | None) -> datetime | None:
    """When the sweep is due next, for a run or a segment, or was; `after` leaves out those due until then."""
    return _one(_NEXT_RUN, after=after)


def next_delivery_due(*, after: datetime | None) -> datetime | None:
    """When the next delivery that may go out is due, or was; `after` leaves out those due until then."""
    return _one(_NEXT_DELIVERY, after=after)


def _one(statement: str, *, after: datetime | None) -> datetime | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"after": after})
        (due_at,) = cursor.fetchone()
        return due_at if isinstance(due_at, datetime) else None
