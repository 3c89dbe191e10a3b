"""Whom a condition matches: counted, sampled, or as a query for others to use."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import errors
from psycopg.sql import SQL, Composable, Composed, Literal

from cdp_site.models import Company
from profiles.domain.identity import EMAIL, USER, normalise
from profiles.models import EventName, Identity, Person, PersonOverride, PersonTotal
from profiles.queries import PersonLine, people_by_id
from segments.compiler import Scope, people_query
from segments.domain.conditions import Condition
from segments.domain.describe import describe
from segments.domain.phrases import ENGLISH, Translator
from segments.models import Segment

SAMPLE: Final = 5
PREVIEW_SECONDS: Final = 20
_UNNOTED: Final = 0.1  # of all counts: so many may be without times


class TooSlow(Exception):
    """Counting took longer than somebody who waits for it should wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a condition would match."""

    count: int
    total: int  # people there are
    sentence: str
    people: Sequence[PersonLine]  # a sample; of people asked about by name, all that match

    @property
    def share(self) -> float:
        """Of everybody, from 0 to 1."""
        return self.count / self.total if self.total else 0.0


def scope_of(*, now: datetime, people: Sequence[int] | None = None, is_past: bool = False) -> Scope:
    """How a condition is asked of the database as it is."""
    company = Company.objects.filter(id=1).first()
    return Scope(
        now=now,
        company_zone=company.time_zone if company else "UTC",
        names=dict(EventName.objects.values_list("name", "id")),
        segments=dict(Segment.objects.values_list("slug", "id")),
        people=people,
        is_past=is_past,
        has_overrides=PersonOverride.objects.exists(),
        has_times=people is None and _has_times(),
    )


def _has_times() -> bool:
    """Whether the times of so many events are noted that reading the others' events one by one pays off."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT null_frac <= %s FROM pg_stats"
            " WHERE schemaname = current_schema AND tablename = %s AND attname = 'times'",
            [_UNNOTED, PersonTotal._meta.db_table],
        )
        row = cursor.fetchone()
    return bool(row and row[0])


def preview(
    condition: Condition,
    *,
    now: datetime,
    as_of: datetime | None = None,
    named: Sequence[str] | None = None,
    translator: Translator = ENGLISH,
    seconds: float = PREVIEW_SECONDS,
) -> Preview:
    """Count whom a condition matches, now or at a past moment.

    Args:
        named: customer numbers or public ids: count and list only these people, all of them.

    Raises:
        TooSlow: it takes more than `seconds`.
    """
    people = None if named is None else people_named(named)
    scope = scope_of(now=as_of or now, people=people, is_past=as_of is not None)
    sample = SAMPLE if people is None else len(people)
    count, total, found = _counted(
        people_query(condition, scope), sample=sample, scope=scope, seconds=seconds
    )
    return Preview(
        count=count,
        total=total,
        sentence=describe(condition, translator=translator),
        people=people_by_id(found),
    )


