"""When each event of a name was, kept beside its count: what is asked of everybody reads no event then.

Taking a message in only forgets the times of the row it counts up; here they are noted again, now and then.
A row that has none, or not as many as it counts, is out of date, and its events are asked instead.
"""

import random
import time
from typing import Final

from django.db import connection, transaction

MOST: Final = 2_000  # events of one name by one person: beyond, their times are not kept
PORTION: Final = 250  # people at once: the drain waits for them meanwhile


def note_times(*, seconds: float, after: int = 0) -> int:
    """Note the times of people's events, for so many seconds at most; give how many people were looked at.

    Args:
        after: whoever comes behind this id is looked at first, so that calls which cannot finish do not look
            at the same people each time.
    """
    ends_at, count = time.monotonic() + seconds, 0
    for begin, end in ((after, None), (0, after)):
        last: int | None = begin
        while last is not None and time.monotonic() < ends_at:
            people = _people(after=last, until=end)
            _note_some(people)
            count += len(people)
            last = people[-1] if people else None
    return count


def note_from_anywhere(*, seconds: float) -> int:
    """Note times, beginning with anybody."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(person_id), 0) FROM profiles_persontotal")
        (highest,) = cursor.fetchone()
    return note_times(seconds=seconds, after=random.randint(0, highest))


def _people(*, after: int, until: int | None) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE, {"most": MOST, "limit": PORTION, "after": after, "until": until})
        return [row[0] for row in cursor.fetchall()]


@transaction.atomic
def _note_some(people: list[int]) -> None:
    """The rows are locked first: whoever adds an event counts it up in the same transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, {"people": people, "most": MOST})
        if found := cursor.fetchall():
            held, names = zip(*found, strict=True)
            cursor.execute(_NOTE, {"people": people, "held": list(held), "names": list(names)})


_PEOPLE: Final = """
SELECT DISTINCT person_id FROM profiles_persontotal
 WHERE times IS NULL AND count <= %(most)s
       AND person_id > %(after)s AND person_id <= coalesce(%(until)s, 9223372036854775807)
 ORDER BY 1 LIMIT %(limit)s
"""
_LOCK: Final = """
SELECT person_id, name_id FROM profiles_persontotal
 WHERE person_id = ANY(%(people)s) AND times IS NULL AND count <= %(most)s
 ORDER BY 1, 2 FOR UPDATE SKIP LOCKED
"""
# Where events are gone that the count holds, times stay unknown: an empty list.
# Whoever deletes events later sets `times` to null.
_NOTE: Final = """
UPDATE profiles_persontotal AS t
   SET times = CASE WHEN t.count = cardinality(found.times) THEN found.times ELSE '{}' END
  FROM unnest(%(held)s::bigint[], %(names)s::int[]) AS held (person_id, name_id)
  LEFT JOIN (
       SELECT coalesce(o.new_person_id, e.person_id) AS person_id, e.name_id,
              array_agg(e.ts ORDER BY e.ts) AS times
         FROM profiles_event AS e LEFT JOIN profiles_personoverride AS o ON o.old_person_id = e.person_id
        WHERE e.person_id = ANY(%(people)s::bigint[] || ARRAY(
              SELECT old_person_id FROM profiles_personoverride WHERE new_person_id = ANY(%(people)s)))
          AND e.name_id = ANY(%(names)s::int[])
        GROUP BY 1, 2
       ) AS found USING (person_id, name_id)
 WHERE t.person_id = held.person_id AND t.name_id = held.name_id
"""
