"""Names of events, and the partitions that a batch needs: made before its transaction, known by heart."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime

from django.db import connection, transaction

from profiles import partitions
from profiles.domain.arrival import Arrived

_name_ids: dict[str, int] = {}
_names: dict[int, str] = {}


class NotReady(Exception):
    """The batch needs names or partitions that must be made before its transaction."""

    def __init__(self, *, names: Collection[tuple[str, int]], days: Collection[date], received: date) -> None:
        super().__init__(f"{len(names)} event names, {len(days)} days")
        self.names = names
        self.days = days
        self.received = received


def check_ready(arrived: Sequence[Arrived], *, today: date) -> None:
    """Make sure that all names and days of a batch are known.

    Raises:
        NotReady: `prepare` must run first, outside the transaction.
    """
    names = {(item.name, item.source_id) for item in arrived if item.name not in _name_ids}
    days = {item.ts.date() for item in arrived}
    missing = {day for day in days if not partitions.has_event_day(day)}
    if names or missing or not partitions.has_dedup_week(today):
        raise NotReady(names=names, days=missing, received=today)


def prepare(need: NotReady, *, most_names: int) -> set[str]:
    """Make what a batch lacked; give the names refused because their source has too many already."""
    partitions.ensure_event_days(need.days, today=need.received)
    partitions.ensure_dedup_week(need.received)
    refused: set[str] = set()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT source_id, count(*) FROM profiles_eventname GROUP BY source_id")
        counts = defaultdict(int, cursor.fetchall())
        for name, source_id in sorted(need.names):
            if counts[source_id] >= most_names:
                cursor.execute("SELECT 1 FROM profiles_eventname WHERE name = %s", [name])
                if cursor.fetchone() is None:
                    refused.add(name)
                continue
            counts[source_id] += 1
            cursor.execute(
                "INSERT INTO profiles_eventname (name, source_id) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                [name, source_id],
            )
    _read_names()
    return refused


def name_id(name: str) -> int:
    """Give the id of a known event name."""
    return _name_ids[name]


def name_of(id_: int) -> str:
    """Give the event name of an id, also of one that another process has just made."""
    if id_ not in _names:
        _read_names()
    return _names[id_]


def names_by_id() -> Mapping[int, str]:
    """Give the dictionary of event names as this process knows it."""
    if not _names:
        _read_names()
    return _names


def forget_names() -> None:
    """Forget the dictionary (after a test database was emptied or restored)."""
    _name_ids.clear()
    _names.clear()


def _read_names() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, name FROM profiles_eventname")
        for id_, name in cursor.fetchall():
            _name_ids[name] = id_
            _names[id_] = name


def today_of(received_at: datetime) -> date:
    """The UTC day of a receipt."""
    return received_at.astimezone(UTC).date()
