"""Writes to runs and the ledger beside the engine: of a whole journey, and of runs that stand still."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from connectors.services import cancel_for_runs
from journeys.domain.decision import Outcome
from journeys.models import Decision, Run
from profiles import partitions
from profiles.arrays import bare

_END = f"""
    WITH ended AS (
        UPDATE {Run._meta.db_table}
           SET ended_at = %(now)s, due_at = NULL, outcome = %(outcome)s, reason = %(reason)s
         WHERE id = ANY(%(runs)s::bigint[]) AND ended_at IS NULL
        RETURNING id, person_id, journey_id, version_id
    )
    INSERT INTO {Decision._meta.db_table} (person_id, at, journey_id, version_id, run_id, outcome, reason)
    SELECT person_id, %(now)s, journey_id, version_id, id, %(outcome)s, %(reason)s FROM ended ORDER BY id
    RETURNING run_id
"""


def end_runs(runs: Sequence[int], outcome: Outcome, *, reason: str, now: datetime) -> int:
    """End those of these runs that are open, with lines in the ledger, and cancel what they queued.

    Nobody else may be moving them: the caller holds the rules alone, or has their people locked.

    Returns:
        How many were open.
    """
    partitions.ensure_decision_days({now.date()})
    with connection.cursor() as cursor:
        cursor.execute(_END, {"now": now, "runs": bare(runs), "outcome": outcome.value, "reason": reason})
        ended = [run_id for (run_id,) in cursor.fetchall()]
    cancel_for_runs(ended, reason=reason)
    return len(ended)


_END_RIVALS = f"""
    WITH merged AS (
        SELECT *
          FROM unnest(%(old)s::bigint[], %(new)s::bigint[], %(at)s::timestamptz[]) AS pair (old, new, at)
    ),
    ranked AS (
        SELECT run.id, max(merged.at) OVER same AS at,
               row_number() OVER (same ORDER BY entered_at, run.id) AS place
          FROM {Run._meta.db_table} AS run LEFT JOIN merged ON merged.old = run.person_id
         WHERE run.ended_at IS NULL AND run.person_id = ANY(%(old)s::bigint[] || %(new)s::bigint[])
        WINDOW same AS (PARTITION BY coalesce(merged.new, run.person_id), run.journey_id, run.key)
    ),
    ended AS (
        UPDATE {Run._meta.db_table} AS run
           SET ended_at = ranked.at, due_at = NULL, outcome = %(outcome)s
          FROM ranked WHERE run.id = ranked.id AND ranked.place > 1
        RETURNING run.id, run.person_id, run.ended_at, run.journey_id, run.version_id
    )
    INSERT INTO {Decision._meta.db_table} (person_id, at, journey_id, version_id, run_id, outcome, reason)
    SELECT person_id, ended_at, journey_id, version_id, id, %(outcome)s, '' FROM ended ORDER BY id
    RETURNING run_id
"""


def end_rivals(old: Sequence[int], new: Sequence[int], *, at: Sequence[datetime]) -> None:
    """Of two open runs of one journey and key that a merge brings together, end the younger.

    The drain does so itself where it reads the runs; those of paused journeys it does not.
    """
    partitions.require_decision_days({moment.date() for moment in at})
    with connection.cursor() as cursor:
        cursor.execute(
            _END_RIVALS,
            {"old": list(old), "new": list(new), "at": list(at), "outcome": Outcome.MERGED.value},
        )
        ended = [run_id for (run_id,) in cursor.fetchall()]
    cancel_for_runs(ended, reason=Outcome.MERGED.value)
