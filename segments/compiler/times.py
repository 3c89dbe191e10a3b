"""Answers from the times that are kept beside each count, see `profiles.times`.

A list of times is in order, so that `width_bucket` finds by halving how many are not after a moment. Whoever
has no list that is up to date is asked by their events. How two events of one instant followed each other is
not kept: where that matters, the events tell as well.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from psycopg.sql import SQL, Composable, Literal

from segments.compiler.rows import Rows, at, both
from segments.domain.conditions import BeforeLast, During, EventCount, EventSequence, Ever, Last

_INSTANT: Final = timedelta(microseconds=1)  # between one moment and the next
_KNOWN: Final = SQL("coalesce(cardinality({row}.times) = {row}.count, false)")


def has_times(rows: Rows, leaf: EventCount) -> bool:
    """Whether times tell how often it was: of one name, whatever the events hold."""
    return _is_plain(rows, leaf.name, leaf.during) and not leaf.where


def has_times_of_steps(rows: Rows, sequence: EventSequence) -> bool:
    """Whether times tell about a sequence: of two steps with different names."""
    names = {step.name for step in sequence.steps}
    return (
        len(sequence.steps) == len(names) == 2
        and not isinstance(sequence.during, BeforeLast)
        and all(_is_plain(rows, step.name, sequence.during) and not step.where for step in sequence.steps)
    )


def _is_plain(rows: Rows, name: str, during: During) -> bool:
    return rows.scope.has_times and not name.endswith("*") and isinstance(during, Ever | Last | BeforeLast)


def told_or_read(told: Composable, read: Callable[[Composable], Composable]) -> Composable:
    """Whom times tell of, and who is found by reading.

    Args:
        told: a query of `person_id` and `is_held`, which is null where times do not tell.
        read: gives a query of those who are found among the people of an array, each once.
    """
    return SQL("WITH told AS MATERIALIZED ({}) SELECT person_id FROM told WHERE is_held UNION ALL {}").format(
        told, read(SQL("ARRAY(SELECT person_id FROM told WHERE is_held IS NULL)"))
    )


def counted(rows: Rows, leaf: EventCount, *, sign: SQL, number: int) -> Composable:
    """Who has so many times in the window."""
    start, end = _bounds(rows, leaf.during)
    is_held = SQL("CASE WHEN {} THEN {} - {} {} {} END").format(
        _KNOWN.format(row=SQL("t")),
        _until("t", at(end)),
        _until("t", at(start) if start else None),
        sign,
        Literal(number),
    )
    return SQL(
        "SELECT t.person_id, {is_held} AS is_held FROM profiles_persontotal AS t"
        " WHERE {named}{recent} AND ({is_held}) IS NOT FALSE"
    ).format(
        is_held=is_held,
        named=rows.named([leaf.name], SQL("t.name_id")),
        recent=_recent("t", start),
    )


def _bounds(rows: Rows, during: During) -> tuple[datetime | None, datetime]:
    """After when, and up to when."""
    now = rows.scope.now
    match during:
        case Last():
            return now - during.length.exact(), now
        case BeforeLast():
            return None, now - during.length.exact()
        case _:
            return None, now


def _recent(row: str, start: datetime | None) -> Composable:
    return SQL(" AND {}.last_at > {}").format(SQL(row), at(start)) if start else SQL("")


def _until(row: str, moment: Composable | None) -> Composable:
    """How many times of a row are not after a moment."""
    return SQL("width_bucket({}, {}.times)").format(moment, SQL(row)) if moment else SQL("0")


def steps_taken(rows: Rows, sequence: EventSequence) -> Composable:
    """Who did the first of two steps, and whether the second followed, or did not as is asked.

    The latest of the first steps is tried before all others: it mostly decides.
    """
    first, second = sequence.steps
    start, now = _bounds(rows, sequence.during)
    end: Composable = at(now)
    last = at(now)  # of the first steps
    if second.within is not None:
        within = second.within.exact()
        end = SQL("least({}, f.at + {})").format(at(now), Literal(within - _INSTANT))
        if second.is_not:  # known once the time is over
            last = at(now - within)
    followed = SQL("{} - {}").format(_until("b", end), _until("b", SQL("f.at")))
    tied = SQL("{} - {}").format(
        _until("b", SQL("f.at")), _until("b", SQL("f.at - {}").format(Literal(_INSTANT)))
    )
    if second.is_not:
        is_held = SQL("(b.times IS NULL OR {} + {} = 0)").format(followed, tied)
    else:
        is_held = SQL("{} > 0").format(followed)
    steps = SQL("unnest(a.times[{} + 1:{}])").format(
        _until("a", at(start) if start else None), _until("a", last)
    )
    latest = SQL("(SELECT a.times[{}] AS at OFFSET 0)").format(_until("a", last))
    is_asked = [SQL("f.at > {}").format(at(start)) if start else SQL("f.at IS NOT NULL"), is_held]
    is_found = SQL("EXISTS (SELECT FROM {} AS f (at) WHERE {})")
    return SQL(
        "SELECT a.person_id, CASE WHEN NOT ({known}) THEN NULL WHEN {latest} OR {any} THEN true"
        " WHEN {tied} THEN NULL ELSE false END AS is_held"
        " FROM profiles_persontotal AS a LEFT JOIN profiles_persontotal AS b"
        " ON b.person_id = a.person_id AND {second} WHERE {first}{recent}"
    ).format(
        known=SQL("{} AND (b.count IS NULL OR {})").format(
            _KNOWN.format(row=SQL("a")), _KNOWN.format(row=SQL("b"))
        ),
        latest=is_found.format(latest, both(is_asked)),
        any=is_found.format(steps, is_held),
        tied=is_found.format(steps, SQL("{} > 0").format(tied)),
        first=rows.named([first.name], SQL("a.name_id")),
        second=rows.named([second.name], SQL("b.name_id")),
        recent=_recent("a", start),
    )
