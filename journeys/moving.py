"""Take the people inside a journey to another version of it, all in one transaction."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection

from connectors.services import cancel_for_runs
from journeys.domain.decision import Decision, State
from journeys.domain.definition import Definition, JourneyError, parse_journey
from journeys.domain.moving import BY_MOVE, Move
from journeys.models import Decision as LedgerRow
from journeys.models import Journey, JourneyVersion, Run
from profiles import partitions
from profiles.arrays import bare, instants, texts
from profiles.domain.exact import decode_json, encode_json

logger = logging.getLogger(__name__)

_PORTION: Final = 20_000  # runs in memory at once

_READ: Final = f"""
    SELECT id, version_id, state::text, due_at FROM {Run._meta.db_table}
     WHERE journey_id = %s AND version_id = ANY(%s) AND ended_at IS NULL AND id > %s ORDER BY id LIMIT %s
"""
_WRITE: Final = f"""
    UPDATE {Run._meta.db_table} AS run
       SET version_id = %s, state = coalesce(moved.state::jsonb, run.state), due_at = moved.due_at,
           ended_at = moved.ended_at, outcome = moved.outcome, reason = moved.reason
      FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[])
           AS moved (id, state, due_at, ended_at, outcome, reason)
     WHERE run.id = moved.id
"""
_TELL: Final = f"""
    INSERT INTO {LedgerRow._meta.db_table}
           (person_id, at, journey_id, version_id, run_id, step, outcome, reason)
    SELECT run.person_id, %s, run.journey_id, run.version_id, run.id, line.step, line.outcome, line.reason
      FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) WITH ORDINALITY
           AS line (run_id, step, outcome, reason, place)
      JOIN {Run._meta.db_table} AS run ON run.id = line.run_id
     ORDER BY line.place
"""


def move_runs(journey: Journey, version: JourneyVersion, *, to: Mapping[str, str], now: datetime) -> int:
    """Move every open run to a version, with lines in the ledger; give how many.

    What a run queued at a step that is gone is cancelled. The caller holds the rules alone, so that no drain
    or sweep is moving these runs.
    """
    partitions.ensure_decision_days({now.date()})
    new = parse_journey(version.document)
    moves = {old.pk: move for old in _left(journey, version) if (move := _move(old, new, to)) is not None}
    gone = {step.id for move in moves.values() for step in move.old.walk()} - {step.id for step in new.walk()}
    count = 0
    for rows in _portions(journey, list(moves)):
        _write(version, [(row[0], _moved(moves[row[1]], row, now=now)) for row in rows], now=now)
        if gone:
            cancel_for_runs([row[0] for row in rows], reason=BY_MOVE, steps=gone)
        count += len(rows)
    return count


def _left(journey: Journey, version: JourneyVersion) -> Sequence[JourneyVersion]:
    """The versions that people are still in."""
    inside = journey.runs.open().exclude(version=version).order_by().values("version").distinct()
    return list(JourneyVersion.objects.filter(pk__in=inside).select_related("journey"))


def _move(old: JourneyVersion, new: Definition, to: Mapping[str, str]) -> Move | None:
    try:
        return Move(old=parse_journey(old.document), new=new, to=to)
    except JourneyError:
        # As where versions are read: only a document of another release gets here; its people stay in it.
        logger.exception("version %s of journey %s cannot be read", old.number, old.journey.slug)
        return None


def _portions(journey: Journey, versions: list[int]) -> Iterator[list[tuple[Any, ...]]]:
    after = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_READ, [journey.pk, versions, after, _PORTION])
            rows = cursor.fetchall()
        if not rows:
            return
        yield rows
        after = rows[-1][0]


def _moved(move: Move, row: Sequence[Any], *, now: datetime) -> Decision:
    _id, _version, state, due_at = row
    return move.moved(State.from_json(decode_json(state)), due_at=due_at, now=now)


def _write(version: JourneyVersion, moved: Sequence[tuple[int, Decision]], *, now: datetime) -> None:
    endings = [decision.ending for _, decision in moved]
    lines = [(run, entry) for run, decision in moved for entry in decision.ledger]
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE,
            [
                version.pk,
                bare(run for run, _ in moved),
                [encode_json(each.state.to_json()).decode() if each.state else None for _, each in moved],
                instants(decision.due_at for _, decision in moved),
                instants(now if ending else None for ending in endings),
                texts(ending.outcome.value if ending else "" for ending in endings),
                texts(ending.reason if ending else "" for ending in endings),
            ],
        )
        cursor.execute(
            _TELL,
            [
                now,
                bare(run for run, _ in lines),
                texts(entry.step for _, entry in lines),
                texts(entry.outcome.value for _, entry in lines),
                texts(entry.reason for _, entry in lines),
            ],
        )
