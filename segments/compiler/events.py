"""The parts of a condition about what people did: one scan each, grouped by person."""

from typing import assert_never

from psycopg.sql import SQL, Composable, Literal

from segments.compiler.operators import number_holds
from segments.compiler.rows import REVENUE, Among, Answer, Rows
from segments.compiler.sequences import sequence_answer
from segments.compiler.times import counted, has_times, told_or_read
from segments.compiler.values import at_key, bounded, number_of, shared_of
from segments.domain.conditions import (
    CountOperator,
    Engagement,
    EventCount,
    EventHad,
    EventLeaf,
    EventSequence,
    EventTotal,
    Ever,
    Position,
    TotalKind,
    reads,
)
from segments.domain.operators import Moment, holds_for
from segments.domain.values import Json


def event_answer(rows: Rows, leaf: EventLeaf) -> Answer:
    match leaf:
        case EventCount():
            return _count(rows, leaf)
        case EventTotal():
            return _total(rows, leaf)
        case EventHad():
            return _had(rows, leaf)
        case EventSequence():
            return sequence_answer(rows, leaf)
        case Engagement():
            return _count(rows, leaf.as_events())
        case _:
            assert_never(leaf)


def _filters(rows: Rows, leaf: EventCount | EventTotal | EventHad) -> list[Composable]:
    zone = rows.event_zone(is_zoned=reads(leaf).needs_zone)
    return [
        rows.named([leaf.name]),
        *rows.window(SQL("e.ts"), leaf.during, zone=zone),
        *(rows.test(test, zone=zone) for test in leaf.where),
    ]


def _scanned(
    rows: Rows, leaf: EventCount | EventTotal, having: Composable | None, *, of: Composable | None = None
) -> Among:
    """Whose events of a leaf pass, taken together; None: who has any."""
    scan = rows.events(
        SQL("{} AS person_id").format(rows.owner),
        _filters(rows, leaf),
        is_zoned=reads(leaf).needs_zone,
        of=of,
    )
    if having is None:
        return Among(query=scan, owner=rows.owner, repeats=True)
    return Among(query=scan, owner=rows.owner, ending=SQL(" GROUP BY 1 HAVING {}").format(having))


# -- counts --------------------------------------------------------------------------------------------


def _count(rows: Rows, leaf: EventCount) -> Answer:
    number = leaf.count.value
    match leaf.count.op:
        case CountOperator.AT_LEAST if number == 0:
            return SQL("true")
        case CountOperator.AT_LEAST:
            return _counted(rows, leaf, SQL(">="), number)
        case CountOperator.EXACTLY if number > 0:
            return _counted(rows, leaf, SQL("="), number)
        case CountOperator.AT_MOST | CountOperator.EXACTLY:
            return _counted(rows, leaf, SQL(">="), number + 1).opposite()


def _counted(rows: Rows, leaf: EventCount, sign: SQL, number: int) -> Among:
    is_any = (number, sign) == (1, SQL(">="))
    if isinstance(leaf.during, Ever) and not leaf.where and leaf.name != "*":
        if is_any:  # the first one tells, as of any moment
            return Among(
                query=SQL(
                    "SELECT t.person_id FROM profiles_persontotal AS t WHERE {} AND t.first_at <= {}{}"
                ).format(rows.named([leaf.name], SQL("t.name_id")), rows.now, rows.among(SQL("t.person_id"))),
                owner=SQL("t.person_id"),
                repeats=leaf.name.endswith("*"),
            )
        if _has_totals(rows, leaf):
            often = SQL("sum(t.count) - coalesce(max(a.count), 0) {} {}").format(sign, Literal(number))
            return _from_totals(rows, leaf, often)
    having = None if is_any else SQL("count(*) {} {}").format(sign, Literal(number))
    if is_any or not has_times(rows, leaf):
        return _scanned(rows, leaf, having)
    found = told_or_read(
        counted(rows, leaf, sign=sign, number=number),
        lambda people: _scanned(rows, leaf, having, of=people).found(),
    )
    return Among(
        query=SQL("SELECT c.person_id FROM ({}) AS c WHERE true").format(found), owner=SQL("c.person_id")
    )


