"""How fast conditions are asked: of everybody, beside DuckDB over the same rows, of a few, and live.

DuckDB has the rows as typed columns in memory, which is the most that a store made for scans could do for
these questions. Both must count the same people, so this is a test of the compiler too.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any, Final
from uuid import uuid4

from django.db import connection, transaction
from django.utils import timezone
from psycopg.sql import SQL, Literal

from cdp_site.bench import crowd
from cdp_site.bench.questions import QUESTIONS
from cdp_site.pipeline.rules import RuleId, Rules, current_rules, forget_rules
from cdp_site.pipeline.sweeping import advance_people
from profiles.domain.facts import Event, Json
from profiles.models import Person
from segments.compiler import people_query
from segments.domain.conditions import Condition
from segments.domain.parse import parse_condition
from segments.models import Membership, RulesRevision, Segment, SegmentVersion
from segments.network import LiveRule, MessageStimulus, RuleNetwork
from segments.queries import count_of, scanning, scope_of

SIZES: Final = (1_000_000, 10_000_000)
RULES: Final = (10, 100, 1_000, 5_000)
TOUCHED: Final = 500
LIVE_SEGMENTS: Final = 100
_REPEATS: Final = 3
_TURNS: Final = 5
_NAMES: Final = 50


class Differs(Exception):
    """PostgreSQL and DuckDB counted different people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRow:
    """One question at one size. Times are the median of several runs, in milliseconds."""

    events: int
    what: str
    people: int | None
    postgresql_ms: float
    duckdb_ms: float | None
    ratio: float | None
    materialised_ms: float | None  # written as members of a new segment


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedRow:
    """One figure with its unit."""

    what: str
    value: float
    unit: str


def measure_counts(*, sizes: Sequence[int] = SIZES, tell: Callable[[str], None] = print) -> list[CountRow]:
    """Ask the six questions at each size. Without DuckDB at hand its columns stay empty."""
    rows: list[CountRow] = []
    for events in sizes:
        _empty()
        now = crowd.fill(events, tell=tell)
        _stays(now)
        rows += _counted(events, now=now)
    return rows


def measure_few() -> list[SpeedRow]:
    """Refresh the live segments of the people a batch has touched; needs the crowd of `measure_counts`."""
    now = datetime.now(UTC)
    people = list(Person.objects.order_by("?").values_list("id", flat=True)[:TOUCHED])
    written = [_variant(number) for number in range(LIVE_SEGMENTS)]
    scope = scope_of(now=now, people=people)

    def ask() -> None:
        with connection.cursor() as cursor:
            for condition in written:
                cursor.execute(people_query(parse_condition(condition), scope))
                cursor.fetchall()

    common = parse_condition(QUESTIONS["count in window"][0])
    with _live(written) as rules:
        asked: list[RuleId] = [("segment", id_) for id_ in rules.segments]

        @transaction.atomic
        def refresh() -> None:
            advance_people(people, rules=rules, until=now, asked=asked)

        whom = f"{TOUCHED} people, {LIVE_SEGMENTS} segments"
        entering, again = _once(refresh), _ms(refresh)
    return [
        SpeedRow(what=f"{whom}: everybody enters", value=entering, unit="ms"),
        SpeedRow(what=f"{whom}: refreshed by the pipeline", value=again, unit="ms"),
        SpeedRow(what=f"{whom}: asked by SQL, one after the other", value=_ms(ask), unit="ms"),
        SpeedRow(what="the builder's count", value=_ms(lambda: count_of(common, now=now)), unit="ms"),
    ]


@contextmanager
def _live(conditions: Sequence[Json]) -> Iterator[Rules]:
    """The rules once these segments are live; nobody is in them yet."""
    for number, tree in enumerate(conditions):
        condition = {"language": 1, "if": tree}
        made = Segment.objects.create(
            slug=f"bench-few-{number}", name="Few", state=Segment.State.LIVE, condition=condition
        )
        SegmentVersion.objects.create(
            segment=made, number=1, condition=condition, published_at=timezone.now(), published_by="bench"
        )
    RulesRevision.objects.update_or_create(id=1, defaults={"revision": time.time_ns() // 1000})
    forget_rules()
    try:
        yield current_rules()
    finally:
        Membership.objects.filter(segment__slug__startswith="bench-few-").delete()
        Segment.objects.filter(slug__startswith="bench-few-").delete()
        RulesRevision.objects.filter(id=1).update(revision=time.time_ns() // 1000)
        forget_rules()


def measure_matching(*, messages: int = 20_000) -> list[SpeedRow]:
    """Match messages against so many live rules over fifty event names, with both engines."""
    rows = []
    for number in RULES:
        rules = [LiveRule(id=("segment", place), condition=_rule(place)) for place in range(number)]
        for engine in ("durable", "closures"):
            network = RuleNetwork(rules, engine=engine)
            stimuli = [MessageStimulus(event=_event(place)) for place in range(messages)]
            start = time.perf_counter()
            touched = sum(len(network.touched(stimulus)) for stimulus in stimuli)
            seconds = time.perf_counter() - start
            assert touched
            rows.append(
                SpeedRow(
                    what=f"{number} rules, {network.engine}", value=messages / seconds, unit="messages/s"
                )
            )
            network.close()
    return rows


def _empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE profiles_event, profiles_persontotal, profiles_traitchange, segments_membership,"
            " profiles_person, segments_segment CASCADE"
        )


def _stays(now: datetime) -> None:
    for slug, every in (("bench-odd", 2), ("bench-third", 3)):
        segment = Segment.objects.create(
            slug=slug, name=slug, state=Segment.State.LIVE, condition={"language": 1, "if": {"all": []}}
        )
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO segments_membership (segment_id, person_id, entered_at, why)"
                " SELECT %s, id, %s, '{}' FROM profiles_person WHERE id %% %s = 0",
                [segment.pk, now - timedelta(days=1), every],
            )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) segments_membership")


