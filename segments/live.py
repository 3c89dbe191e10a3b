"""Segments in the live pipeline: the rules they hand in, and membership moved forward person by person.

`settle` is asked for one person at one moment about the segments that a stimulus marked; it follows the
change of one segment into those that depend on it. Changes gather in memory and are written once per
transaction. Rules are those of the revision that the transaction holds.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from graphlib import TopologicalSorter

from django.db import connection

from profiles.domain.arrival import encode_json
from profiles.domain.facts import Facts, Json, Stay
from profiles.domain.history import PersonState
from segments.domain.conditions import Condition, Reads, reads
from segments.domain.evaluate import evaluate
from segments.domain.parse import parse_condition
from segments.models import Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSegment:
    """A segment whose membership is kept up to date."""

    id: int
    slug: str
    condition: Condition
    reads: Reads


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Somebody entered or left a segment."""

    segment_id: int
    slug: str
    person: int
    at: datetime
    is_entered: bool
    why: Json  # the reasons, as JSON


def live_segments() -> list[LiveSegment]:
    """Read the live segments, each after those it depends on."""
    found = {}
    for row in Segment.objects.live():
        condition = parse_condition(row.condition["if"])
        found[row.slug] = LiveSegment(id=row.id, slug=row.slug, condition=condition, reads=reads(condition))
    order = TopologicalSorter({slug: one.reads.segments & found.keys() for slug, one in found.items()})
    return [found[slug] for slug in order.static_order()]


def settle(
    segments: Mapping[int, LiveSegment],
    asked: Collection[int],
    facts: Facts,
    *,
    now: datetime,
    stays: dict[str, list[Stay]],
) -> list[Change]:
    """Ask segments about one person and move the person's stays accordingly.

    Args:
        segments: all live ones by id, each after those it depends on.
        asked: ids of those whose answer may have changed; their dependants are asked as needed.
        facts: must show `stays` (the same object), so that a dependant sees the change before it.
    """
    changes: list[Change] = []
    changed: set[str] = set()
    wanted = set(asked)
    for id_, segment in segments.items():
        if id_ not in wanted and not segment.reads.segments & changed:
            continue
        answer = evaluate(segment.condition, facts, now)
        history = stays.setdefault(segment.slug, [])
        is_inside = bool(history) and history[-1].left_at is None
        if answer.holds is is_inside:
            continue
        if answer.holds:
            history.append(Stay(entered_at=now))
        else:
            history[-1] = Stay(entered_at=history[-1].entered_at, left_at=now)
        changed.add(segment.slug)
        changes.append(
            Change(
                segment_id=id_,
                slug=segment.slug,
                person=facts.person_id,
                at=now,
                is_entered=answer.holds,
                why=answer.reason.to_json(),
            )
        )
    return changes


def load_stays(states: Mapping[int, PersonState], people: Collection[int]) -> None:
    """Read the stays of these people into their states."""
    if not people:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT m.person_id, s.slug, m.entered_at, m.left_at
              FROM segments_membership AS m JOIN segments_segment AS s ON s.id = m.segment_id
             WHERE m.person_id = ANY(%s)
             ORDER BY m.left_at NULLS LAST, m.entered_at
            """,
            [sorted(people)],
        )
        for person, slug, entered_at, left_at in cursor.fetchall():
            states[person].stays.setdefault(slug, []).append(Stay(entered_at=entered_at, left_at=left_at))


def store_changes(changes: Sequence[Change], *, survivor: Mapping[int, int]) -> None:
    """Write changes of membership in their order, in two statements.

    Entering and leaving within one transaction are both kept.

    Args:
        survivor: persons merged in this transaction -> who they are now.
    """
    if not changes:
        return
    begun: dict[tuple[int, int], Change] = {}
    closed: list[tuple[Change, Change | None]] = []  # leaving, and the entering if it was in here too
    for change in changes:
        key = (change.segment_id, survivor.get(change.person, change.person))
        if change.is_entered:
            begun.setdefault(key, change)
        else:
            closed.append((change, begun.pop(key, None)))
    leavings = [leaving for leaving, entering in closed if entering is None]
    whole = [(entering, leaving) for leaving, entering in closed if entering is not None]
    _close(leavings, survivor=survivor)
    _insert([*whole, *((entering, None) for entering in begun.values())], survivor=survivor)
    _count(changes)


def repoint_people(old: Sequence[int], new: Sequence[int]) -> None:
    """Give the stays of merged people to the survivors; of two open ones the earlier goes on."""
    with connection.cursor() as cursor:
        for statement in _REPOINT:
            cursor.execute(statement, {"old": list(old), "new": list(new)})


_PAIRS = "unnest(%(old)s::bigint[], %(new)s::bigint[]) AS m(old, new)"
_REPOINT = (
    # Of all open stays that will be one person's in one segment, the earliest stays open.
    f"""
    WITH closed AS (
    UPDATE segments_membership AS s SET left_at = greatest(s.entered_at, f.entered_at)
      FROM (SELECT id, entered_at,
                   row_number() OVER (PARTITION BY segment_id, owner ORDER BY entered_at, id) AS place
              FROM (SELECT s.*, coalesce(m.new, s.person_id) AS owner FROM segments_membership AS s
                      LEFT JOIN {_PAIRS} ON m.old = s.person_id
                     WHERE s.left_at IS NULL AND s.person_id = ANY(%(old)s::bigint[] || %(new)s::bigint[])
                   ) AS stays) AS f
     WHERE s.id = f.id AND f.place > 1 RETURNING s.segment_id)
    UPDATE segments_segment AS s SET member_count = member_count - c.number
      FROM (SELECT segment_id, count(*) AS number FROM closed GROUP BY segment_id ORDER BY 1) AS c
     WHERE s.id = c.segment_id
    """,
    f"UPDATE segments_membership AS s SET person_id = m.new FROM {_PAIRS} WHERE s.person_id = m.old",
)


def _close(changes: Sequence[Change], *, survivor: Mapping[int, int]) -> None:
    if not changes:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE segments_membership AS s
               SET left_at = c.at, why = s.why || jsonb_build_object('left', c.why)
              FROM unnest(%s::int[], %s::bigint[], %s::timestamptz[], %s::text[]::jsonb[])
                   AS c(segment_id, person_id, at, why)
             WHERE s.segment_id = c.segment_id AND s.person_id = c.person_id AND s.left_at IS NULL
            """,
            [
                [change.segment_id for change in changes],
                [survivor.get(change.person, change.person) for change in changes],
                [change.at for change in changes],
                [encode_json(change.why).decode() for change in changes],
            ],
        )


def _insert(stays: Sequence[tuple[Change, Change | None]], *, survivor: Mapping[int, int]) -> None:
    if not stays:
        return
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY segments_membership (segment_id, person_id, entered_at, left_at, why) FROM STDIN"
        ) as copy,
    ):
        for entering, leaving in stays:
            why = {"entered": entering.why} | ({"left": leaving.why} if leaving else {})
            copy.write_row(
                (
                    entering.segment_id,
                    survivor.get(entering.person, entering.person),
                    entering.at,
                    leaving.at if leaving else None,
                    encode_json(why).decode(),
                )
            )


def _count(changes: Sequence[Change]) -> None:
    """Move the counts of members along, segments in id order so that two drains never wait in a circle."""
    moved: dict[int, int] = {}
    for change in changes:
        moved[change.segment_id] = moved.get(change.segment_id, 0) + (1 if change.is_entered else -1)
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE segments_segment SET member_count = member_count + %s WHERE id = %s",
            [(by, id_) for id_, by in sorted(moved.items()) if by],
        )