def _has_totals(rows: Rows, leaf: EventCount | EventTotal) -> bool:
    """Whether the lifetime totals know it all: they hold no past, and only whole names."""
    return not rows.scope.is_past and isinstance(leaf.during, Ever) and not leaf.where


def _from_totals(rows: Rows, leaf: EventCount | EventTotal, having: Composable) -> Among:
    """Whom the lifetime totals pass, less the few events whose clocks are ahead of now."""
    ahead = rows.events(
        SQL("{} AS person_id, count(*) AS count, sum(e.revenue) AS revenue").format(rows.owner),
        [rows.named([leaf.name])],
        is_ahead=True,
    )
    totals = SQL(
        "SELECT t.person_id FROM profiles_persontotal AS t"
        " LEFT JOIN ({ahead} GROUP BY 1) AS a ON a.person_id = t.person_id"
        " WHERE {name}{among}"
    ).format(
        ahead=ahead, name=rows.named([leaf.name], SQL("t.name_id")), among=rows.among(SQL("t.person_id"))
    )
    return Among(query=totals, owner=SQL("t.person_id"), ending=SQL(" GROUP BY 1 HAVING {}").format(having))


# -- totals --------------------------------------------------------------------------------------------


def _total(rows: Rows, leaf: EventTotal) -> Among:
    """Only people with such events are found: whether nothing passes decides which of them to find."""
    nothing: Json = 0 if leaf.kind in (TotalKind.SUM, TotalKind.DISTINCT) else None
    compared = _compared(leaf)
    is_from_totals = leaf.kind is TotalKind.SUM and leaf.path == REVENUE and _has_totals(rows, leaf)
    if is_from_totals:
        revenue = SQL("coalesce(sum(t.revenue), 0) - coalesce(max(a.revenue), 0)")
        compared = number_holds(SQL("({})").format(revenue), leaf.comparison)
    is_otherwise = holds_for(nothing, leaf.comparison, Moment(now=rows.scope.now, zone="UTC"))
    wanted = SQL("NOT {}").format(compared) if is_otherwise else compared
    found = (_from_totals if is_from_totals else _scanned)(rows, leaf, wanted)
    return found.opposite() if is_otherwise else found


def _compared(leaf: EventTotal) -> Composable:
    """A boolean, never null, about the events of one person."""
    if leaf.kind is TotalKind.DISTINCT:
        values = shared_of(at_key(SQL("e.properties"), leaf.path))
        return number_holds(SQL("count(DISTINCT {})").format(values), leaf.comparison)
    # The column holds what stands at `revenue`, if it is a number, and makes the scan one of the index.
    number = (
        SQL("e.revenue")
        if leaf.path == REVENUE
        else bounded(number_of(at_key(SQL("e.properties"), leaf.path)))
    )
    match leaf.kind:
        case TotalKind.SUM:
            return number_holds(SQL("coalesce(sum({}), 0)").format(number), leaf.comparison)
        case TotalKind.MIN:
            return number_holds(SQL("min({})").format(number), leaf.comparison)
        case TotalKind.MAX:
            return number_holds(SQL("max({})").format(number), leaf.comparison)
        case TotalKind.AVERAGE:
            return number_holds(
                SQL("sum({})").format(number), leaf.comparison, times=SQL("count({})").format(number)
            )


# -- the first or last ---------------------------------------------------------------------------------


def _had(rows: Rows, leaf: EventHad) -> Among:
    is_zoned = reads(leaf).needs_zone
    zone = rows.event_zone(is_zoned=is_zoned)
    passes = SQL(" AND ").join(rows.test(test, zone=zone) for test in leaf.had)
    columns = SQL("DISTINCT ON ({owner}) {owner} AS person_id, {passes} AS passes").format(
        owner=rows.owner, passes=passes
    )
    scan = rows.events(columns, _filters(rows, leaf), is_zoned=is_zoned)
    order = SQL(" DESC") if leaf.position is Position.LAST else SQL("")
    return Among(
        query=SQL(
            "SELECT person_id FROM ({scan} ORDER BY {owner}, e.ts{order}, e.arrival{order}) AS found"
            " WHERE passes"
        ).format(scan=scan, owner=rows.owner, order=order)
    )
