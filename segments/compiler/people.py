"""The parts of a condition about the person, as booleans over `profiles_person AS p`."""

from datetime import datetime
from typing import assert_never

from psycopg.sql import SQL, Composable, Literal

from segments.compiler.operators import Place, holds
from segments.compiler.rows import Among, Answer, NotCompilable, Rows, at
from segments.compiler.values import at_key, at_path
from segments.domain.buckets import BITS, bounds_of
from segments.domain.conditions import (
    ConsentIs,
    ConsentState,
    ContextTest,
    HasBeen,
    IdentityKnown,
    InBucket,
    InSegment,
    OnList,
    PersonLeaf,
    Span,
    Standing,
    TraitTest,
    reads,
)
from segments.domain.operators import Moment, holds_for


def person_answer(rows: Rows, leaf: PersonLeaf) -> Answer:
    match leaf:
        case TraitTest():
            return _trait(rows, leaf)
        case HasBeen():
            return _has_been(rows, leaf)
        case InSegment():
            return _segment(rows, leaf)
        case OnList():
            return _on_list(rows, leaf)
        case InBucket():
            return _bucket(leaf)
        case ConsentIs():
            return _consent(rows, leaf)
        case IdentityKnown():
            return _identity(rows, leaf)
        case ContextTest():
            raise NotCompilable("the message being processed")
        case _:
            assert_never(leaf)


def _trait(rows: Rows, condition: TraitTest) -> Composable:
    key, rest = condition.path[0], condition.path[1:]
    if rows.scope.is_past:
        value = at_path(SQL("{}.value").format(rows.with_rows(_past_trait(rows, key))), rest)
    else:
        value = at_key(SQL("p.traits"), condition.path)
    place = Place(value=value, zone=rows.zone(SQL("p")), now=rows.scope.now)
    return holds(place, condition.comparison)


def _past_trait(rows: Rows, key: str) -> Composable:
    return SQL(
        "SELECT DISTINCT ON (person_id) person_id, value FROM profiles_traitchange"
        " WHERE key = {key} AND at <= {now}{among} ORDER BY person_id, at DESC, arrival DESC"
    ).format(key=Literal(key), now=rows.now, among=rows.among(SQL("person_id")))


def _consent(rows: Rows, condition: ConsentIs) -> Composable:
    if rows.scope.is_past:
        granted: Composable = SQL("{}.is_granted").format(
            rows.with_rows(_past_consent(rows, condition.category))
        )
    else:
        granted = SQL("(p.consent -> {} = 'true'::jsonb)").format(Literal(condition.category))
        present = SQL("coalesce(jsonb_typeof(p.consent -> {}) = 'boolean', false)").format(
            Literal(condition.category)
        )
        granted = SQL("(CASE WHEN {} THEN {} END)").format(present, granted)
    match condition.state:
        case ConsentState.GRANTED:
            return SQL("({} IS TRUE)").format(granted)
        case ConsentState.DENIED:
            return SQL("({} IS FALSE)").format(granted)
        case ConsentState.UNSET:
            return SQL("({} IS NULL)").format(granted)


def _past_consent(rows: Rows, category: str) -> Composable:
    return SQL(
        "SELECT DISTINCT ON (person_id) person_id, is_granted FROM profiles_consentchange"
        " WHERE category = {category} AND at <= {now}{among} ORDER BY person_id, at DESC, arrival DESC"
    ).format(category=Literal(category), now=rows.now, among=rows.among(SQL("person_id")))


def _identity(rows: Rows, condition: IdentityKnown) -> Among:
    if not rows.scope.is_past:
        held = SQL("SELECT person_id FROM profiles_identity WHERE kind = {} AND person_id IS NOT NULL{}")
        return Among(
            query=held.format(Literal(condition.kind), rows.among(SQL("person_id"))),
            owner=SQL("person_id"),
            repeats=True,
        )
    return Among(
        query=SQL(
            "SELECT coalesce(o.merged_into_id, o.id) AS person_id FROM ("
            "SELECT DISTINCT ON (l.identity_id) l.person_id FROM profiles_identitylink AS l"
            " JOIN profiles_identity AS i ON i.id = l.identity_id"
            " WHERE i.kind = {kind} AND l.at <= {now}"
            " ORDER BY l.identity_id, l.at DESC, l.arrival DESC, l.id DESC"
            ") AS owner JOIN profiles_person AS o ON o.id = owner.person_id"
        ).format(kind=Literal(condition.kind), now=rows.now),
        repeats=True,
    )


def _segment(rows: Rows, condition: InSegment) -> Answer:
    now = rows.now
    present = SQL("m.entered_at <= {now} AND (m.left_at IS NULL OR m.left_at > {now})").format(now=now)
    match condition.standing:
        case Standing.NOT_MEMBER:
            return _stayed(rows, condition, present).opposite()
        case Standing.MEMBER:
            return _stayed(rows, condition, present, column=SQL("m.entered_at"))
        case Standing.LEFT:
            has_left = SQL("m.left_at <= {}").format(now)
            return SQL("({} AND NOT {})").format(
                rows.holds(_stayed(rows, condition, has_left, column=SQL("m.left_at"))),
                rows.holds(_stayed(rows, condition, present)),
            )


