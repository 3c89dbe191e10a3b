"""Sequences in SQL: one window pass over the events of all steps.

The events of a person are read from the latest to the first, as `segments.domain.evaluate.sequences` does
and for the same reason. Each step of the chain is one more window of the same order, so that one sort serves
them all. Where every step shares one property with the one it is compared with ("the same product"), that
property joins the person in dividing the events. Only comparisons of any other shape join the events of the
steps with each other.
"""

from collections.abc import Sequence
from typing import Final

from psycopg.sql import SQL, Composable, Identifier, Literal

from segments.compiler.rows import Among, Rows, both
from segments.compiler.times import has_times_of_steps, steps_taken, told_or_read
from segments.compiler.values import at_key, shared_of
from segments.domain.conditions import EventSequence, Last, SequenceStep, Source, reads
from segments.domain.evaluate.sequences import Link, links_of
from segments.domain.values import Path

Looked = tuple[Source, Path]  # where in an event something stands
_LATER: Final = SQL("({row}.ts, {row}.arrival) > ({than}.ts, {than}.arrival)")


def sequence_answer(rows: Rows, sequence: EventSequence) -> Among:
    links = links_of(sequence.steps)
    if has_times_of_steps(rows, sequence):
        return _from_times(rows, sequence, links)
    if not any(step.links for step in sequence.steps):
        return Among(query=_in_one_pass(rows, sequence, links, shared=None), repeats=True)
    shared = _shared_property(sequence.steps)
    if shared is not None:
        return Among(query=_in_one_pass(rows, sequence, links, shared=shared), repeats=True)
    return Among(query=_joined(rows, sequence, links))


def _from_times(rows: Rows, sequence: EventSequence, links: Sequence[Link]) -> Among:
    found = told_or_read(
        steps_taken(rows, sequence),
        lambda people: SQL("SELECT DISTINCT r.person_id FROM ({}) AS r").format(
            _in_one_pass(rows, sequence, links, shared=None, of=people)
        ),
    )
    return Among(query=found)


def _shared_property(steps: Sequence[SequenceStep]) -> Path | None:
    """The property that each step after the first shares with an earlier one, if it is the same for all."""
    paths = set()
    for step in steps[1:]:
        if len(step.links) != 1:
            return None
        [(test, value)] = step.links
        paths |= {test.path if test.source is Source.PROPERTY else None, value.path}
    return paths.pop() if len(paths) == 1 else None


def _scan(
    rows: Rows,
    sequence: EventSequence,
    extra: Sequence[Composable],
    *,
    shared: Path | None,
    of: Composable | None = None,
) -> Composable:
    """The events of all steps, with a column that says which each may match: m0, m1, …"""
    is_zoned = reads(sequence).needs_zone
    zone = rows.event_zone(is_zoned=is_zoned)
    window = rows.window(SQL("e.ts"), sequence.during, zone=zone)
    filters: list[Composable] = [rows.named(step.name for step in sequence.steps)]
    if isinstance(sequence.during, Last):
        filters += window  # what must not follow lies in it as well
        window = []
    columns = [SQL("{} AS person_id, e.ts, e.arrival").format(rows.owner), *extra]
    for place, step in enumerate(sequence.steps):
        parts = [rows.named([step.name]), *(rows.test(test, zone=zone) for test in step.tests)]
        if not step.is_not:
            parts += window
        if shared is not None and place:
            parts.append(SQL("{} IS NOT NULL").format(shared_of(at_key(SQL("e.properties"), shared))))
        columns.append(SQL("{} AS {}").format(both(parts), _column("m", place)))
    # OFFSET 0: planned by itself. The order of the windows would lure the planner into the index by person,
    # which reads everything these people ever did.
    return SQL("{} OFFSET 0").format(rows.events(SQL(", ").join(columns), filters, is_zoned=is_zoned, of=of))


def _column(letter: str, place: int) -> Identifier:
    return Identifier(f"{letter}{place}")


# -- one pass ------------------------------------------------------------------------------------------


def _in_one_pass(
    rows: Rows,
    sequence: EventSequence,
    links: Sequence[Link],
    *,
    shared: Path | None,
    of: Composable | None = None,
) -> Composable:
    """Level by level from the last step: `t` is when, and `r` in which row, a step next goes on."""
    extra, divided = [], SQL("PARTITION BY person_id")
    if shared is not None:
        extra = [SQL("{} AS shared").format(shared_of(at_key(SQL("e.properties"), shared)))]
        divided = SQL("PARTITION BY person_id, shared")
    order = SQL("({} ORDER BY ts DESC, arrival DESC ROWS BETWEEN UNBOUNDED PRECEDING AND {})")
    before = order.format(divided, SQL("1 PRECEDING"))
    nots = [(place, step) for link in links for place, step in link.nots]
    has_rows = any(step.within is None for _, step in nots)
    level = _scan(rows, sequence, extra, shared=shared, of=of)
    if has_rows:
        level = SQL("SELECT *, row_number() OVER {} AS r FROM ({}) AS e").format(
            order.format(divided, SQL("CURRENT ROW")), level
        )
    if nots:
        found = [(place, _column("m", place)) for place, _ in nots]
        level = _level(level, found, before, has_rows=has_rows)
    for number in range(len(links) - 1, 0, -1):
        step = (links[number].place, _goes_on(rows, links, number))
        level = _level(level, [step], before, has_rows=has_rows)
    return SQL("SELECT person_id FROM ({}) AS e WHERE {}").format(level, _goes_on(rows, links, 0))