@contextmanager
def scanning() -> Iterator[CursorWrapper]:
    """A cursor for questions about everybody.

    Each part of a condition is one set that is joined. How many rows a test on JSON leaves is a guess, and
    a guess of one row would have a set computed anew for each person; hashing is never much worse. A scan
    reads many rows and gives few, which is what a second core is good for; the default costs of sharing
    work are those of queries that give all they read.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("".join(f"SET LOCAL {name} = {value};" for name, value in _SCANNING.items()))
        yield cursor
        cursor.execute("".join(f"SET LOCAL {name} TO DEFAULT;" for name in _SCANNING))


_SCANNING: Final = {
    "enable_nestloop": "off",
    "jit": "off",
    "work_mem": "'128MB'",
    "parallel_setup_cost": "0",
    "parallel_tuple_cost": "0.001",
}


_PREVIEW: Final = SQL(
    "WITH found AS MATERIALIZED ({query})"
    " SELECT (SELECT count(*) FROM found),"
    " (SELECT count(*) FROM profiles_person WHERE merged_into_id IS NULL{seen}),"
    " ARRAY(SELECT id FROM found ORDER BY id DESC LIMIT {sample})"
)


def _counted(query: Composable, *, sample: int, scope: Scope, seconds: float) -> tuple[int, int, list[int]]:
    seen = SQL(" AND first_seen_at <= {}").format(scope.now) if scope.is_past else SQL("")
    query = _PREVIEW.format(query=query, seen=seen, sample=sample)
    with scanning() if scope.people is None else connection.cursor() as cursor:
        count, total, found = _within(cursor, query, seconds=seconds)
    return count, total, found


def _within(cursor: CursorWrapper, query: Composable, *, seconds: float) -> tuple[Any, ...]:
    """The one row of a query that may take so long."""
    try:
        with transaction.atomic():
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{seconds * 1000:.0f}ms"])
            cursor.execute(query)
            row: tuple[Any, ...] = cursor.fetchone()
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
    except OperationalError as error:
        if isinstance(error.__cause__, errors.QueryCanceled):
            raise TooSlow from error
        raise
    return row


def count_of(condition: Condition, *, now: datetime, seconds: float = PREVIEW_SECONDS) -> int:
    """Count whom a condition matches now. Raises TooSlow."""
    query = SQL("SELECT count(*) FROM ({}) AS found").format(people_query(condition, scope_of(now=now)))
    with scanning() as cursor:
        (count,) = _within(cursor, query, seconds=seconds)
    return int(count)


def belonging_query(segment_id: int, condition: Condition, scope: Scope) -> Composed:
    """The ids of those who belong to a segment: by its rule, unless somebody said otherwise by hand."""
    people: Composable = SQL("")
    if scope.people is not None:
        people = SQL(" AND said.person_id = ANY({}::bigint[])").format(Literal(list(scope.people)))
    return _BELONGING.format(query=people_query(condition, scope), segment=Literal(segment_id), people=people)


_BELONGING: Final = SQL(
    "SELECT ruled.id FROM ({query}) AS ruled WHERE NOT EXISTS (SELECT FROM segments_manual AS said"
    " WHERE said.segment_id = {segment} AND said.person_id = ruled.id AND said.ended_at IS NULL)"
    " UNION ALL"
    " SELECT said.person_id FROM segments_manual AS said JOIN profiles_person AS p ON p.id = said.person_id"
    " WHERE said.segment_id = {segment} AND said.is_added AND said.ended_at IS NULL"
    " AND p.merged_into_id IS NULL{people}"
)


def people_named(names: Iterable[str]) -> list[int]:
    """The people who have these customer numbers or public ids; unknown ones are passed over."""
    wanted = list(names)
    public = [name for name in wanted if _UUID.fullmatch(name)]
    by_uuid = Person.objects.filter(uuid__in=public).values_list("id", "merged_into_id")
    found = {merged or id_ for id_, merged in by_uuid}
    return sorted(found.union(people_of_user_ids(wanted)))


def people_by_name(names: Iterable[str]) -> dict[str, int]:
    """Who is meant by customer numbers, public ids or email addresses; unknown names are left out.

    A customer number goes before an address that reads the same.
    """
    wanted = list(names)
    by_uuid = Person.objects.filter(uuid__in=[name for name in wanted if _UUID.fullmatch(name)])
    found = {
        str(uuid): merged or id_ for id_, uuid, merged in by_uuid.values_list("id", "uuid", "merged_into_id")
    }
    people = {name: found[name.lower()] for name in wanted if name.lower() in found}
    for kind in (EMAIL, USER):
        spelt = {name: normalise(kind, name) or name for name in wanted}
        held = Identity.objects.filter(kind=kind, value__in=set(spelt.values()), person__isnull=False)
        by_value = dict(held.values_list("value", "person_id"))
        people |= {
            name: person for name, value in spelt.items() if (person := by_value.get(value)) is not None
        }
    return people


_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def people_of_user_ids(user_ids: Iterable[Any]) -> list[int]:
    """The people who have these customer numbers; unknown ones are passed over."""
    usable = {normalise(USER, str(one)) or str(one) for one in user_ids}
    found = Identity.objects.filter(kind=USER, value__in=usable, person__isnull=False)
    return sorted({person for person in found.values_list("person_id", flat=True) if person is not None})
