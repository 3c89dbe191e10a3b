"""Conditions as joins and booleans over `profiles_person AS p`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, assert_never

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from segments.compiler.operators import Place, holds
from segments.compiler.values import at_key, at_path, instant
from segments.domain.conditions import (
    AllOf,
    AnyOf,
    BeforeLast,
    Between,
    Condition,
    ConsentIs,
    ConsentState,
    ContextTest,
    CountOperator,
    During,
    EventCount,
    Ever,
    IdentityKnown,
    InSegment,
    Last,
    NoneOf,
    SinceEntry,
    Source,
    Standing,
    Test,
    TraitTest,
    reads,
)
from segments.domain.values import instant as moment_of

# No zone lies farther from UTC; lets the planner prune partitions though each person's day begins elsewhere.
_FARTHEST: Final = timedelta(hours=26)


class NotCompilable(ValueError):
    """The condition asks about a run's entry or a message: there is no such thing for everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Of whom and when a condition is asked."""

    now: datetime
    company_zone: str  # for people without a zone of their own
    people: Sequence[int] | None = None  # None: everybody
    is_past: bool = False  # values, identities and people as they were at `now`
    has_overrides: bool = True  # some events still stand under merged people's ids


def people_query(condition: Condition, scope: Scope) -> Composed:
    """A query of one column: the ids of the people for whom the condition holds.

    Raises:
        NotCompilable: it asks about a run's entry or the message being processed.
    """
    query = _Query(scope)
    answer = query.answer(condition)
    filters = [SQL("p.merged_into_id IS NULL"), answer]
    if scope.people is not None:
        filters.insert(0, SQL("p.id = ANY({})").format(_ids(scope.people)))
    if scope.is_past:
        filters.insert(0, SQL("p.first_seen_at <= {}").format(_moment(scope.now)))
    return SQL("SELECT p.id FROM profiles_person AS p{} WHERE {}").format(
        SQL("").join(query.joins), SQL(" AND ").join(filters)
    )


def _ids(people: Iterable[int]) -> Composable:
    return SQL("{}::bigint[]").format(Literal(list(people)))


def _moment(at: datetime) -> Composable:
    return SQL("{}::timestamptz").format(Literal(at))


