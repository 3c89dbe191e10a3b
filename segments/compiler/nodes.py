"""A condition as a query of people: sets that are joined, and tests of `profiles_person AS p`.

What must hold of everybody found is asked as sets, so far as it can be: a set that all are in takes the
place of the table of people, which need not be read then. Below an "or" with other things than sets, a set
is joined and asked about by person.
"""

from collections.abc import Iterator, Sequence

from psycopg.sql import SQL, Composable, Composed

from segments.compiler.events import event_answer
from segments.compiler.people import person_answer
from segments.compiler.rows import Among, Answer, Rows, Scope, ids
from segments.domain.conditions import AllOf, AnyOf, Condition, EventLeaf, NoneOf


def people_query(condition: Condition, scope: Scope) -> Composed:
    """A query of one column: the ids of the people for whom the condition holds.

    Raises:
        NotCompilable: it asks about a run's entry or the message being processed.
    """
    rows = Rows(scope)
    tests: list[Composable] = []
    sets: list[Among] = []
    for answer in _conjuncts(rows, condition):
        if isinstance(answer, Among):
            sets.append(answer)
        else:
            tests.append(answer)
    base = None if scope.is_past or scope.people is not None or rows.joins else _base(sets, tests)
    source: Composable = SQL("profiles_person")
    if base is None:
        tests = [*_there(rows), *tests]
    else:
        sets.remove(base)
        kept = SQL("SELECT p.id FROM profiles_person AS p WHERE {}").format(_all([*_there(rows), *tests]))
        source = SQL("(SELECT b.person_id AS id FROM ({}) AS b)").format(
            base.once(of=kept if tests else None)
        )
        tests = []
    tests += [_is_among(one) for one in sets]
    return SQL("SELECT p.id FROM {} AS p{} WHERE {}").format(source, SQL("").join(rows.joins), _all(tests))


def _there(rows: Rows) -> list[Composable]:
    """Filters of people: those asked for, who had come by then."""
    filters: list[Composable] = []
    if rows.scope.is_past:
        filters.append(SQL("p.first_seen_at <= {}").format(rows.now))
    if rows.scope.people is not None:
        filters.append(SQL("p.id = ANY({})").format(ids(rows.scope.people)))
    return [*filters, SQL("p.merged_into_id IS NULL")]


def _base(sets: Sequence[Among], tests: Sequence[Composable]) -> Among | None:
    """The set to begin with: one whose people can be tested before they are counted, if there are tests."""
    usable = [one for one in sets if not one.is_not and (not tests or one.owner is not None)]
    return min(usable, key=lambda one: one.repeats, default=None)


def _is_among(answer: Among) -> Composable:
    """As semi-join or anti-join, which needs nobody only once."""
    if answer.is_not:
        return SQL("NOT EXISTS (SELECT FROM ({}) AS n WHERE n.person_id = p.id)").format(answer.found())
    return SQL("p.id IN ({})").format(answer.found())


def _all(parts: Sequence[Composable]) -> Composable:
    return SQL(" AND ").join(parts) if parts else SQL("true")


def _conjuncts(rows: Rows, condition: Condition) -> Iterator[Answer]:
    """Answers that must all be yes."""
    match condition:
        case AllOf():
            for part in condition.of:
                yield from _conjuncts(rows, part)
        case NoneOf():
            for part in condition.of:
                yield _opposite(_answer(rows, part))
        case _:
            yield _answer(rows, condition)


def _answer(rows: Rows, condition: Condition) -> Answer:
    match condition:
        case AllOf(of=[only]) | AnyOf(of=[only]):
            return _answer(rows, only)
        case AllOf():
            return _joined(
                rows, [_answer(rows, part) for part in condition.of], SQL(" AND "), empty=SQL("true")
            )
        case AnyOf():
            return _any(rows, condition.of)
        case NoneOf():
            return _opposite(_any(rows, condition.of))
        case _:
            if isinstance(condition, EventLeaf):
                return event_answer(rows, condition)
            return person_answer(rows, condition)


def _any(rows: Rows, parts: Sequence[Condition]) -> Answer:
    answers = [_answer(rows, part) for part in parts]
    sets = [one for one in answers if isinstance(one, Among) and not one.is_not]
    if answers and len(sets) == len(answers):
        united = SQL(" UNION ALL ").join(SQL("({})").format(one.found()) for one in sets)
        return sets[0] if len(sets) == 1 else Among(query=united, repeats=True)
    return _joined(rows, answers, SQL(" OR "), empty=SQL("false"))


def _opposite(answer: Answer) -> Answer:
    return answer.opposite() if isinstance(answer, Among) else SQL("(NOT {})").format(answer)


def _joined(rows: Rows, answers: Sequence[Answer], glue: SQL, *, empty: SQL) -> Composable:
    return SQL("({})").format(glue.join(rows.holds(one) for one in answers)) if answers else empty
