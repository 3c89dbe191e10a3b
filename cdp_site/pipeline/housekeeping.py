"""What must happen now and then: partitions ahead of need, squashing of merged people's events, tidiness."""

from django.db import connection, transaction
from django.utils import timezone

from journeys.live import forget_old_places
from profiles import partitions
from profiles.services import squash_merged


def housekeeping() -> dict[str, int]:
    """Make partitions, drop what is over, and rewrite a bounded number of merged people's events."""
    now = timezone.now()
    partitions.make_ahead(now=now)
    forget_old_places(now=now)
    return {"weeks_dropped": partitions.drop_old_dedup(now=now), "squashed": squash_merged(limit=200)}


def stray_events() -> int:
    """Count rows in the default partitions: always 0, or partitions were made too late."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM profiles_event_default)"
            " + (SELECT count(*) FROM journeys_decision_default)"
        )
        row = cursor.fetchone()
    return int(row[0]) if row else 0
