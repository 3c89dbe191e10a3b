"""Whose answer to a condition can the passing of time change? A superset, as one SQL query.

A build asks only these when to ask again; `segments.domain.next_change` then tells each one's moment. Who is
left out can change by what happens to them alone, and is asked then.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import assert_never

from psycopg.sql import SQL, Composable, Literal

from segments.compiler.rows import Rows, Scope, at
from segments.domain.conditions import (
    BeforeLast,
    Condition,
    ConsentIs,
    ContextTest,
    During,
    Engagement,
    EventCount,
    EventHad,
    EventSequence,
    EventTotal,
    HasBeen,
    IdentityKnown,
    InBucket,
    InSegment,
    Last,
    Leaf,
    OnList,
    SequenceStep,
    TraitTest,
    leaves,
)
from segments.domain.operators import OPERATORS, needs_clock


def turning_query(condition: Condition, scope: Scope) -> Composable | None:
    """The ids of people whose answer may change after now though nothing happens; None: nobody's."""
    rows = Rows(scope)
    parts = {part.as_string(None): part for leaf in leaves(condition) for part in _turning(rows, leaf)}
    return SQL(" UNION ").join(parts.values()) if parts else None


def _turning(rows: Rows, leaf: Leaf) -> Iterator[Composable]:
    match leaf:
        case EventCount() | EventTotal() | EventHad():
            yield from _of_events(rows, leaf)
        case Engagement():
            yield from _of_events(rows, leaf.as_events())
        case EventSequence():
            # A chain may wait for its end, and a window moves over all of it.
            for step in leaf.steps:
                yield _had_ever(rows, step)
        case TraitTest() if needs_clock(leaf.comparison):
            yield SQL("SELECT id FROM profiles_person WHERE traits ? {}").format(Literal(leaf.path[0]))
        case HasBeen():
            yield from _of_history(leaf)
        case InSegment() | OnList():
            yield _of_stays(rows, leaf)
        case TraitTest() | InBucket() | ConsentIs() | IdentityKnown() | ContextTest():
            return
        case _:
            assert_never(leaf)


def _of_events(rows: Rows, leaf: EventCount | EventTotal | EventHad) -> Iterator[Composable]:
    tests = (*leaf.where, *leaf.had) if isinstance(leaf, EventHad) else leaf.where
    if any(needs_clock(test.comparison) for test in tests):
        yield _had_ever(rows, leaf)
    else:
        # An event stamped a little ahead of time begins to count when its moment comes.
        yield _had_since(rows, leaf.name, _reach(leaf.during, now=rows.scope.now))


def _reach(during: During, *, now: datetime) -> datetime:
    """The oldest event that has still to come into the window, or to leave it."""
    return now - during.length.exact() if isinstance(during, Last | BeforeLast) else now


def _had_since(rows: Rows, name: str, since: datetime) -> Composable:
    return SQL(
        "SELECT coalesce(o.new_person_id, e.person_id) FROM profiles_event AS e"
        " LEFT JOIN profiles_personoverride AS o ON o.old_person_id = e.person_id"
        " WHERE {named} AND e.ts > {since}"
    ).format(named=rows.named([name]), since=at(since))


def _of_stays(rows: Rows, leaf: InSegment | OnList) -> Composable:
    """Stays that a window moves over, or that another machine's clock began or ended ahead of this one."""
    segment, now = rows.segment_id(leaf.slug), at(rows.scope.now)
    if isinstance(leaf, OnList):
        return SQL(
            "SELECT person_id FROM segments_manual"
            " WHERE segment_id = {segment} AND (at > {now} OR ended_at > {now})"
        ).format(segment=segment, now=now)
    stays = SQL("SELECT person_id FROM segments_membership WHERE segment_id = {}").format(segment)
    if isinstance(leaf.during, Last | BeforeLast):
        return stays
    return stays + SQL(" AND (entered_at > {now} OR left_at > {now})").format(now=now)


def _had_ever(rows: Rows, leaf: EventCount | EventTotal | EventHad | SequenceStep) -> Composable:
    return SQL("SELECT person_id FROM profiles_persontotal WHERE {}").format(
        rows.named([leaf.name], SQL("name_id"))
    )


def _of_history(leaf: HasBeen) -> Iterator[Composable]:
    """A missing value has no history, but an opposite holds for it since the person was first seen."""
    is_opposite = OPERATORS[leaf.comparison.op].opposite_of is not None
    if is_opposite or needs_clock(leaf.comparison):
        yield SQL("SELECT id FROM profiles_person")
    else:
        yield SQL("SELECT id FROM profiles_person WHERE traits ? {}").format(Literal(leaf.path[0]))
