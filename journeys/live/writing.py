"""What a transaction decided about runs, written set-wise."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from journeys.ledger import end_rivals
from journeys.live.runs import LedgerLine, OpenRun, Runs, entry_document
from journeys.models import Run
from profiles import partitions
from profiles.arrays import bare, instants, texts
from profiles.domain.exact import encode_json


def write_runs(runs: Runs, *, survivor: Mapping[int, int]) -> None:
    """Write runs and ledger of a transaction.

    Args:
        survivor: persons merged in this transaction -> who they are now.
    """
    touched = [run for people in runs.by_person.values() for run in people if run.is_changed or run.is_new]
    ended_first = sorted((run for run in touched if not run.is_new), key=lambda run: run.ending is None)
    _update(ended_first)
    _insert([run for run in touched if run.is_new])
    _write_ledger(runs.ledger, survivor=survivor)


def repoint_people(old: Sequence[int], new: Sequence[int], *, at: Sequence[datetime]) -> None:
    """Give what is left of merged people, ended and paused runs and the ledger, to the survivors.

    Args:
        at: when each was merged.
    """
    end_rivals(old, new, at=at)
    pairs = "unnest(%s::bigint[], %s::bigint[]) AS m(old, new)"
    with connection.cursor() as cursor:
        for table in ("journeys_run", "journeys_decision"):
            cursor.execute(
                f"UPDATE {table} AS t SET person_id = m.new FROM {pairs} WHERE t.person_id = m.old",
                [list(old), list(new)],
            )
        # A date is found anew from the survivor's traits; what else they are to be asked goes on.
        cursor.execute(
            "DELETE FROM journeys_entry_due WHERE person_id = ANY(%s::bigint[]) AND cause = 'date'",
            [list(old)],
        )
        cursor.execute(
            f"UPDATE journeys_entry_due AS t SET person_id = m.new FROM {pairs} WHERE t.person_id = m.old",
            [list(old), list(new)],
        )


_COLUMNS = (
    "id, journey_id, version_id, person_id, origin_person_id, key, entered_at, entry, state, due_at,"
    " ended_at, outcome, reason, error"
)


# Of these, what a move changes, and how psycopg need not look at each value.
_MOVED: tuple[tuple[int, Callable[[Sequence[Any]], str]], ...] = (
    (0, bare),
    (3, bare),
    (8, texts),
    (9, instants),
    (10, instants),
    (11, texts),
    (12, texts),
    (13, texts),
)


def _row(run: OpenRun) -> tuple[Any, ...]:
    return (
        run.id,
        run.version.journey_id,
        run.version.id,
        run.person,
        run.origin_person,
        run.key,
        run.entered_at,
        encode_json(entry_document(run.entry)).decode() if run.entry else None,
        encode_json(run.state.to_json()).decode(),
        run.due_at,
        run.ended_at,
        run.ending.outcome.value if run.ending else "",
        (run.ending.reason if run.ending else "")[:200],
        run.error,
    )


def _insert(runs: Sequence[OpenRun]) -> None:
    if not runs:
        return
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {Run._meta.db_table} ({_COLUMNS}) FROM STDIN") as copy,
    ):
        for run in runs:
            copy.write_row(_row(run))


def _update(runs: Sequence[OpenRun]) -> None:
    """Write moved runs: ended ones first, so that a key is free for another."""
    for is_over in (True, False):
        rows = [_row(run) for run in runs if (run.ending is not None) is is_over]
        if not rows:
            continue
        columns = list(zip(*rows, strict=True))
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE journeys_run AS r
                   SET person_id = s.person_id, state = s.state::jsonb, due_at = s.due_at,
                       ended_at = s.ended_at, outcome = s.outcome, reason = s.reason, error = s.error
                  FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::timestamptz[], %s::timestamptz[],
                              %s::text[], %s::text[], %s::text[])
                       AS s(id, person_id, state, due_at, ended_at, outcome, reason, error)
                 WHERE r.id = s.id
                """,
                [dump(columns[place]) for place, dump in _MOVED],
            )
    restarted = [_row(run) for run in runs if run.is_restarted]
    if restarted:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE journeys_run AS r SET entered_at = s.entered_at, entry = s.entry::jsonb"
                " FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[]) AS s(id, entered_at, entry)"
                " WHERE r.id = s.id",
                [[row[place] for row in restarted] for place in (0, 6, 7)],
            )


def _write_ledger(lines: Sequence[LedgerLine], *, survivor: Mapping[int, int]) -> None:
    if not lines:
        return
    partitions.require_decision_days({line.at.date() for line in lines})
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY journeys_decision (person_id, at, journey_id, version_id, run_id, step, outcome, reason,"
            " tree, message_id) FROM STDIN"
        ) as copy,
    ):
        for line in lines:
            copy.write_row(
                (
                    survivor.get(line.person, line.person),
                    line.at,
                    line.version.journey_id,
                    line.version.id,
                    line.run_id,
                    line.entry.step,
                    line.entry.outcome.value,
                    line.entry.reason[:200],
                    None if line.entry.tree is None else encode_json(line.entry.tree).decode(),
                    line.message_id,
                )
            )