def _counted(events: int, *, now: datetime) -> list[CountRow]:
    rows = []
    with _duckdb() as duck:
        for what, (document, statement) in QUESTIONS.items():
            condition = parse_condition(document)
            count = count_of(condition, now=now)
            own, theirs = _in_turns(
                partial(count_of, condition, now=now),
                None if duck is None else partial(_ask, duck, statement, now=now),
            )
            if duck is not None and (found := _ask(duck, statement, now=now)) != count:
                raise Differs(f"{what}: PostgreSQL counts {count}, DuckDB {found}")
            rows.append(
                CountRow(
                    events=events,
                    what=what,
                    people=count,
                    postgresql_ms=own,
                    duckdb_ms=theirs,
                    ratio=own / theirs if theirs else None,
                    materialised_ms=_materialised(condition, now=now),
                )
            )
    ratios = [row.ratio for row in rows if row.ratio]
    if ratios:
        own = geometric_mean(row.postgresql_ms for row in rows)
        rows.append(
            CountRow(
                events=events,
                what="geometric mean",
                people=None,
                postgresql_ms=own,
                duckdb_ms=geometric_mean(row.duckdb_ms for row in rows if row.duckdb_ms),
                ratio=geometric_mean(ratios),
                materialised_ms=None,
            )
        )
    return rows


@contextmanager
def _duckdb() -> Iterator[Any]:
    """DuckDB in memory with the same rows; None where it is not installed."""
    try:
        import duckdb
    except ImportError:
        yield None
        return
    duck = duckdb.connect()
    try:
        with tempfile.TemporaryDirectory() as folder:
            for table, (query, columns) in _EXPORTS.items():
                path = Path(folder) / f"{table}.csv"
                with (
                    path.open("wb") as file,
                    connection.cursor() as cursor,
                    cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)") as copy,
                ):
                    file.writelines(copy)
                duck.execute(f"CREATE TABLE {table} ({columns})")
                duck.execute(f"COPY {table} FROM '{path}' (FORMAT csv)")
                path.unlink()
        yield duck
    finally:
        duck.close()


_EXPORTS: Final = {
    "person": ("SELECT id, traits ->> 'country' FROM profiles_person", "id BIGINT, country VARCHAR"),
    "event": (
        "SELECT e.person_id, n.name, e.ts, e.revenue"
        " FROM profiles_event AS e JOIN profiles_eventname AS n ON n.id = e.name_id",
        "person_id BIGINT, name VARCHAR, ts TIMESTAMPTZ, revenue DECIMAL(18, 2)",
    ),
    "change": (
        "SELECT person_id, at, value #>> '{}' FROM profiles_traitchange",
        "person_id BIGINT, begun_at TIMESTAMPTZ, value VARCHAR",
    ),
    "stay": (
        "SELECT m.person_id, s.slug FROM segments_membership AS m"
        " JOIN segments_segment AS s ON s.id = m.segment_id WHERE m.left_at IS NULL",
        "person_id BIGINT, segment VARCHAR",
    ),
}


def _ask(duck: Any, statement: str, *, now: datetime) -> int:
    return int(duck.execute(statement, {"now": now}).fetchone()[0])


def _materialised(condition: Condition, *, now: datetime) -> float:
    """Write everybody as a member of a new segment, and take it back."""
    segment = Segment.objects.create(
        slug=f"bench-{uuid4().hex}", name="Bench", condition={"language": 1, "if": {"all": []}}
    )
    query = SQL(
        "INSERT INTO segments_membership (segment_id, person_id, entered_at, why)"
        " SELECT {segment}, found.id, {now}, '{{}}' FROM ({query}) AS found"
    ).format(segment=Literal(segment.pk), now=Literal(now), query=people_query(condition, scope_of(now=now)))
    start = time.perf_counter()
    with scanning() as cursor:
        cursor.execute(query)
    taken = 1000 * (time.perf_counter() - start)
    Membership.objects.filter(segment=segment).delete()
    segment.delete()
    return taken


def _variant(number: int) -> Json:
    """One of the live segments: they differ in name, window and count."""
    return {
        "event": crowd.NAMES[number % len(crowd.NAMES)],
        "count": {"op": "at_least", "value": 1 + number % 7},
        "during": {"last": f"P{7 + number % 84}D"},
    }


def _rule(place: int) -> Condition:
    return parse_condition(
        {
            "event": f"Event {place % _NAMES}",
            "where": [{"property": "category", "op": "is", "value": f"hit {place // _NAMES}"}],
        }
    )


def _event(place: int) -> Event:
    """One message; every tenth passes a rule."""
    now = datetime.now(UTC)
    return Event(
        name=f"Event {place % _NAMES}",
        ts=now,
        arrival=place,
        received_at=now,
        message_id=str(uuid4()),
        properties={"category": "hit 0" if place // _NAMES % 10 == 0 else "shoes", "price": place % 90},
        context={},
    )


def _in_turns(own: Callable[[], object], other: Callable[[], object] | None) -> tuple[float, float | None]:
    """Medians of both in milliseconds: what else the machine does meets them alike."""
    rounds = [(_once(own), None if other is None else _once(other)) for _ in range(_TURNS)]
    others = [theirs for _, theirs in rounds if theirs is not None]
    return median(mine for mine, _ in rounds), median(others) if others else None


def _once(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def _ms(work: Callable[[], object]) -> float:
    return median(_once(work) for _ in range(_REPEATS))
