"""Stays as rows: read for the people of a transaction, written once per transaction, led through merges."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from django.db import connection

from profiles.domain.exact import encode_json
from profiles.domain.facts import Stay
from profiles.domain.history import PersonState
from segments.live.settling import Change
from segments.models import Membership

Pair = tuple[int, int]  # segment, person


def note_faults(faults: Mapping[int, str]) -> None:
    """Show on the segments why somebody could not be asked. In id order, as counts are."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE segments_segment SET error = %s WHERE id = %s AND error <> %s",
            [(text, id_, text) for id_, text in sorted(faults.items())],
        )


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
    """Write changes of membership in their order: one update, one insert, and the counts.

    Entering and leaving within one transaction are both kept.

    Args:
        survivor: persons merged in this transaction -> who they are now. What the database holds of the
            merged has been led to them before (`repoint_people`).
    """
    if not changes:
        return
    closed, begun = _folded(changes, survivor=survivor, is_open=_open_pairs(changes, survivor=survivor))
    _close([leaving for leaving, entering in closed if entering is None], survivor=survivor)
    whole = [(entering, leaving) for leaving, entering in closed if entering is not None]
    _insert([*whole, *((entering, None) for entering in begun)], survivor=survivor)
    _count([leaving for leaving, _ in closed], begun=[entering for entering, _ in whole] + begun)


def _open_pairs(changes: Iterable[Change], *, survivor: Mapping[int, int]) -> set[Pair]:
    """Which open stays the database holds of people into whom somebody was merged."""
    people = {survivor[change.person] for change in changes if change.person in survivor}
    if not people:
        return set()
    rows = Membership.objects.present().filter(person_id__in=list(people))
    return set(rows.values_list("segment_id", "person_id"))


def _folded(
    changes: Iterable[Change], *, survivor: Mapping[int, int], is_open: set[Pair]
) -> tuple[list[tuple[Change, Change | None]], list[Change]]:
    """Pair leavings with the enterings they end, where those are among the changes.

    Returns:
        Each leaving with its entering, None where the database holds the stay; the enterings still open.
    """
    begun: dict[Pair, Change] = {}
    closed: list[tuple[Change, Change | None]] = []
    for change in changes:
        pair = (change.segment_id, survivor.get(change.person, change.person))
        if change.is_entered:
            if pair not in is_open:  # else another of those who are one now is in it already
                begun.setdefault(pair, change)
        else:
            is_open.discard(pair)
            closed.append((change, begun.pop(pair, None)))
    return closed, list(begun.values())


def repoint_people(old: Sequence[int], new: Sequence[int]) -> None:
    """Give the stays of merged people to the survivors; of two open ones the earlier goes on."""
    with connection.cursor() as cursor:
        for statement in _REPOINT:
            cursor.execute(statement, {"old": list(old), "new": list(new)})


# Of two open stays in one segment the earlier goes on. The later one goes without a leaving, for nobody left;
# the row that goes on keeps what an un-merge needs to restore it.
_OPEN_OF_MERGED: Final = """
    WITH merged AS (SELECT * FROM unnest(%(old)s::bigint[], %(new)s::bigint[]) AS pair (old, new)),
    ranked AS (
        SELECT stay.id, stay.entered_at, stay.segment_id, stay.why, stay.person_id AS origin,
               coalesce(merged.new, stay.person_id) AS person_id,
               row_number() OVER (
                   PARTITION BY stay.segment_id, coalesce(merged.new, stay.person_id)
                   ORDER BY stay.entered_at, stay.id
               ) AS place
          FROM segments_membership AS stay LEFT JOIN merged ON merged.old = stay.person_id
         WHERE stay.left_at IS NULL AND stay.person_id = ANY(%(old)s::bigint[] || %(new)s::bigint[])
    )
"""
_REPOINT: Final = (
    _OPEN_OF_MERGED
    + """
    UPDATE segments_membership AS stay
       SET why = stay.why
           || jsonb_build_object('absorbed', coalesce(stay.why -> 'absorbed', '[]') || later.stays)
      FROM ranked AS first, (
           SELECT person_id, segment_id, jsonb_agg(jsonb_build_object(
                      'entered_at', entered_at, 'person', origin, 'why', why)) AS stays
             FROM ranked WHERE place > 1 GROUP BY person_id, segment_id
           ) AS later
     WHERE stay.id = first.id AND first.place = 1
       AND first.person_id = later.person_id AND first.segment_id = later.segment_id
    """,
    _OPEN_OF_MERGED
    + """,
    dropped AS (
        DELETE FROM segments_membership WHERE id IN (SELECT id FROM ranked WHERE place > 1)
        RETURNING segment_id
    )
    UPDATE segments_segment AS segment SET member_count = member_count - lost.number
      FROM (SELECT segment_id, count(*) AS number FROM dropped GROUP BY segment_id ORDER BY 1) AS lost
     WHERE segment.id = lost.segment_id
    """,
    """
    UPDATE segments_membership AS stay
       SET person_id = pair.new, origin_person_id = coalesce(stay.origin_person_id, stay.person_id)
      FROM unnest(%(old)s::bigint[], %(new)s::bigint[]) AS pair (old, new)
     WHERE stay.person_id = pair.old
    """,
)


def _close(changes: Sequence[Change], *, survivor: Mapping[int, int]) -> None:
    if not changes:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE segments_membership AS s
               SET left_at = greatest(c.at, s.entered_at), why = s.why || jsonb_build_object('left', c.why)
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
            "COPY segments_membership (segment_id, person_id, origin_person_id, entered_at, left_at, why)"
            " FROM STDIN"
        ) as copy,
    ):
        for entering, leaving in stays:
            why = {"entered": entering.why} | ({"left": leaving.why} if leaving else {})
            copy.write_row(
                (
                    entering.segment_id,
                    survivor.get(entering.person, entering.person),
                    entering.person if entering.person in survivor else None,
                    entering.at,
                    max(leaving.at, entering.at) if leaving else None,
                    encode_json(why).decode(),
                )
            )


def _count(left: Iterable[Change], *, begun: Iterable[Change]) -> None:
    """Move the counts of members along, segments in id order so that two drains never wait in a circle."""
    moved = Counter(change.segment_id for change in begun)
    moved.subtract(change.segment_id for change in left)
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE segments_segment SET member_count = member_count + %s WHERE id = %s",
            [(by, id_) for id_, by in sorted(moved.items()) if by],
        )