@dataclass(slots=True)
class _Query:
    """One query while it grows."""

    scope: Scope
    joins: list[Composable] = field(default_factory=list)
    _names: dict[str, Composable] = field(default_factory=dict)  # text of a subquery -> its name

    # -- people ------------------------------------------------------------------------------------

    def answer(self, condition: Condition) -> Composable:
        """A boolean about the person `p`."""
        match condition:
            case AllOf():
                return self.joined(condition.of, SQL(" AND "), empty=SQL("true"))
            case AnyOf():
                return self.joined(condition.of, SQL(" OR "), empty=SQL("false"))
            case NoneOf():
                return SQL("(NOT {})").format(self.joined(condition.of, SQL(" OR "), empty=SQL("false")))
            case TraitTest():
                return self.trait(condition)
            case EventCount():
                return self.events(condition)
            case InSegment():
                return self.segment(condition)
            case ConsentIs():
                return self.consent(condition)
            case IdentityKnown():
                return self.identity(condition)
            case ContextTest():
                raise NotCompilable("the message being processed")
            case _:
                assert_never(condition)

    def joined(self, parts: Sequence[Condition], glue: SQL, *, empty: SQL) -> Composable:
        return SQL("({})").format(glue.join(self.answer(part) for part in parts)) if parts else empty

    def zone(self, person: SQL) -> Composable:
        company = Literal(self.scope.company_zone)
        return SQL("coalesce(nullif({}.time_zone, ''), {})").format(person, company)

    def with_rows(self, subquery: Composable) -> Composable:
        """Join a query that has each person at most once; give its name."""
        text = subquery.as_string(None)
        if text not in self._names:
            name = Identifier(f"j{len(self._names)}")
            self._names[text] = name
            self.joins.append(
                SQL(" LEFT JOIN ({}) AS {} ON {}.person_id = p.id").format(subquery, name, name)
            )
        return self._names[text]

    def is_among(self, subquery: Composable) -> Composable:
        """Whether a query that has each person at most once has this one."""
        return SQL("({}.person_id IS NOT NULL)").format(self.with_rows(subquery))

    def among(self, column: SQL) -> Composable:
        """A filter, with its AND, that keeps a subquery to the people asked for."""
        if self.scope.people is None:
            return SQL("")
        return SQL(" AND {} = ANY({})").format(column, _ids(self.scope.people))

    # -- values ------------------------------------------------------------------------------------

    def trait(self, condition: TraitTest) -> Composable:
        key, rest = condition.path[0], condition.path[1:]
        if self.scope.is_past:
            value = at_path(SQL("{}.value").format(self.with_rows(self._past_trait(key))), rest)
        else:
            value = at_key(SQL("p.traits"), condition.path)
        place = Place(value=value, zone=self.zone(SQL("p")), now=self.scope.now)
        return holds(place, condition.comparison)

    def _past_trait(self, key: str) -> Composable:
        return SQL(
            "SELECT DISTINCT ON (person_id) person_id, value FROM profiles_traitchange"
            " WHERE key = {key} AND at <= {now}{among} ORDER BY person_id, at DESC, arrival DESC"
        ).format(key=Literal(key), now=_moment(self.scope.now), among=self.among(SQL("person_id")))

    def consent(self, condition: ConsentIs) -> Composable:
        if self.scope.is_past:
            granted: Composable = SQL("{}.is_granted").format(
                self.with_rows(self._past_consent(condition.category))
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

    def _past_consent(self, category: str) -> Composable:
        return SQL(
            "SELECT DISTINCT ON (person_id) person_id, is_granted FROM profiles_consentchange"
            " WHERE category = {category} AND at <= {now}{among} ORDER BY person_id, at DESC, arrival DESC"
        ).format(category=Literal(category), now=_moment(self.scope.now), among=self.among(SQL("person_id")))

    def identity(self, condition: IdentityKnown) -> Composable:
        if not self.scope.is_past:
            return self.is_among(
                SQL("SELECT DISTINCT person_id FROM profiles_identity WHERE kind = {}{}").format(
                    Literal(condition.kind), self.among(SQL("person_id"))
                )
            )
        return self.is_among(
            SQL(
                "SELECT DISTINCT coalesce(o.merged_into_id, o.id) AS person_id FROM ("
                "SELECT DISTINCT ON (l.identity_id) l.person_id FROM profiles_identitylink AS l"
                " JOIN profiles_identity AS i ON i.id = l.identity_id"
                " WHERE i.kind = {kind} AND l.at <= {now}"
                " ORDER BY l.identity_id, l.at DESC, l.arrival DESC, l.id DESC"
                ") AS owner JOIN profiles_person AS o ON o.id = owner.person_id"
            ).format(kind=Literal(condition.kind), now=_moment(self.scope.now))
        )

    # -- events ------------------------------------------------------------------------------------

    def events(self, condition: EventCount) -> Composable:
        number = condition.count.value
        match condition.count.op:
            case CountOperator.AT_LEAST if number == 0:
                return SQL("true")
            case CountOperator.AT_LEAST:
                return self.is_among(self._counted(condition, SQL(">="), number))
            case CountOperator.EXACTLY if number > 0:
                return self.is_among(self._counted(condition, SQL("="), number))
            case CountOperator.AT_MOST | CountOperator.EXACTLY:
                return SQL("(NOT {})").format(self.is_among(self._counted(condition, SQL(">="), number + 1)))

    def _counted(self, condition: EventCount, sign: SQL, number: int) -> Composable:
        owner = (
            SQL("coalesce(o.new_person_id, e.person_id)") if self.scope.has_overrides else SQL("e.person_id")
        )
        is_zoned = reads(condition).needs_zone
        place = self.zone(SQL("q")) if is_zoned else Literal("UTC")
        filters = [
            self._named(condition.name),
            SQL("e.ts <= {}").format(_moment(self.scope.now)),
            *self._window(SQL("e.ts"), condition.during, zone=place),
            *(self._test(test, zone=place) for test in condition.where),
        ]
        if self.scope.people is not None:
            filters.insert(0, SQL("e.person_id = ANY({})").format(self._stored_ids()))
        joins = SQL(" LEFT JOIN profiles_personoverride AS o ON o.old_person_id = e.person_id")
        zones = SQL(" JOIN profiles_person AS q ON q.id = {}").format(owner)
        return SQL("SELECT {} AS person_id FROM profiles_event AS e{}{} WHERE {} GROUP BY 1{}").format(
            owner,
            joins if self.scope.has_overrides else SQL(""),
            zones if is_zoned else SQL(""),
            SQL(" AND ").join(filters),
            SQL("")
            if (number, sign) == (1, SQL(">="))
            else SQL(" HAVING count(*) {} {}").format(sign, Literal(number)),
        )

    def _stored_ids(self) -> Composable:
        """The ids under which events of the people asked for can stand."""
        people = _ids(self.scope.people or ())
        if not self.scope.has_overrides:
            return people
        return SQL(
            "{people} || ARRAY(SELECT old_person_id FROM profiles_personoverride"
            " WHERE new_person_id = ANY({people}))"
        ).format(people=people)

    def _named(self, name: str) -> Composable:
        if not name.endswith("*"):
            return SQL("e.name_id = (SELECT id FROM profiles_eventname WHERE name = {})").format(
                Literal(name)
            )
        if name == "*":
            return SQL("true")
        return SQL(
            "e.name_id = ANY(ARRAY(SELECT id FROM profiles_eventname WHERE starts_with(name, {})))"
        ).format(Literal(name[:-1]))

    def _window(self, column: SQL, during: During, *, zone: Composable) -> list[Composable]:
        match during:
            case Ever():
                return []
            case Last():
                return [SQL("{} > {}").format(column, _moment(self.scope.now - during.length.exact()))]
            case BeforeLast():
                return [SQL("{} <= {}").format(column, _moment(self.scope.now - during.length.exact()))]
            case Between():
                return _between(column, during, zone=zone)
            case SinceEntry():
                raise NotCompilable("the time since a run's entry")
            case _:
                assert_never(during)

    def _test(self, test: Test, *, zone: Composable) -> Composable:
        if test.is_about_entry:
            raise NotCompilable("a comparison with a run's entry")
        document = SQL("e.properties") if test.source is Source.PROPERTY else SQL("e.context")
        place = Place(value=at_key(document, test.path), zone=zone, now=self.scope.now)
        return holds(place, test.comparison)

    # -- segments ----------------------------------------------------------------------------------

    def segment(self, condition: InSegment) -> Composable:
        now = _moment(self.scope.now)
        present = SQL("m.entered_at <= {now} AND (m.left_at IS NULL OR m.left_at > {now})").format(now=now)
        match condition.standing:
            case Standing.NOT_MEMBER:
                return SQL("(NOT {})").format(self._stayed(condition, present))
            case Standing.MEMBER:
                return self._stayed(condition, present, column=SQL("m.entered_at"))
            case Standing.LEFT:
                has_left = SQL("m.left_at <= {}").format(now)
                return SQL("({} AND NOT {})").format(
                    self._stayed(condition, has_left, column=SQL("m.left_at")),
                    self._stayed(condition, present),
                )

    def _stayed(self, condition: InSegment, filter_: Composable, *, column: SQL | None = None) -> Composable:
        zone = self.zone(SQL("q"))
        window = self._window(column, condition.during, zone=zone) if column is not None else []
        is_zoned = bool(window) and reads(condition).needs_zone
        return self.is_among(
            SQL(
                "SELECT DISTINCT m.person_id FROM segments_membership AS m{zones}"
                " WHERE m.segment_id = (SELECT id FROM segments_segment WHERE slug = {slug}){among}"
                " AND {filters}"
            ).format(
                zones=SQL(" JOIN profiles_person AS q ON q.id = m.person_id") if is_zoned else SQL(""),
                slug=Literal(condition.slug),
                among=self.among(SQL("m.person_id")),
                filters=SQL(" AND ").join([filter_, *window]),
            )
        )


def _between(column: SQL, during: Between, *, zone: Composable) -> list[Composable]:
    start, end = (moment_of(one, zone="UTC") for one in (during.start, during.end))
    return [
        SQL("{} >= {}").format(column, _moment(start - _FARTHEST)),
        SQL("{} < {}").format(column, _moment(end + _FARTHEST)),
        SQL("{} >= {}").format(column, instant(during.start, zone=zone)),
        SQL("{} < {}").format(column, instant(during.end, zone=zone)),
    ]
