"""Crowds: thousands who are due for one segment at one moment, such as all birthdays at midnight.

They are let in and out by one query for thousands, at the moment itself. Their rows stay due: the sweep then
takes each person as usual, finds them where they belong, has dependants and journeys follow, and looks for
the next moment. Whoever has something due earlier is left to that, so that the order of a person's moments
holds.
"""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from cdp_site.pipeline.rules import Rules, current_rules
from segments.building import move_people
from segments.models import ManualMember

CROWD = 2_000
PORTION = 5_000  # people moved in one transaction
LONGEST = 1.5  # seconds before others have their turn

Group = tuple[datetime, int]  # moment, segment

# How far this process has gone through a crowd, by person. Forgetting costs a scan, never exactness.
_cursors: dict[Group, int] = {}


def settle_crowds(*, until: datetime, smallest: int = CROWD, portion: int = PORTION) -> tuple[int, bool]:
    """Move the crowds that are due; give how many people entered or left, and whether all were looked at."""
    ends_at = time.monotonic() + LONGEST
    moved = 0
    groups = _groups(until=until, smallest=smallest)
    for gone in _cursors.keys() - set(groups):
        del _cursors[gone]
    for group in groups:
        while (some := _settle_some(group, portion=portion)) is not None:
            moved += some
            if time.monotonic() > ends_at:
                return moved, False
    return moved, True


def _groups(*, until: datetime, smallest: int) -> list[Group]:
    """Crowds in the order of their moments."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT due_at, segment_id FROM segments_due WHERE due_at <= %s"
            " GROUP BY 1, 2 HAVING count(*) >= %s ORDER BY 1, 2",
            [until, smallest],
        )
        return [(at, id_) for at, id_ in cursor.fetchall()]


@transaction.atomic
def _settle_some(group: Group, *, portion: int) -> int | None:
    """Move some of a crowd; None: everybody was looked at, or others of the moment come first."""
    rules = current_rules()
    at, id_ = group
    segment = rules.segments.get(id_)
    if segment is None or _waits_for_others(rules, id_, at=at):
        return None
    people = _people(group, portion=portion)
    if not people:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [people])
        locked = {row[0] for row in cursor.fetchall()}
    # Nobody was locked at the first look: who was decided about since then is no longer of the crowd.
    crowd = [person for person in _people(group, portion=portion) if person in locked]
    _cursors[group] = people[-1]
    entered, left = move_people(segment, crowd, now=at, reason=_reason(crowd, id_, at=at))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE segments_segment SET member_count = member_count + %s WHERE id = %s",
            [len(entered) - len(left), id_],
        )
    return len(entered) + len(left)


def _reason(people: Sequence[int], id_: int, *, at: datetime) -> dict[str, Any]:
    """Why they move: the clock, or somebody named them all at this moment."""
    said = ManualMember.objects.filter(segment_id=id_, person__in=people, at=at)
    return {"node": "manual" if said.exists() else "clock"}


def _waits_for_others(rules: Rules, id_: int, *, at: datetime) -> bool:
    """Whether a segment this one asks about may change at the same moment: the sweep knows the order."""
    asked = rules.segments[id_].reads.segments
    ids = [one.id for one in rules.segments.values() if one.slug in asked]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM segments_due WHERE segment_id = ANY(%s) AND due_at <= %s)", [ids, at]
        )
        return bool(cursor.fetchone()[0])


def _people(group: Group, *, portion: int) -> list[int]:
    at, id_ = group
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE, {"at": at, "segment": id_, "after": _cursors.get(group, 0), "most": portion})
        return [row[0] for row in cursor.fetchall()]


_PEOPLE = """
SELECT d.person_id FROM segments_due AS d
 WHERE d.segment_id = %(segment)s AND d.due_at = %(at)s AND d.person_id > %(after)s
   AND NOT EXISTS (SELECT FROM segments_due AS o WHERE o.person_id = d.person_id AND o.due_at < %(at)s)
   AND NOT EXISTS (SELECT FROM segments_computed_due AS o
                    WHERE o.person_id = d.person_id AND o.due_at <= %(at)s)
   AND NOT EXISTS (SELECT FROM journeys_run AS r
                    WHERE r.person_id = d.person_id AND r.ended_at IS NULL AND r.due_at < %(at)s)
   AND NOT EXISTS (SELECT FROM journeys_entry_due AS e
                    WHERE e.person_id = d.person_id AND e.due_at < %(at)s)
 ORDER BY d.person_id LIMIT %(most)s
"""
_LOCK = """
SELECT id FROM profiles_person WHERE id = ANY(%s) AND merged_into_id IS NULL
 ORDER BY id FOR UPDATE SKIP LOCKED
"""
