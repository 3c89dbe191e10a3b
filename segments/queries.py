"""Reads about segments: lists, members, previews. Nothing here writes."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Q, QuerySet
from psycopg import errors
from psycopg.sql import SQL, Composable

from cdp_site.models import Company
from profiles.domain.identity import USER, normalise
from profiles.models import Identity, PersonOverride
from profiles.queries import PersonLine, people_by_id
from segments.compiler import Scope, people_query
from segments.domain.conditions import Condition, reads
from segments.domain.describe import describe
from segments.domain.parse import ConditionError, parse_condition
from segments.domain.phrases import ENGLISH, Translator
from segments.live import conditions_in_force
from segments.models import Membership, Segment

SAMPLE: Final = 5
PREVIEW_SECONDS: Final = 20


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentLine:
    """A segment as lists show it."""

    segment: Segment
    sentence: str  # "" where the stored document is of another release and cannot be read


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberLine:
    """A member as the members list shows them."""

    id: int  # of the membership: the place in the list
    person: PersonLine
    entered_at: datetime


def segment_lines(*, translator: Translator = ENGLISH) -> list[SegmentLine]:
    """All segments that are not archived, by name."""
    rows = Segment.objects.exclude(state=Segment.State.ARCHIVED).order_by("name", "id")
    return [SegmentLine(segment=row, sentence=sentence_of(row, translator=translator)) for row in rows]


def sentence_of(segment: Segment, *, translator: Translator = ENGLISH) -> str:
    """The segment's condition in words."""
    try:
        return describe(parse_condition(segment.condition["if"]), translator=translator)
    except ConditionError:
        return ""


def members_of(segment: Segment) -> QuerySet[Membership]:
    """The stays of those who are in a segment now."""
    return Membership.objects.present().filter(segment=segment)


def member_lines(
    segment: Segment, *, limit: int, before: tuple[datetime, int] | None = None
) -> list[MemberLine]:
    """Members, the newest first, from the one after `before` (entered at, membership id) on."""
    rows = members_of(segment).order_by("-entered_at", "-id")
    if before is not None:
        at, id_ = before
        rows = rows.filter(Q(entered_at__lt=at) | Q(id__lt=id_), entered_at__lte=at)
    return member_lines_of(list(rows[:limit]))


def member_lines_of(stays: Sequence[Membership]) -> list[MemberLine]:
    """These stays as the members list shows them, in this order."""
    people = {line.id: line for line in people_by_id([stay.person_id for stay in stays])}
    return [
        MemberLine(id=stay.pk, person=people[stay.person_id], entered_at=stay.entered_at)
        for stay in stays
        if stay.person_id in people
    ]


def used_in(slug: str) -> list[Segment]:
    """The segments whose conditions ask about this one, by name."""
    others = Segment.objects.exclude(state=Segment.State.ARCHIVED)
    asking = [id_ for id_, _, condition in conditions_in_force(others) if slug in reads(condition).segments]
    return list(Segment.objects.filter(id__in=asking).order_by("name", "id"))


def scope_of(*, now: datetime, people: Sequence[int] | None = None, is_past: bool = False) -> Scope:
    """How a condition is asked of the database as it is."""
    company = Company.objects.filter(id=1).first()
    return Scope(
        now=now,
        company_zone=company.time_zone if company else "UTC",
        people=people,
        is_past=is_past,
        has_overrides=PersonOverride.objects.exists(),
    )


def preview(
    condition: Condition,
    *,
    now: datetime,
    as_of: datetime | None = None,
    user_ids: Sequence[str] | None = None,
    translator: Translator = ENGLISH,
    seconds: float = PREVIEW_SECONDS,
) -> Preview:
    """Count whom a condition matches, now or at a past moment.

    Args:
        user_ids: count and list only these people, all of them.

    Raises:
        TooSlow: it takes more than `seconds`.
    """
    people = None if user_ids is None else people_of_user_ids(user_ids)
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
    a guess of one row would have a set computed anew for each person; hashing is never much worse.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_nestloop = off")
        yield cursor
        cursor.execute("SET LOCAL enable_nestloop TO DEFAULT")


_PREVIEW: Final = SQL(
    "WITH found AS MATERIALIZED ({query})"
    " SELECT (SELECT count(*) FROM found),"
    " (SELECT count(*) FROM profiles_person WHERE merged_into_id IS NULL{seen}),"
    " ARRAY(SELECT id FROM found ORDER BY id DESC LIMIT {sample})"
)


def _counted(query: Composable, *, sample: int, scope: Scope, seconds: float) -> tuple[int, int, list[int]]:
    seen = SQL(" AND first_seen_at <= {}").format(scope.now) if scope.is_past else SQL("")
    try:
        with scanning() if scope.people is None else connection.cursor() as cursor, transaction.atomic():
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{seconds * 1000:.0f}ms"])
            cursor.execute(_PREVIEW.format(query=query, seen=seen, sample=sample))
            count, total, found = cursor.fetchone()
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
    except OperationalError as error:
        if isinstance(error.__cause__, errors.QueryCanceled):
            raise TooSlow from error
        raise
    return count, total, found


def people_of_user_ids(user_ids: Iterable[Any]) -> list[int]:
    """The people who have these customer numbers; unknown ones are passed over."""
    usable = {normalise(USER, str(one)) or str(one) for one in user_ids}
    found = Identity.objects.filter(kind=USER, value__in=usable, person__isnull=False)
    return sorted({person for person in found.values_list("person_id", flat=True) if person is not None})
