"""Writes to runs and the ledger that no message or timer of a person asked for, a whole journey at once."""

from datetime import datetime

from django.db import connection

from connectors.services import cancel_for_runs
from journeys.domain.decision import Outcome
from journeys.models import Decision, Journey, Run
from profiles import partitions

_END_ALL = f"""
    WITH ended AS (
        UPDATE {Run._meta.db_table}
           SET ended_at = %(now)s, due_at = NULL, outcome = %(outcome)s, reason = %(reason)s
         WHERE journey_id = %(journey)s AND ended_at IS NULL
        RETURNING id, person_id, journey_id, version_id
    )
    INSERT INTO {Decision._meta.db_table} (person_id, at, journey_id, version_id, run_id, outcome, reason)
    SELECT person_id, %(now)s, journey_id, version_id, id, %(outcome)s, %(reason)s FROM ended ORDER BY id
    RETURNING run_id
"""


def end_open_runs(journey: Journey, *, reason: str, now: datetime) -> int:
    """End every open run of a journey with a line in the ledger, and cancel what they queued; give how many.

    The caller holds the rules alone, so that no drain or sweep is moving these runs.
    """
    partitions.ensure_decision_days({now.date()})
    with connection.cursor() as cursor:
        cursor.execute(
            _END_ALL,
            {"now": now, "journey": journey.pk, "outcome": Outcome.ENDED.value, "reason": reason},
        )
        ended = [run_id for (run_id,) in cursor.fetchall()]
    cancel_for_runs(ended, reason=reason)
    return len(ended)
