"""When each event of a name was, kept beside its count: what is asked of everybody reads no event then.

Taking a message in only forgets the times of the row it counts up; here they are noted again, now and then.
A row that has none, or not as many as it counts, is out of date, and its events are asked instead.
"""

from typing import Final

from django.db import connection, transaction

MOST: Final = 2_000  # events of one name by one person: beyond, their times are not kept
PORTION: Final = 250  # people at once: the drain waits for them meanwhile


def note_times(*, limit: int) -> int:
    """Note the times of some people's events; give how many people were looked at."""
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE, {"most": MOST, "limit": limit})
        people = [row[0] for row in cursor.fetchall()]
    for start in range(0, len(people), PORTION):
        _note_some(people[start : start + PORTION])
    return len(people)


@transaction.atomic
def _note_some(people: list[int]) -> None:
    """The rows are locked first: whoever adds an event counts it up in the same transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, {"people": people, "most": MOST})
        if found := cursor.fetchall():
            held, names = zip(*found, strict=True)
            cursor.execute(_NOTE, {"people": people, "held": list(held), "names": list(names)})


_PEOPLE: Final = """
SELECT DISTINCT person_id FROM profiles_persontotal WHERE times IS NULL AND count <= %(most)s
 ORDER BY 1 LIMIT %(limit)s
"""
_LOCK: Final = """
SELECT person_id, name_id FROM profiles_persontotal
 WHERE person_id = ANY(%(people)s) AND times IS NULL AND count <= %(most)s
 ORDER BY 1, 2 FOR UPDATE SKIP LOCKED
"""
# What retention has taken is counted still: there the times stay unknown, as an empty list.
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
        GROUP BY 1, 2
       ) AS found USING (person_id, name_id)
 WHERE t.person_id = held.person_id AND t.name_id = held.name_id
"""
