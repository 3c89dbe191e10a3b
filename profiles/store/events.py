"""Write the events of a batch, and what they add to each person's totals."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection

from profiles.arrays import bare, texts
from profiles.domain.arrival import Arrived
from profiles.store.changes import Changes
from profiles.store.names import name_id


def copy_events(changes: Changes) -> None:
    if not changes.arrived:
        return
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY profiles_event (person_id, ts, name_id, identity_id, message_id, received_at, arrival,"
            " source_id, revenue, path, properties, context) FROM STDIN"
        ) as copy,
    ):
        received: dict[datetime, str] = {}
        lines = []
        for item in changes.arrived:
            at = received.get(item.received_at) or received.setdefault(
                item.received_at, item.received_at.isoformat()
            )
            lines.append(_event_line(item, changes.survivor(item.person), received_at=at))
        copy.write(b"".join(lines))


def _event_line(item: Arrived, person: int, *, received_at: str) -> bytes:
    """One line of COPY's text format; the client's JSON goes in as it came, its backslashes doubled."""
    head = (
        f"{person}\t{item.ts_text}\t{name_id(item.name)}\t{item.identity_id}\t{item.message_id}\t"
        f"{received_at}\t{item.arrival}\t{item.source_id}\t"
        f"{item.revenue.decode() if item.revenue else chr(92) + 'N'}\t"
    )
    path = b"\\N" if item.path is None else _escaped(item.path.encode())
    return b"".join(
        (head.encode(), path, b"\t", _escaped(item.properties), b"\t", _escaped(item.context), b"\n")
    )


def _escaped(text: bytes) -> bytes:
    if b"\\" in text:
        text = text.replace(b"\\", b"\\\\")
    if b"\n" in text or b"\t" in text or b"\r" in text:
        text = text.replace(b"\n", b"\\n").replace(b"\t", b"\\t").replace(b"\r", b"\\r")
    return text


@dataclass(slots=True)
class _Total:
    first: Arrived
    last: Arrived
    count: int = 0
    revenue: Decimal | None = None

    def add(self, item: Arrived) -> None:
        self.count += 1
        if item.ts < self.first.ts:
            self.first = item
        if item.ts > self.last.ts:
            self.last = item
        if item.revenue:
            self.revenue = (self.revenue or 0) + Decimal(item.revenue.decode())


def add_totals(changes: Changes) -> None:
    totals: dict[tuple[int, int], _Total] = {}
    for item in changes.arrived:
        key = (changes.survivor(item.person), name_id(item.name))
        if key not in totals:
            totals[key] = _Total(item, item)
        totals[key].add(item)
    if not totals:
        return
    keys = sorted(totals)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO profiles_persontotal AS t (person_id, name_id, count, first_at, last_at, revenue)
            SELECT * FROM unnest(%s::bigint[], %s::int[], %s::bigint[], %s::timestamptz[],
                                 %s::timestamptz[], %s::numeric[])
            ON CONFLICT (person_id, name_id) DO UPDATE
               SET count = t.count + excluded.count, first_at = least(t.first_at, excluded.first_at),
                   last_at = greatest(t.last_at, excluded.last_at),
                   revenue = coalesce(t.revenue + excluded.revenue, t.revenue, excluded.revenue), times = NULL
            """,
            [
                bare(person for person, _ in keys),
                bare(name for _, name in keys),
                bare(totals[key].count for key in keys),
                texts(totals[key].first.ts_text for key in keys),
                texts(totals[key].last.ts_text for key in keys),
                bare(totals[key].revenue for key in keys),
            ],
        )
