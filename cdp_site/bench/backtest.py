"""How fast a back-test plays stored messages through a journey: reading, deciding, keeping what came of it.

Four weeks of a shop: of each person's messages one in ten puts something into a cart. The journey waits, asks
a segment and whether they ordered, and writes to the others.
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import connection
from django.utils import timezone

from cdp_site.backtest.services import play_waiting, start_backtest
from cdp_site.bench.running import Missed
from cdp_site.models import BackTest
from journeys.services import create_journey
from profiles import partitions
from segments.services import publish_segment, save_segment

PEOPLE: Final = 4_000
EVENTS: Final = 200_000
DAYS: Final = 28
NAMES: Final = ("Page Viewed", "Product Viewed", "Product Added", "Order Completed")
SOLD: Final = {
    "event": "Order Completed",
    "count": {"op": "at_least", "value": 3},
    "during": {"last": "P14D"},
}
DOCUMENT: Final = {
    "language": 1,
    "entry": {
        "on": {"event": "Product Added"},
        "key": "properties.sku",
        "reentry": {"policy": "after_exit", "again": "restart"},
    },
    "goal": {"if": {"event": "Order Completed", "during": {"since": "entry"}}},
    "settings": {"caps": [{"class": "marketing", "most": 2, "per": "P7D"}]},
    "steps": [
        {"id": "w", "kind": "wait", "for": "PT4H"},
        {
            "id": "b",
            "kind": "branch",
            "cases": [
                {
                    "name": "regular",
                    "if": {"segment": "bench-regular", "is": "member"},
                    "steps": [{"id": "t", "kind": "set_trait", "set": {"cart": "left"}}],
                }
            ],
            "else": [{"id": "m", "kind": "send", "channel": "email", "template": "x", "class": "marketing"}],
        },
    ],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BackTestRow:
    """One line of the table."""

    what: str
    people: int
    messages: int
    decisions: int
    messages_per_second: float


def measure(*, people: int = PEOPLE, events: int = EVENTS) -> list[BackTestRow]:
    """Back-test a draft over everything.

    Raises:
        Missed: the back-test did not come to its end.
    """
    _fill(people, events=events)
    now = timezone.now()
    save_segment("bench-regular", name="Regular", condition=SOLD, actor="command:bench", now=now)
    publish_segment("bench-regular", actor="command:bench", now=now)
    create_journey("command:bench", slug="bench-cart", name="Cart", document=DOCUMENT)
    row = start_backtest(
        "bench-cart", begins_at=now - timedelta(days=DAYS), ends_at=now, actor="command:bench", now=now
    )
    began = time.monotonic()
    while BackTest.objects.unfinished().exists():
        play_waiting(now=timezone.now(), seconds=60.0)
    seconds = time.monotonic() - began
    row.refresh_from_db()
    if row.state != BackTest.State.DONE:
        raise Missed(f"the back-test is {row.state}: {row.error}")
    return [
        BackTestRow(
            what=f"{DAYS} days of a cart's journey",
            people=row.done,
            messages=row.message_count,
            decisions=row.decisions.count(),
            messages_per_second=row.message_count / seconds,
        )
    ]


def _fill(people: int, *, events: int) -> None:
    """Write people and what they did, as the drain would have left it."""
    now = timezone.now()
    days = [(now - timedelta(days=day)).date() for day in range(-1, DAYS + 2)]
    partitions.ensure_event_days(days, today=now.date())
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO profiles_eventname (name) SELECT unnest(%s::text[]) ON CONFLICT (name) DO NOTHING",
            [list(NAMES)],
        )
        cursor.execute(_PEOPLE, {"now": now, "people": people})
        cursor.execute(_EVENTS, {"now": now, "events": events, "days": DAYS, "names": list(NAMES)})
        cursor.execute(_TOTALS)
        for table in ("profiles_person", "profiles_event", "profiles_persontotal"):
            cursor.execute(f"VACUUM (ANALYZE) {table}")


_PEOPLE: Final = """
INSERT INTO profiles_person (uuid, first_seen_at, last_seen_at, time_zone, locale, traits, trait_times,
                             consent, consent_times)
SELECT gen_random_uuid(), %(now)s - interval '400 days', %(now)s, '', '', '{}', '{}',
       '{"email_marketing": true}', '{}'
  FROM generate_series(1, %(people)s)
"""
_EVENTS: Final = """
INSERT INTO profiles_event (person_id, ts, name_id, identity_id, message_id, received_at, arrival, source_id,
                            properties, context)
SELECT people.ids[1 + n %% cardinality(people.ids)], made.at, names.id, 1, gen_random_uuid(), made.at, n, 1,
       jsonb_build_object('sku', 'sku-' || n %% 50), '{}'
  FROM generate_series(1, %(events)s) AS n
 CROSS JOIN (SELECT array_agg(id ORDER BY id) AS ids FROM profiles_person) AS people
 CROSS JOIN LATERAL (SELECT %(now)s - make_interval(secs => %(days)s * 86400 * random() + n * 0) AS at)
    AS made
  JOIN profiles_eventname AS names ON names.name = (%(names)s::text[])[
       CASE WHEN hashint4(n::int) & 15 < 9 THEN 1 WHEN hashint4(n::int) & 15 < 13 THEN 2
            WHEN hashint4(n::int) & 15 < 15 THEN 3 ELSE 4 END]
"""
_TOTALS: Final = """
INSERT INTO profiles_persontotal (person_id, name_id, count, first_at, last_at)
SELECT person_id, name_id, count(*), min(ts), max(ts) FROM profiles_event GROUP BY 1, 2
    ON CONFLICT DO NOTHING
"""
