"""The inbox as a queue: claim rows of a lane in order, delete what is stored, bury what can't be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

LIVE_LANES = range(8)
HISTORICAL_LANES = range(8, 16)
_LANE_LOCK = 7301  # advisory lock class: one drain a lane
_CANDIDATES = 2_000
_BATCH_BYTES = 1_500_000  # some 3,000 messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One inbox row."""

    id: int
    lane: int
    source_id: int
    received_at: datetime
    body: bytes


def try_lane(lane: int) -> bool:
    """Take the lane for this transaction, unless another drain has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_LANE_LOCK, lane])
        row = cursor.fetchone()
    return bool(row and row[0])


def take_neighbours(lane: int) -> list[int]:
    """Take the other lanes of the same class that have rows and that no other drain has; name them."""
    lanes = next(lanes for lanes in (LIVE_LANES, HISTORICAL_LANES) if lane in lanes)
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_NEIGHBOURS, [[other for other in lanes if other != lane], _LANE_LOCK])
        return [other for (other,) in cursor.fetchall()]


# Materialized: only lanes with rows are to be locked.
_TAKE_NEIGHBOURS = """
WITH waiting AS MATERIALIZED (
    SELECT lane
    FROM unnest(%s::int[]) AS lane
    CROSS JOIN LATERAL (
        SELECT FROM profiles_inbox WHERE profiles_inbox.lane = lane.lane ORDER BY id LIMIT 1
    ) AS oldest
)
SELECT lane FROM waiting WHERE pg_try_advisory_xact_lock(%s, lane)
"""


def claim_rows(lanes: Sequence[int]) -> list[Row]:
    """Read the oldest rows of lanes that the caller has, as many as make one good batch.

    The claim forces the index: on a table that is emptied as fast as it fills, the planner's statistics
    are of another moment, and it would scan and sort dead rows.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(
            "SELECT oldest.id, oldest.size FROM unnest(%s::int[]) AS lane CROSS JOIN LATERAL"
            " (SELECT id, octet_length(body) AS size FROM profiles_inbox"
            " WHERE profiles_inbox.lane = lane.lane ORDER BY id LIMIT %s) AS oldest ORDER BY oldest.id",
            [list(lanes), _CANDIDATES],
        )
        ids: list[int] = []
        size = 0
        for row_id, length in cursor.fetchall():
            size += length
            if ids and size > _BATCH_BYTES:
                break
            ids.append(row_id)
        cursor.execute(
            "SELECT id, lane, source_id, received_at, body FROM profiles_inbox"
            " WHERE id = ANY(%s) ORDER BY id",
            [ids],
        )
        rows = cursor.fetchall()
        cursor.execute("SET LOCAL enable_seqscan = on; SET LOCAL enable_bitmapscan = on")
    return [
        Row(id=id_, lane=lane, source_id=source, received_at=at, body=bytes(body))
        for id_, lane, source, at, body in rows
    ]


def delete_rows(ids: Sequence[int]) -> None:
    """Remove rows whose messages are stored."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM profiles_inbox WHERE id = ANY(%s)", [list(ids)])


def bury(letters: Sequence[tuple[str, int, int, datetime, str, str, bytes]]) -> None:
    """Keep messages aside: (stage, source id, lane, received at, code, error, envelope)."""
    if not letters:
        return
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO profiles_deadletter
                   (stage, source_id, lane, received_at, code, error, body, resolution)
            VALUES (%s, %s, %s, %s, %s, %s, %s, '')
            """,
            letters,
        )


def oldest_waiting() -> datetime | None:
    """When the oldest live message that waits for the drain was received: timers go no further."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT min((SELECT received_at FROM profiles_inbox AS i
                         WHERE i.lane = lane.number ORDER BY id LIMIT 1))
              FROM generate_series(0, 7) AS lane(number)
            """
        )
        row = cursor.fetchone()
    return row[0] if row else None