def _level(
    inner: Composable,
    found: Sequence[tuple[int, Composable]],
    window: Composable,
    *,
    has_rows: bool,
) -> Composable:
    """Add when and where each step next goes on, after the row at hand."""
    kept = [("t", SQL("min(ts)")), *([("r", SQL("max(r)"))] if has_rows else [])]
    columns = [
        SQL("{} FILTER (WHERE {}) OVER w AS {}").format(value, goes_on, _column(letter, place))
        for place, goes_on in found
        for letter, value in kept
    ]
    return SQL("SELECT *, {} FROM ({}) AS e WINDOW w AS {}").format(SQL(", ").join(columns), inner, window)


def _goes_on(rows: Rows, links: Sequence[Link], number: int) -> Composable:
    """Whether a chain that has come to the row at hand can be completed."""
    link = links[number]
    parts: list[Composable] = [_column("m", link.place)]
    following = links[number + 1] if number + 1 < len(links) else None
    if following is not None:
        parts.append(_in_time(following, SQL("ts"), _column("t", following.place)))
    for place, step in link.nots:
        other = _column("t", place)
        if step.within is not None:
            is_over = SQL("{end} <= {now} AND ({other} IS NULL OR {other} >= {end})")
            end = SQL("ts + {}").format(Literal(step.within.exact()))
            parts.append(is_over.format(end=end, now=rows.now, other=other))
        elif following is not None:  # rows are counted from the latest: the nearer has the higher number
            nearer = SQL("{} > {}").format(_column("r", following.place), _column("r", place))
            parts.append(SQL("({} IS NULL OR {})").format(other, nearer))
    return SQL("coalesce({}, false)").format(both(parts))


def _in_time(link: Link, before: Composable, at: Composable) -> Composable:
    if link.step.within is None:
        return SQL("{} IS NOT NULL").format(at)
    return SQL("{} < {} + {}").format(at, before, Literal(link.step.within.exact()))


# -- comparisons of any shape --------------------------------------------------------------------------


def _joined(rows: Rows, sequence: EventSequence, links: Sequence[Link]) -> Composable:
    """Events of the steps joined pair by pair."""
    looked = sorted(
        {
            place
            for step in sequence.steps
            for test, value in step.links
            for place in ((test.source, test.path), (Source.PROPERTY, value.path))
        }
    )
    values = {place: _column("v", number) for number, place in enumerate(looked)}
    documents = {Source.PROPERTY: SQL("e.properties"), Source.CONTEXT: SQL("e.context")}
    extra = [
        SQL("{} AS {}").format(shared_of(at_key(documents[source], path)), values[source, path])
        for source, path in looked
    ]
    joins = []
    parts: list[Composable] = [SQL("{}.{}").format(_column("s", 0), _column("m", 0))]
    for number, link in enumerate(links):
        if number:
            joins.append(
                SQL(" JOIN s AS {} ON {}").format(_column("s", link.place), _follows(links, number, values))
            )
        parts += [_undisturbed(rows, links, number, place, values) for place, _ in link.nots]
    return SQL(
        "WITH s AS MATERIALIZED ({scan}) SELECT DISTINCT {first}.person_id"
        " FROM s AS {first}{joins} WHERE {parts}"
    ).format(
        scan=_scan(rows, sequence, extra, shared=None),
        first=_column("s", 0),
        joins=SQL("").join(joins),
        parts=both(parts),
    )


def _follows(links: Sequence[Link], number: int, values: dict[Looked, Identifier]) -> Composable:
    link, before = links[number], links[number - 1]
    row, earlier = _column("s", link.place), _column("s", before.place)
    parts = [
        SQL("{}.person_id = {}.person_id").format(row, earlier),
        _LATER.format(row=row, than=earlier),
        SQL("{}.{}").format(row, _column("m", link.place)),
        *_comparisons(link.step, row, values),
    ]
    if link.step.within is not None:
        parts.append(_in_time(link, SQL("{}.ts").format(earlier), SQL("{}.ts").format(row)))
    return both(parts)


def _comparisons(step: SequenceStep, row: Composable, values: dict[Looked, Identifier]) -> list[Composable]:
    return [
        SQL("{}.{} = {}.{}").format(
            row, values[test.source, test.path], _column("s", value.step), values[Source.PROPERTY, value.path]
        )
        for test, value in step.links
    ]


def _undisturbed(
    rows: Rows, links: Sequence[Link], number: int, place: int, values: dict[Looked, Identifier]
) -> Composable:
    """Whether nothing that must not be followed, in its time or before the next step."""
    link = links[number]
    step = dict(link.nots)[place]
    since, row = _column("s", link.place), _column("n", place)
    parts = [
        SQL("{}.person_id = {}.person_id").format(row, since),
        _LATER.format(row=row, than=since),
        SQL("{}.{}").format(row, _column("m", place)),
        *_comparisons(step, row, values),
    ]
    is_over: Composable = SQL("true")
    if step.within is not None:
        end = SQL("{}.ts + {}").format(since, Literal(step.within.exact()))
        parts.append(SQL("{}.ts < {}").format(row, end))
        is_over = SQL("{} <= {}").format(end, rows.now)
    else:
        following = _column("s", links[number + 1].place)
        parts.append(_LATER.format(row=following, than=row))
    return SQL("({} AND NOT EXISTS (SELECT FROM s AS {} WHERE {}))").format(is_over, row, both(parts))
