"""A made-up customer base of any size, written by SQL: what the segments benchmark asks about.

The rows are those the drain would have left, in the order of arrival, and housekeeping after it; filling
them that way would take an hour. More than half of the events lie in the last ninety days of a year, every
twentieth is an order.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import connection, transaction

from profiles import partitions
from profiles.times import note_times

PEOPLE: Final = 200_000
DAYS: Final = 365
NAMES: Final = ("Page Viewed", "Product Viewed", "Product Added", "Email Opened", "Order Completed")
_CHUNK: Final = 500_000  # events written in one transaction

# Of a hundred events so many have the names above.
_NAME: Final = """
(CASE WHEN n %% 100 < 55 THEN 1 WHEN n %% 100 < 80 THEN 2 WHEN n %% 100 < 90 THEN 3
      WHEN n %% 100 < 95 THEN 4 ELSE 5 END)
"""
_PEOPLE_SQL: Final = """
INSERT INTO profiles_person (uuid, first_seen_at, last_seen_at, time_zone, locale, traits, trait_times,
                             consent, consent_times)
SELECT gen_random_uuid(), %(now)s - interval '400 days', %(now)s, '', '',
       jsonb_build_object('country', (ARRAY['DE', 'AT', 'CH', 'FR', 'US'])[1 + n %% 5],
                          'status', (ARRAY['trial', 'paying', 'former'])[1 + n %% 3]),
       '{}', jsonb_build_object('email_marketing', n %% 2 = 0), '{}'
  FROM generate_series(1, %(people)s) AS n
"""
_HISTORY_SQL: Final = """
INSERT INTO profiles_traitchange (person_id, key, at, arrival, value)
SELECT p.id, 'status', %(now)s - make_interval(days => 1 + (p.id * 7919 %% 120)::int), 0, p.traits -> 'status'
  FROM profiles_person AS p
"""
_EVENTS_SQL: Final = f"""
INSERT INTO profiles_event (person_id, ts, name_id, identity_id, message_id, received_at, arrival, source_id,
                            revenue, path, properties, context)
SELECT person, ts, names.id, 1, gen_random_uuid(), ts, n, 1,
       CASE WHEN name = 5 THEN 5 + n %% 300 END, CASE WHEN name = 1 THEN '/p/' || n %% 500 END,
       jsonb_build_object('sku', 'sku-' || n %% 2000,
                          'category', (ARRAY['shoes', 'shirts', 'bags', 'hats'])[1 + n %% 4]), '{{}}'
  FROM (
       SELECT n, {_NAME} AS name,
              %(first)s + (power(random(), 1.5) * %(people)s)::int %% %(people)s AS person,
              %(now)s - make_interval(
                  secs => %(days)s * 86400 * power(1 - (n + random()) / %(events)s, 2.5)) AS ts
         FROM generate_series(%(start)s::bigint, %(stop)s::bigint - 1) AS n
       ) AS made
  JOIN unnest(%(names)s::int[]) WITH ORDINALITY AS names (id, place) ON names.place = made.name
"""
_TOTALS_SQL: Final = """
INSERT INTO profiles_persontotal (person_id, name_id, count, first_at, last_at, revenue)
SELECT person_id, name_id, count(*), min(ts), max(ts), sum(revenue) FROM profiles_event GROUP BY 1, 2
"""


def fill(events: int, *, tell: Callable[[str], None]) -> datetime:
    """Write people and so many events; give the moment that is "now" for them."""
    now = datetime.now(UTC)
    start = now.date() - timedelta(days=DAYS + 1)
    partitions.ensure_event_days((start + timedelta(days=day) for day in range(DAYS + 3)), today=now.date())
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.42)")
        cursor.execute(
            "INSERT INTO profiles_eventname (name) SELECT unnest(%s::text[]) ON CONFLICT (name) DO NOTHING",
            [list(NAMES)],
        )
        cursor.execute("SELECT id, name FROM profiles_eventname WHERE name = ANY(%s)", [list(NAMES)])
        ids = {name: id_ for id_, name in cursor.fetchall()}
        cursor.execute(_PEOPLE_SQL, {"now": now, "people": PEOPLE})
        cursor.execute(_HISTORY_SQL, {"now": now})
        cursor.execute("SELECT min(id) FROM profiles_person")
        first = cursor.fetchone()[0]
    for begun in range(0, events, _CHUNK):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                _EVENTS_SQL,
                {
                    "now": now,
                    "days": DAYS,
                    "first": first,
                    "people": PEOPLE,
                    "events": events,
                    "names": [ids[name] for name in NAMES],
                    "start": begun,
                    "stop": min(begun + _CHUNK, events),
                },
            )
        tell(f"{min(begun + _CHUNK, events):,} of {events:,} events")
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS_SQL)
    note_times(seconds=math.inf)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) profiles_event")
        cursor.execute("VACUUM (ANALYZE) profiles_person")
        cursor.execute("VACUUM (ANALYZE) profiles_persontotal")
        cursor.execute("VACUUM (ANALYZE) profiles_traitchange")
    return now
