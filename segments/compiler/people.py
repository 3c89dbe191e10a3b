"""The parts of a condition about the person, as booleans over `profiles_person AS p`."""

from typing import assert_never

from psycopg.sql import SQL, Composable, Literal

from segments.compiler.operators import Place, holds
from segments.compiler.rows import NotCompilable, Rows, at
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


def person_answer(rows: Rows, leaf: PersonLeaf) -> Composable:
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


def _identity(rows: Rows, condition: IdentityKnown) -> Composable:
    if not rows.scope.is_past:
        return rows.is_among(
            SQL("SELECT DISTINCT person_id FROM profiles_identity WHERE kind = {}{}").format(
                Literal(condition.kind), rows.among(SQL("person_id"))
            )
        )
    return rows.is_among(
        SQL(
            "SELECT DISTINCT coalesce(o.merged_into_id, o.id) AS person_id FROM ("
            "SELECT DISTINCT ON (l.identity_id) l.person_id FROM profiles_identitylink AS l"
            " JOIN profiles_identity AS i ON i.id = l.identity_id"
            " WHERE i.kind = {kind} AND l.at <= {now}"
            " ORDER BY l.identity_id, l.at DESC, l.arrival DESC, l.id DESC"
            ") AS owner JOIN profiles_person AS o ON o.id = owner.person_id"
        ).format(kind=Literal(condition.kind), now=rows.now)
    )


def _segment(rows: Rows, condition: InSegment) -> Composable:
    now = rows.now
    present = SQL("m.entered_at <= {now} AND (m.left_at IS NULL OR m.left_at > {now})").format(now=now)
    match condition.standing:
        case Standing.NOT_MEMBER:
            return SQL("(NOT {})").format(_stayed(rows, condition, present))
        case Standing.MEMBER:
            return _stayed(rows, condition, present, column=SQL("m.entered_at"))
        case Standing.LEFT:
            has_left = SQL("m.left_at <= {}").format(now)
            return SQL("({} AND NOT {})").format(
                _stayed(rows, condition, has_left, column=SQL("m.left_at")),
                _stayed(rows, condition, present),
            )


def _stayed(
    rows: Rows, condition: InSegment, filter_: Composable, *, column: SQL | None = None
) -> Composable:
    zone = rows.zone(SQL("q"))
    window = rows.window(column, condition.during, zone=zone) if column is not None else []
    is_zoned = bool(window) and reads(condition).needs_zone
    return rows.is_among(
        SQL(
            "SELECT DISTINCT m.person_id FROM segments_membership AS m{zones}"
            " WHERE m.segment_id = {segment}{among}"
            " AND {filters}"
        ).format(
            zones=SQL(" JOIN profiles_person AS q ON q.id = m.person_id") if is_zoned else SQL(""),
            segment=rows.segment_id(condition.slug),
            among=rows.among(SQL("m.person_id")),
            filters=SQL(" AND ").join([filter_, *window]),
        )
    )


def _has_been(rows: Rows, leaf: HasBeen) -> Composable:
    """It has held since a moment if the change in force then passes, and none since then fails.

    Grouped, not read in order: sorting the histories of everybody would cost more than all the rest.
    """
    began = at(rows.scope.now - leaf.length.exact())
    holds_unset = holds_for(None, leaf.comparison, Moment(now=rows.scope.now, zone="UTC"))
    is_long = SQL("(count(*) FILTER (WHERE NOT passes AND at > {}) = 0 AND {})").format(
        began, _in_force(rows, leaf, began, unset=holds_unset)
    )
    lasting = SQL("SELECT g.person_id FROM ({}) AS g GROUP BY g.person_id HAVING {}")
    changes = _changes(rows, leaf, SQL(""))
    if leaf.span is Span.LESS_THAN:
        is_now = _in_force(rows, leaf, rows.now, unset=holds_unset)
        return rows.is_among(lasting.format(changes, SQL("{} AND NOT {}").format(is_now, is_long)))
    if not holds_unset:
        return rows.is_among(lasting.format(changes, is_long))
    # It held before anything was set: those who have no history have been so since ever.
    return SQL("(NOT {})").format(rows.is_among(lasting.format(changes, SQL("NOT {}").format(is_long))))


def _in_force(rows: Rows, leaf: HasBeen, moment: Composable, *, unset: bool) -> Composable:
    """Whether the latest change up to a moment passes; of two at one instant, that which arrived later."""
    latest = SQL(
        "SELECT c.passes FROM ({}) AS c ORDER BY c.at DESC, c.arrival DESC, c.id DESC LIMIT 1"
    ).format(_changes(rows, leaf, SQL(" AND h.person_id = g.person_id AND h.at <= {}").format(moment)))
    passed = SQL("max(at) FILTER (WHERE passes AND at <= {})").format(moment)
    failed = SQL("max(at) FILTER (WHERE NOT passes AND at <= {})").format(moment)
    return SQL(
        "CASE WHEN {passed} IS NULL AND {failed} IS NULL THEN {unset}"
        " WHEN {passed} IS NULL THEN false WHEN {failed} IS NULL THEN true"
        " WHEN {passed} <> {failed} THEN {passed} > {failed} ELSE ({latest}) END"
    ).format(passed=passed, failed=failed, unset=Literal(unset), latest=latest)


def _changes(rows: Rows, leaf: HasBeen, more: Composable) -> Composable:
    """The trait's history up to now, and whether each value passes the test."""
    is_zoned = reads(leaf).needs_zone
    place = Place(
        value=at_path(SQL("h.value"), leaf.path[1:]),
        zone=rows.event_zone(is_zoned=is_zoned),
        now=rows.scope.now,
    )
    return SQL(
        "SELECT h.person_id, h.at, h.arrival, h.id, {passes} AS passes FROM profiles_traitchange AS h{zones}"
        " WHERE h.key = {key} AND h.at <= {now}{among}{more}"
    ).format(
        passes=holds(place, leaf.comparison),
        zones=SQL(" JOIN profiles_person AS q ON q.id = h.person_id") if is_zoned else SQL(""),
        key=Literal(leaf.path[0]),
        now=rows.now,
        among=rows.among(SQL("h.person_id")),
        more=more,
    )


def _on_list(rows: Rows, leaf: OnList) -> Composable:
    return rows.is_among(
        SQL(
            "SELECT DISTINCT m.person_id FROM segments_manual AS m"
            " WHERE m.segment_id = {segment} AND m.is_added"
            " AND m.at <= {now} AND (m.ended_at IS NULL OR m.ended_at > {now}){among}"
        ).format(segment=rows.segment_id(leaf.slug), now=rows.now, among=rows.among(SQL("m.person_id")))
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
