"""What every part of a query is made of: who and when, joined sets, windows, tests of events."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from psycopg.sql import SQL, Composable, Identifier, Literal

from segments.compiler.operators import Place, holds
from segments.compiler.values import at_key, instant
from segments.domain.conditions import (
    BeforeLast,
    Between,
    During,
    Ever,
    Last,
    SinceEntry,
    Source,
    Test,
)
from segments.domain.operators import StepValue
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
    # Ids are written into the query: the planner knows how often each is there, and nothing of a look-up.
    names: Mapping[str, int]  # of events
    segments: Mapping[str, int]  # by slug
    people: Sequence[int] | None = None  # None: everybody
    is_past: bool = False  # values, identities and people as they were at `now`
    has_overrides: bool = True  # some events still stand under merged people's ids
    has_times: bool = False  # the times of nearly all events are kept beside their counts


def ids(people: Iterable[int]) -> Composable:
    return SQL("{}::bigint[]").format(Literal(list(people)))


def at(moment: datetime) -> Composable:
    return SQL("{}::timestamptz").format(Literal(moment))


def both(parts: Iterable[Composable]) -> Composable:
    """All of some booleans; true for none."""
    found = list(parts)
    return SQL("({})").format(SQL(" AND ").join(found)) if found else SQL("true")


_NAME: Final = SQL("e.name_id")
_NONE: Final = -1  # the id of no row


@dataclass(frozen=True, slots=True, kw_only=True)
class Among:
    """That a person is, or is not, among those whom a query finds."""

    query: Composable  # of one column, `person_id`: of people who are there and were not merged
    ending: Composable | None = None  # what follows the filters of the query
    owner: Composable | None = None  # where filters may be added: whose a row is
    repeats: bool = False  # it may have somebody more than once
    is_not: bool = False

    def found(self, *, of: Composable | None = None) -> Composable:
        """The query; of these people alone, where it can be kept to some."""
        kept = SQL("") if of is None else SQL(" AND {} IN ({})").format(self.owner, of)
        return SQL("{}{}{}").format(self.query, kept, self.ending or SQL(""))

    def once(self, *, of: Composable | None = None) -> Composable:
        """The query, with each person at most once."""
        found = self.found(of=of)
        return SQL("SELECT DISTINCT f.person_id FROM ({}) AS f").format(found) if self.repeats else found

    def opposite(self) -> "Among":
        return replace(self, is_not=not self.is_not)


Answer = Composable | Among  # a boolean about the person `p`, never null, or a set of people


@dataclass(slots=True)
class Rows:
    """The joins of one query while it grows."""

    scope: Scope
    joins: list[Composable] = field(default_factory=list)
    _names: dict[str, Composable] = field(default_factory=dict)  # text of a subquery -> its name

    @property
    def now(self) -> Composable:
        return at(self.scope.now)

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

    def holds(self, answer: Answer) -> Composable:
        """An answer as a boolean, wherever it stands."""
        if not isinstance(answer, Among):
            return answer
        sign = SQL("NULL" if answer.is_not else "NOT NULL")
        return SQL("({}.person_id IS {})").format(self.with_rows(answer.once()), sign)

    def among(self, column: SQL) -> Composable:
        """A filter, with its AND, that keeps a subquery to the people asked for."""
        if self.scope.people is None:
            return SQL("")
        return SQL(" AND {} = ANY({})").format(column, ids(self.scope.people))

    # -- events ------------------------------------------------------------------------------------

    @property
    def owner(self) -> Composable:
        """Whose an event is, merges considered."""
        if not self.scope.has_overrides:
            return SQL("e.person_id")
        return SQL("coalesce(o.new_person_id, e.person_id)")

    def events(
        self,
        columns: Composable,
        filters: Sequence[Composable],
        *,
        is_zoned: bool = False,
        is_ahead: bool = False,
        of: Composable | None = None,
    ) -> Composable:
        """A scan of events up to now, of the people asked for.

        Args:
            is_zoned: the person's row is at hand as `q`.
            is_ahead: of the events after now instead.
            of: an array of people, a few of those asked for.
        """
        asked = [*filters, SQL("e.ts {} {}").format(SQL(">" if is_ahead else "<="), self.now)]
        people = ids(self.scope.people) if of is None and self.scope.people is not None else of
        if people is not None:
            asked.insert(0, SQL("e.person_id = ANY({})").format(self._stored_ids(people)))
        joins = SQL(" LEFT JOIN profiles_personoverride AS o ON o.old_person_id = e.person_id")
        zones = SQL(" JOIN profiles_person AS q ON q.id = {}").format(self.owner)
        return SQL("SELECT {} FROM profiles_event AS e{}{} WHERE {}").format(
            columns,
            joins if self.scope.has_overrides else SQL(""),
            zones if is_zoned else SQL(""),
            SQL(" AND ").join(asked),
        )

    def named(self, names: Iterable[str], column: Composable = _NAME) -> Composable:
        """Whether an event has any of these names, or one that begins as they do before a closing `*`."""
        wanted = set(names)
        if "*" in wanted:
            return SQL("true")
        starts = tuple(name[:-1] for name in wanted if name.endswith("*"))
        found = sorted(
            id_
            for name, id_ in self.scope.names.items()
            if name in wanted or (starts and name.startswith(starts))
        )
        if len(found) > 1:
            return SQL("{} = ANY({}::integer[])").format(column, Literal(found))
        return SQL("{} = {}").format(column, Literal(found[0] if found else _NONE))

    def segment_id(self, slug: str) -> Composable:
        return Literal(self.scope.segments.get(slug, _NONE))

    def event_zone(self, *, is_zoned: bool) -> Composable:
        return self.zone(SQL("q")) if is_zoned else Literal("UTC")

    def _stored_ids(self, people: Composable) -> Composable:
        """The ids under which events of these people can stand."""
        if not self.scope.has_overrides:
            return people
        return SQL(
            "{people} || ARRAY(SELECT old_person_id FROM profiles_personoverride"
            " WHERE new_person_id = ANY({people}))"
        ).format(people=people)

    def window(self, column: SQL, during: During, *, zone: Composable) -> list[Composable]:
        match during:
            case Ever():
                return []
            case Last():
                return [SQL("{} > {}").format(column, at(self.scope.now - during.length.exact()))]
            case BeforeLast():
                return [SQL("{} <= {}").format(column, at(self.scope.now - during.length.exact()))]
            case Between():
                return _between(column, during, zone=zone)
            case SinceEntry():
                raise NotCompilable("the time since a run's entry")
            case _:
                assert_never(during)

    def test(self, test: Test, *, zone: Composable) -> Composable:
        """Whether the event `e` passes a test."""
        if test.is_about_entry:
            raise NotCompilable("a comparison with a run's entry")
        assert not isinstance(test.comparison.value, StepValue), "compared where the steps are joined"
        document = SQL("e.properties") if test.source is Source.PROPERTY else SQL("e.context")
        is_revenue = test.source is Source.PROPERTY and test.path == REVENUE
        place = Place(
            value=at_key(document, test.path),
            number=SQL("e.revenue") if is_revenue else None,
            zone=zone,
            now=self.scope.now,
        )
        return holds(place, test.comparison)


REVENUE: Final = ("revenue",)  # the property that has a column, and stands in the indexes


def _between(column: SQL, during: Between, *, zone: Composable) -> list[Composable]:
    start, end = (moment_of(one, zone="UTC") for one in (during.start, during.end))
    return [
        SQL("{} >= {}").format(column, at(start - _FARTHEST)),
        SQL("{} < {}").format(column, at(end + _FARTHEST)),
        SQL("{} >= {}").format(column, instant(during.start, zone=zone)),
        SQL("{} < {}").format(column, instant(during.end, zone=zone)),
    ]
