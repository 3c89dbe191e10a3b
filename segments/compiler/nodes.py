"""A condition as a query over `profiles_person AS p`."""

from collections.abc import Sequence

from psycopg.sql import SQL, Composable, Composed

from segments.compiler.events import event_answer
from segments.compiler.people import person_answer
from segments.compiler.rows import Rows, Scope, ids
from segments.domain.conditions import AllOf, AnyOf, Condition, EventLeaf, NoneOf


def people_query(condition: Condition, scope: Scope) -> Composed:
    """A query of one column: the ids of the people for whom the condition holds.

    Raises:
        NotCompilable: it asks about a run's entry or the message being processed.
    """
    rows = Rows(scope)
    answer = _answer(rows, condition)
    filters = [SQL("p.merged_into_id IS NULL"), answer]
    if scope.people is not None:
        filters.insert(0, SQL("p.id = ANY({})").format(ids(scope.people)))
    if scope.is_past:
        filters.insert(0, SQL("p.first_seen_at <= {}").format(rows.now))
    return SQL("SELECT p.id FROM profiles_person AS p{} WHERE {}").format(
        SQL("").join(rows.joins), SQL(" AND ").join(filters)
    )


def _answer(rows: Rows, condition: Condition) -> Composable:
    """A boolean about the person `p`, never null."""
    match condition:
        case AllOf():
            return _joined(rows, condition.of, SQL(" AND "), empty=SQL("true"))
        case AnyOf():
            return _joined(rows, condition.of, SQL(" OR "), empty=SQL("false"))
        case NoneOf():
            return SQL("(NOT {})").format(_joined(rows, condition.of, SQL(" OR "), empty=SQL("false")))
        case _:
            if isinstance(condition, EventLeaf):
                return event_answer(rows, condition)
            return person_answer(rows, condition)


def _joined(rows: Rows, parts: Sequence[Condition], glue: SQL, *, empty: SQL) -> Composable:
    return SQL("({})").format(glue.join(_answer(rows, part) for part in parts)) if parts else empty
