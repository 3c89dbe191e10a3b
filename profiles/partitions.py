"""Partitions of events, message ids and decisions: made ahead of need, one short transaction each.

`CREATE TABLE … PARTITION OF` would lock the parent against every reader and fail if the default partition
held a row of the range. A table of its own with a matching CHECK is attached under a weak lock instead.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import connection, transaction
from psycopg import sql

EVENTS = "profiles_event"
DEDUP = "profiles_event_dedup"
DECISIONS = "journeys_decision"
_LOCK = 7303  # advisory lock: one maker of partitions at a time
_YEARLY_BEYOND = timedelta(days=730)

_known: dict[str, set[tuple[date, date]]] = {}  # parent -> ranges that exist, as last read


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A half-open range of days that one partition holds."""

    start: date
    end: date
    suffix: str


def month_of(day: date) -> Span:
    """The calendar month (UTC) of a day."""
    start = day.replace(day=1)
    end = (start + timedelta(days=32)).replace(day=1)
    return Span(start=start, end=end, suffix=f"{start:%Y_%m}")


def year_of(day: date) -> Span:
    """The calendar year of a day: old events are rare and need no month of their own."""
    start = day.replace(month=1, day=1)
    return Span(start=start, end=start.replace(year=start.year + 1), suffix=f"{start:%Y}")


def week_of(day: date) -> Span:
    """The week of a day, from Monday."""
    start = day - timedelta(days=day.weekday())
    return Span(start=start, end=start + timedelta(days=7), suffix=f"{start:%Y_%m_%d}")


class DecisionDaysMissing(Exception):
    """Decisions of these days have no partition yet; it must be made outside the transaction.

    Inside it, another transaction's rows may be on their way to the default partition, and the database
    refuses one of the two.
    """

    def __init__(self, days: Collection[date]) -> None:
        super().__init__(f"{len(days)} days")
        self.days = days


def require_decision_days(days: Iterable[date]) -> None:
    """Check that decisions of these days have a partition.

    Raises:
        DecisionDaysMissing: some have none; `ensure_decision_days` makes them.
    """
    missing = {day for day in days if not _is_covered(DECISIONS, day)}
    if missing:
        raise DecisionDaysMissing(missing)


def ensure_event_days(days: Iterable[date], *, today: date) -> None:
    """Make sure that events of these days have a partition."""
    for day in days:
        if _is_covered(EVENTS, day):
            continue
        year = year_of(day)
        is_old = year.end <= today - _YEARLY_BEYOND
        has_months = any(start.year == day.year for start, _ in _known[EVENTS])
        _make(EVENTS, year if is_old and not has_months else month_of(day), is_timestamp=True)


def ensure_decision_days(days: Iterable[date]) -> None:
    """Make sure that decisions of these days have a partition."""
    for day in days:
        if not _is_covered(DECISIONS, day):
            _make(DECISIONS, month_of(day), is_timestamp=True)


def ensure_dedup_week(day: date) -> date:
    """Make sure that message ids received on this day have a partition; give its Monday."""
    week = week_of(day)
    if not _is_covered(DEDUP, week.start):
        _make(DEDUP, week, is_timestamp=False)
    return week.start


def has_event_day(day: date) -> bool:
    """Tell whether events of this day have a partition."""
    return _is_covered(EVENTS, day)


def has_dedup_week(day: date) -> bool:
    """Tell whether message ids received on this day have a partition."""
    return _is_covered(DEDUP, week_of(day).start)


def make_ahead(*, now: datetime) -> None:
    """Make the partitions of the coming months and weeks, so that no batch has to."""
    today = now.astimezone(UTC).date()
    months = [today, today + timedelta(days=31), today + timedelta(days=62)]
    ensure_event_days(months, today=today)
    ensure_decision_days(months)
    ensure_dedup_week(today)
    ensure_dedup_week(today + timedelta(days=7))


def drop_old_dedup(*, now: datetime) -> int:
    """Drop weeks of message ids that no retry can reach any more; give how many went."""
    limit = week_of(now.astimezone(UTC).date()).start - timedelta(days=14)
    _read_known(DEDUP)
    old = [span for span in _known[DEDUP] if span[1] <= limit]
    for start, _ in old:
        table = sql.Identifier(f"{DEDUP}_{week_of(start).suffix}")
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
    _known.pop(DEDUP, None)
    return len(old)


def forget() -> None:
    """Forget which partitions exist (after a test database was emptied or restored)."""
    _known.clear()


def _is_covered(parent: str, day: date) -> bool:
    if parent not in _known:
        _read_known(parent)
    return any(start <= day < end for start, end in _known[parent])


def _read_known(parent: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT (regexp_match(bound, 'FROM \\(''([0-9-]+)'))[1]::date,
                   (regexp_match(bound, 'TO \\(''([0-9-]+)'))[1]::date
              FROM (SELECT pg_get_expr(c.relpartbound, c.oid) AS bound
                      FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
                     WHERE inhparent = %s::regclass) AS partitions
             WHERE bound <> 'DEFAULT'
            """,
            [parent],
        )
        _known[parent] = set(cursor.fetchall())


def _make(parent: str, span: Span, *, is_timestamp: bool) -> None:
    column = {EVENTS: "ts", DECISIONS: "at", DEDUP: "received_on"}[parent]
    kind = sql.SQL("timestamptz" if is_timestamp else "date")
    names = {
        "parent": sql.Identifier(parent),
        "table": sql.Identifier(f"{parent}_{span.suffix}"),
        "check": sql.Identifier(f"{parent}_{span.suffix}_range"),
        "column": sql.Identifier(column),
        "start": sql.SQL("{}{}").format(kind, _literal(span.start, is_timestamp=is_timestamp)),
        "end": sql.SQL("{}{}").format(kind, _literal(span.end, is_timestamp=is_timestamp)),
        "start_bound": _literal(span.start, is_timestamp=is_timestamp),
        "end_bound": _literal(span.end, is_timestamp=is_timestamp),
    }
    with transaction.atomic(durable=False), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        _read_known(parent)
        if any(start <= span.start < end for start, end in _known[parent]):
            return
        for statement in _MAKE:
            cursor.execute(sql.SQL(statement).format(**names))
    _known[parent].add((span.start, span.end))


def _literal(day: date, *, is_timestamp: bool) -> sql.Literal:
    return sql.Literal(f"{day:%Y-%m-%d} 00:00:00+00" if is_timestamp else f"{day:%Y-%m-%d}")


_MAKE = (
    "CREATE TABLE {table} (LIKE {parent} INCLUDING DEFAULTS)",
    "ALTER TABLE {table} ADD CONSTRAINT {check} CHECK ({column} >= {start} AND {column} < {end})",
    "ALTER TABLE {parent} ATTACH PARTITION {table} FOR VALUES FROM ({start_bound}) TO ({end_bound})",
    "ALTER TABLE {table} DROP CONSTRAINT {check}",
)
