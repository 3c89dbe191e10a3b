"""Counting for somebody who is writing a rule: at once, or about.

The whole answer is one query: how many, of how many, how many of them may be written to, and a few of them.
Where that takes too long, a sample of everybody is asked instead; the share is then near enough to go on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection, transaction
from psycopg.sql import SQL, Literal

from profiles.queries import PersonLine, people_by_id, people_count
from segments.compiler import people_query
from segments.domain.conditions import Condition
from segments.limits import limited
from segments.queries import scanning, scope_of

AT_ONCE: Final = 2.0  # seconds that somebody who types waits for a number
IN_PEACE: Final = 20.0  # seconds that the exact number may take afterwards
SAMPLE: Final = 5
PROBED: Final = 4_000  # people asked where everybody takes too long
ADDRESSES: Final = 2_000  # looked up among those who must not be written to
PURPOSE: Final = "email_marketing"
PLACES: Final = 2  # exact counts at the same time, over all workers
_USERS_LOCK, _PLACES_LOCK = 7308, 7309  # classes of advisory locks


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Whom a condition matches."""

    count: int
    total: int  # people there are
    willing: int  # of those who match: have an email address and agreed to be written to
    addresses: Sequence[str]  # some of theirs
    people: Sequence[PersonLine]  # a sample
    is_exact: bool = True

    @property
    def share(self) -> float:
        """Of everybody, from 0 to 1."""
        return self.count / self.total if self.total else 0.0


class Busy(Exception):
    """As many exact counts are under way as may be."""


_COUNT: Final = SQL(
    "WITH found AS MATERIALIZED ({query}),"
    " willing AS MATERIALIZED (SELECT p.id FROM profiles_person AS p JOIN found ON found.id = p.id"
    " WHERE p.consent -> {purpose} = 'true' AND EXISTS (SELECT FROM profiles_identity AS i"
    " WHERE i.person_id = p.id AND i.kind = 'email'))"
    " SELECT (SELECT count(*) FROM found),"
    " (SELECT count(*) FROM willing),"
    " ARRAY(SELECT i.value FROM profiles_identity AS i WHERE i.kind = 'email' AND i.person_id = ANY("
    "ARRAY(SELECT id FROM willing LIMIT {addresses}))),"
    " ARRAY(SELECT id FROM found ORDER BY id DESC LIMIT {sample})"
)


def count_people(condition: Condition, *, now: datetime, seconds: float = AT_ONCE) -> Counted:
    """Count whom a condition matches.

    Raises:
        TooSlow: it takes more than `seconds`.
    """
    return _counted(condition, now=now, people=None, seconds=seconds)


def count_exactly(condition: Condition, *, now: datetime, user_id: int) -> Counted:
    """Count in peace, for somebody who sees an estimate meanwhile.

    A scan goes on in the database though nobody may wait for it any more, so each user has one at a time,
    and all together only a few.

    Raises:
        Busy: it is not their turn yet.
        TooSlow: it takes too long.
    """
    with transaction.atomic():
        if not (_has_lock(_USERS_LOCK, user_id) and any(_has_lock(_PLACES_LOCK, n) for n in range(PLACES))):
            raise Busy
        return count_people(condition, now=now, seconds=IN_PEACE)


def _has_lock(kind: int, key: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [kind, key])
        return bool(cursor.fetchone()[0])


def estimate_people(condition: Condition, *, now: datetime) -> Counted:
    """Count by asking some people, taken from all over. Raises TooSlow."""
    total = people_count().value
    probed = _some_people(total)
    found = _counted(condition, now=now, people=probed, seconds=IN_PEACE)
    if len(probed) >= total:
        return found
    scale = total / max(len(probed), 1)
    return Counted(
        count=_rounded(found.count * scale),
        total=total,
        willing=_rounded(found.willing * scale),
        addresses=found.addresses,
        people=found.people,
        is_exact=False,
    )


def _counted(condition: Condition, *, now: datetime, people: Sequence[int] | None, seconds: float) -> Counted:
    scope = scope_of(now=now, people=people)
    statement = _COUNT.format(
        query=people_query(condition, scope),
        purpose=Literal(PURPOSE),
        addresses=Literal(ADDRESSES),
        sample=Literal(SAMPLE),
    )
    with limited(seconds), scanning() if people is None else connection.cursor() as cursor:
        cursor.execute(statement)
        count, willing, addresses, ids = cursor.fetchone()
    return Counted(
        count=count,
        total=max(people_count().value, count),
        willing=willing,
        addresses=addresses,
        people=people_by_id(ids),
    )


def _some_people(total: int) -> list[int]:
    """Ids from all over the table; pages are drawn, so that the rest is never read."""
    per_cent = min(100.0, 100.0 * PROBED / max(total, 1))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM profiles_person TABLESAMPLE SYSTEM (%s) WHERE merged_into_id IS NULL", [per_cent]
        )
        return [row[0] for row in cursor.fetchall()]


def _rounded(number: float) -> int:
    """Two digits that can be trusted."""
    whole = round(number)
    places = max(0, len(str(whole)) - 2)
    return round(whole, -places)