def _stayed(rows: Rows, condition: InSegment, filter_: Composable, *, column: SQL | None = None) -> Among:
    zone = rows.zone(SQL("q"))
    window = rows.window(column, condition.during, zone=zone) if column is not None else []
    is_zoned = bool(window) and reads(condition).needs_zone
    return Among(
        query=SQL(
            "SELECT m.person_id FROM segments_membership AS m{zones}"
            " WHERE m.segment_id = {segment}{among}"
            " AND {filters}"
        ).format(
            zones=SQL(" JOIN profiles_person AS q ON q.id = m.person_id") if is_zoned else SQL(""),
            segment=rows.segment_id(condition.slug),
            among=rows.among(SQL("m.person_id")),
            filters=SQL(" AND ").join([filter_, *window]),
        ),
        owner=SQL("m.person_id"),
        repeats=True,
    )


def _has_been(rows: Rows, leaf: HasBeen) -> Among:
    """It has held since a moment if the change in force then passes, and none since then fails."""
    began = rows.scope.now - leaf.length.exact()
    holds_unset = holds_for(None, leaf.comparison, Moment(now=rows.scope.now, zone="UTC"))
    failed = SQL("SELECT h.person_id FROM ({}) AS h WHERE h.at > {} AND NOT h.passes").format(
        _changes(rows, leaf), at(began)
    )
    # Where it holds for nothing, those who have no history have been so since ever: the others are found.
    lasting = Among(
        query=SQL("{} UNION ALL {}").format(_in_force(rows, leaf, began, passes=False), failed)
        if holds_unset
        else _without(_in_force(rows, leaf, began, passes=True), failed),
        repeats=holds_unset,
        is_not=holds_unset,
    )
    if leaf.span is not Span.LESS_THAN:
        return lasting
    now = _in_force(rows, leaf, rows.scope.now, passes=True)
    if holds_unset:
        return Among(query=SQL("{} AND h.person_id IN ({})").format(now, lasting.query))
    return Among(query=_without(now, lasting.query))


def _without(changes: Composable, people: Composable) -> Composable:
    """Changes of others than these people."""
    return SQL("{} AND NOT EXISTS (SELECT FROM ({}) AS n WHERE n.person_id = h.person_id)").format(
        changes, people
    )


def _in_force(rows: Rows, leaf: HasBeen, moment: datetime, *, passes: bool) -> Composable:
    """Whose latest change up to a moment passes, or fails; of two at one instant the later arrival counts."""
    return SQL(
        "SELECT h.person_id FROM ({changes}) AS h WHERE h.at <= {moment} AND h.passes = {passes}"
        " AND NOT EXISTS (SELECT FROM profiles_traitchange AS l WHERE l.person_id = h.person_id"
        " AND l.key = {key} AND l.at <= {moment}{among}"
        " AND (l.at, l.arrival, l.id) > (h.at, h.arrival, h.id))"
    ).format(
        changes=_changes(rows, leaf),
        moment=at(moment),
        passes=Literal(passes),
        key=Literal(leaf.path[0]),
        among=rows.among(SQL("l.person_id")),
    )


def _changes(rows: Rows, leaf: HasBeen) -> Composable:
    """The trait's history up to now, and whether each value passes the test."""
    is_zoned = reads(leaf).needs_zone
    place = Place(
        value=at_path(SQL("c.value"), leaf.path[1:]),
        zone=rows.event_zone(is_zoned=is_zoned),
        now=rows.scope.now,
    )
    return SQL(
        "SELECT c.person_id, c.at, c.arrival, c.id, {passes} AS passes FROM profiles_traitchange AS c{zones}"
        " WHERE c.key = {key} AND c.at <= {now}{among}"
    ).format(
        passes=holds(place, leaf.comparison),
        zones=SQL(" JOIN profiles_person AS q ON q.id = c.person_id") if is_zoned else SQL(""),
        key=Literal(leaf.path[0]),
        now=rows.now,
        among=rows.among(SQL("c.person_id")),
    )


def _on_list(rows: Rows, leaf: OnList) -> Among:
    return Among(
        query=SQL(
            "SELECT m.person_id FROM segments_manual AS m"
            " WHERE m.segment_id = {segment} AND m.is_added"
            " AND m.at <= {now} AND (m.ended_at IS NULL OR m.ended_at > {now}){among}"
        ).format(segment=rows.segment_id(leaf.slug), now=rows.now, among=rows.among(SQL("m.person_id"))),
        owner=SQL("m.person_id"),
        repeats=True,
    )


def _bucket(leaf: InBucket) -> Composable:
    """The twin of `segments.domain.buckets`."""
    start, end = bounds_of(leaf)
    hashed = SQL("encode(sha256(convert_to({} || p.uuid::text, 'UTF8')), 'hex')").format(
        Literal(f"{leaf.salt}:")
    )
    share = SQL("('x' || substr({}, 1, {}))::bit({})::bigint").format(
        hashed, Literal(BITS // 4), Literal(BITS)
    )
    return SQL("({} BETWEEN {} AND {})").format(share, Literal(start), Literal(end - 1))
