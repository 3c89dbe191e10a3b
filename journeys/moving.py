"""Take the people inside a journey to another version of it: everybody at once, or some."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import Q

from connectors.services import cancel_for_runs
from journeys.domain.decision import Decision, Ending, LedgerEntry, Outcome, State
from journeys.domain.definition import Definition, JourneyError, parse_journey
from journeys.domain.moving import BY_MOVE, Move
from journeys.models import Decision as LedgerRow
from journeys.models import Journey, JourneyVersion, Run
from profiles import partitions
from profiles.arrays import bare, instants, texts
from profiles.domain.exact import decode_json, encode_json

logger = logging.getLogger(__name__)

_PORTION: Final = 20_000  # runs in memory at once
_PROBE: Final = timedelta(days=10_000)

# Most people stand where nothing changed: they are moved without being looked at one by one.
_KEEP: Final = f"""
    WITH moved AS (
        UPDATE {Run._meta.db_table}
           SET version_id = %(new)s,
               due_at = CASE WHEN state->>'step' = ANY(%(asked)s) THEN %(now)s ELSE due_at END
         WHERE journey_id = %(journey)s AND version_id = %(old)s AND ended_at IS NULL
               AND state->>'step' = ANY(%(kept)s) AND NOT state ?| ARRAY['rounds', 'skips']
        RETURNING id, person_id, state->>'step' AS step
    )
    INSERT INTO {LedgerRow._meta.db_table} (person_id, at, journey_id, version_id, run_id, step, outcome)
    SELECT person_id, %(now)s, %(journey)s, %(new)s, id, step, %(outcome)s FROM moved ORDER BY id
    RETURNING run_id
"""
_READ: Final = f"""
    SELECT id, version_id, state::text, due_at FROM {Run._meta.db_table}
     WHERE journey_id = %s AND version_id = ANY(%s) AND ended_at IS NULL AND id > %s ORDER BY id LIMIT %s
"""
_WRITE: Final = f"""
    UPDATE {Run._meta.db_table} AS run
       SET version_id = %s, state = coalesce(nullif(moved.state, '')::jsonb, run.state),
           due_at = moved.due_at, ended_at = moved.ended_at, outcome = moved.outcome, reason = moved.reason
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
    moves = moves_to(new, journey, to=to)
    gone = _gone(moves.values(), new)
    runs = [run for old, move in moves.items() for run in _keep(version, old, move, now=now)]
    for rows in _portions(journey, list(moves)):
        _write(version, [(row[0], _moved(moves[row[1]], row, now=now)) for row in rows], now=now)
        runs += [row[0] for row in rows]
    if gone:
        cancel_for_runs(runs, reason=BY_MOVE, steps=gone)
    return len(runs)


def _keep(version: JourneyVersion, old: int, move: Move, *, now: datetime) -> list[int]:
    """Move the runs of a version that stay as they are, but for when they are asked next; give their ids."""
    kept, asked = [], []
    for step in move.old.walk():
        probe = State(step=step.id, since=now, due_at=now + _PROBE)
        decision = move.moved(probe, due_at=probe.due_at, now=now)
        if decision.state == probe and len(decision.ledger) == 1:
            kept.append(step.id)
            asked += [step.id] if decision.due_at == now else []
    values: dict[str, Any] = {
        "new": version.pk,
        "old": old,
        "journey": version.journey_id,
        "now": now,
        "kept": kept,
        "asked": asked,
        "outcome": Outcome.MOVED.value,
    }
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, values)
        return [run_id for (run_id,) in cursor.fetchall()]


def move_some(
    version: JourneyVersion, runs: Sequence[int], moves: Mapping[int, Move], *, now: datetime
) -> int:
    """Move open runs, whose people are locked, to a version; give how many.

    Args:
        moves: the ways there, by the ids of the versions the runs are in.
    """
    rows = Run.objects.filter(pk__in=runs).order_by("pk").values_list("pk", "version_id", "state", "due_at")
    moved = [
        (pk, _moved_or_parked(moves[old], state, run=pk, due_at=due_at, now=now))
        for pk, old, state, due_at in rows
    ]
    _write(version, moved, now=now)
    if gone := _gone(moves.values(), parse_journey(version.document)):
        cancel_for_runs([pk for pk, _ in moved], reason=BY_MOVE, steps=gone)
    return len(moved)


def _moved_or_parked(
    move: Move, state: Mapping[str, Any], *, run: int, due_at: datetime | None, now: datetime
) -> Decision:
    """Where a run goes on; one that cannot be moved is parked, and all others go on."""
    try:
        return move.moved(State.from_json(state), due_at=due_at, now=now)
    except Exception:
        step = str(state.get("step", ""))
        logger.exception("run %s is parked: it cannot be moved from step %r", run, step)
        parked = LedgerEntry(step=step, outcome=Outcome.PARKED)
        return Decision(state=None, ending=Ending(outcome=Outcome.PARKED, reason=step), ledger=(parked,))


def _gone(moves: Iterable[Move], new: Definition) -> set[str]:
    """The steps of the old versions that the new one has not."""
    return {step.id for move in moves for step in move.old.walk()} - {step.id for step in new.walk()}


def moves_to(
    new: Definition, journey: Journey, *, to: Mapping[str, str], before: int | None = None
) -> dict[int, Move]:
    """The ways from the versions that people are in, by the versions' ids, newest first.

    Args:
        before: number of a version; who is in it or in a later one stays.
    """
    inside = journey.runs.open().order_by().values("version").distinct()
    older = Q() if before is None else Q(number__lt=before)
    moves = {}
    for old in journey.versions.filter(older, pk__in=inside).order_by("-number"):
        try:
            moves[old.pk] = Move(old=parse_journey(old.document), new=new, to=to)
        except JourneyError:
            # As where versions are read: only a document of another release gets here; its people stay.
            logger.exception("version %s of journey %s cannot be read", old.number, journey.slug)
    return moves


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
    id_, _version, state, due_at = row
    return _moved_or_parked(move, decode_json(state), run=id_, due_at=due_at, now=now)


def _write(version: JourneyVersion, moved: Sequence[tuple[int, Decision]], *, now: datetime) -> None:
    endings = [decision.ending for _, decision in moved]
    lines = [(run, entry) for run, decision in moved for entry in decision.ledger]
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE,
            [
                version.pk,
                bare(run for run, _ in moved),
                texts(encode_json(each.state.to_json()).decode() if each.state else "" for _, each in moved),
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
