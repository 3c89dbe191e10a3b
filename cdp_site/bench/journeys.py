"""Journeys in bulk: steps decided by the pure engine, due runs advanced through the database, a segment's
members entering while visitors are served.

Each due run takes three steps: its wait is over, a branch is taken, a CRM action goes into the outbox, the
next wait begins. The CPU time is that of this process and of its database session together, so that the
figure is what one core does, whatever else the machine is busy with.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from cdp_site.bench.latency import publish_probed, response_times
from cdp_site.bench.load import share
from cdp_site.bench.running import Missed, cpu_of, running_product
from cdp_site.pipeline import sweep
from cdp_site.pipeline.rules import forget_rules
from connectors.models import Connection, Source
from connectors.source_services import SourceDraft, make_source
from journeys.domain.definition import parse_journey
from journeys.domain.engine import Means, State, advance
from journeys.models import Journey, JourneyVersion, Run
from journeys.services import create_journey, publish_journey
from profiles import partitions
from profiles.domain.exact import encode_json
from profiles.domain.facts import Facts, Json
from segments.models import RulesRevision, Segment

RUNS: Final = 100_000
MEMBERS: Final = 50_000
ENGINE_STEPS: Final = 300_000
STEPS: Final = 3  # of a due run
GOAL_ENGINE: Final = 50_000.0  # steps a second
GOAL_DATABASE: Final = 5_000.0  # steps a second of a core
GOAL_ENTERING: Final = 20.0  # seconds
GOAL_P99_MS: Final = 500.0  # of visitors meanwhile
_RATE: Final = 20  # events a second meanwhile
_PATIENCE: Final = 600.0
_CRM: Final = "bench-journeys"


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyRow:
    """One figure with its goal."""

    what: str
    value: float
    unit: str
    goal: float | None = None


def measure(*, runs: int = RUNS, members: int = MEMBERS) -> list[JourneyRow]:
    """Measure the engine alone, runs through the database, and a crowd that enters.

    Raises:
        Missed: not everybody entered in time, or an event was not answered.
        Unexpected: the product does not start.
    """
    Connection.objects.get_or_create(
        slug=_CRM, defaults={"name": "Never called", "kind": "crm", "is_active": False}
    )
    return [*_engine(), *_due_runs(runs), *_entering(members)]


def document() -> dict[str, Any]:
    """The journey of the due runs."""
    call = {"id": "call", "kind": "crm", "connection": _CRM, "action": "create_task", "fields": {}}
    gold = {"name": "Gold", "if": {"trait": "plan", "op": "is", "value": "gold"}, "steps": [call]}
    return {
        "language": 1,
        "entry": {"on": {"event": "Cart Updated"}},
        "goal": {"event": "Order Completed", "during": {"since": "entry"}},
        "steps": [
            {"id": "quiet", "kind": "wait", "for": "PT4H"},
            {"id": "plan", "kind": "branch", "cases": [gold], "else": []},
            {"id": "later", "kind": "wait", "for": "P3D"},
        ],
    }


def _engine() -> list[JourneyRow]:
    definition = parse_journey(document())
    began = datetime(2026, 6, 1, tzinfo=UTC)
    due_at = began + timedelta(hours=4)
    state = State(step="quiet", visit=1, since=began, due_at=due_at)
    facts = Facts(
        person_id=1, uuid=UUID(int=1), zone="UTC", traits={"plan": "gold"}, events_of=lambda _name: ()
    )
    means = Means(render=_as_written)
    times = ENGINE_STEPS // STEPS
    taken = time.process_time()
    for _ in range(times):
        decision = advance(definition, state=state, facts=facts, now=due_at, means=means)
    taken = time.process_time() - taken
    assert decision.state is not None
    assert decision.state.visit == state.visit + STEPS
    return [JourneyRow(what="engine alone", value=times * STEPS / taken, unit="steps/s", goal=GOAL_ENGINE)]


def _as_written(value: Json, _facts: Facts) -> Json:
    return value


def _due_runs(count: int) -> list[JourneyRow]:
    with _due(count) as journey:
        pid = connection.connection.info.backend_pid
        began, own, backend = time.monotonic(), time.process_time(), cpu_of(pid)
        while any(sweep(seconds=_PATIENCE).values()):
            pass
        wall, python, database = time.monotonic() - began, time.process_time() - own, cpu_of(pid) - backend
        moved = Run.objects.filter(journey=journey, state__step="later", state__visit=1 + STEPS).count()
        if moved != count:
            raise Missed(f"{count - moved} of {count} due runs did not go on")
    steps = count * STEPS
    what = f"{count:,} due runs through the database"
    return [
        JourneyRow(what=what, value=steps / (python + database), unit="steps/s a core", goal=GOAL_DATABASE),
        JourneyRow(what="… of it Python", value=1e6 * python / steps, unit="µs a step"),
        JourneyRow(what="… of it the database session", value=1e6 * database / steps, unit="µs a step"),
        JourneyRow(what="… all told", value=wall, unit="s"),
    ]


@contextmanager
def _due(count: int) -> Iterator[Journey]:
    """People and runs that are due, written by the tables, gone afterwards."""
    now = timezone.now()
    partitions.ensure_decision_days({now.date(), (now - timedelta(days=1)).date()})
    journey = _live_journey("bench-due", document())
    with connection.cursor() as cursor:
        people = _people(count, now=now)
        state = State(step="quiet", visit=1, since=now - timedelta(hours=5), due_at=now - timedelta(hours=1))
        values: dict[str, Any] = {
            "journey": journey.pk,
            "version": journey.live_version_id,
            "now": now,
            "state": encode_json(state.to_json()).decode(),
            "due_at": state.due_at,
        }
        cursor.execute(_RUNS_SQL, values | people)
        cursor.execute("VACUUM (ANALYZE) journeys_run")
    try:
        yield journey
    finally:
        Journey.objects.filter(pk=journey.pk).update(state=Journey.State.PAUSED)
        _new_rules()


_PEOPLE_SQL: Final = """
    WITH made AS (
        INSERT INTO profiles_person (uuid, first_seen_at, last_seen_at, time_zone, locale, traits,
                                     trait_times, consent, consent_times)
        SELECT gen_random_uuid(), %(now)s, %(now)s, '', '', '{"plan": "gold"}', '{}', '{}', '{}'
          FROM generate_series(1, %(count)s)
        RETURNING id
    )
    SELECT min(id), max(id) FROM made
"""
_RUNS_SQL: Final = """
    INSERT INTO journeys_run (journey_id, version_id, person_id, origin_person_id, key, entered_at, entry,
                              state, due_at, outcome, reason, error)
    SELECT %(journey)s, %(version)s, id, id, '', %(now)s - interval '5 hours', NULL,
           %(state)s::jsonb, %(due_at)s, '', '', ''
      FROM generate_series(%(first)s::bigint, %(last)s) AS id
"""


def _people(count: int, *, now: datetime) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE_SQL, {"now": now, "count": count})
        first, last = cursor.fetchone()
        cursor.execute("VACUUM (ANALYZE) profiles_person")
    return {"first": first, "last": last}


def _live_journey(slug: str, written: dict[str, Any]) -> Journey:
    """Publish by the tables: what is measured is not the doors for it."""
    journey = Journey.objects.create(slug=slug, name=slug, state=Journey.State.LIVE, draft=written)
    journey.live_version = JourneyVersion.objects.create(
        journey=journey, number=1, document=written, published_at=timezone.now(), published_by="bench"
    )
    journey.save(update_fields=["live_version"])
    _new_rules()
    return journey


def _new_rules() -> None:
    RulesRevision.objects.update_or_create(id=1, defaults={"revision": time.time_ns() // 1000})
    forget_rules()


def _entering(members: int) -> list[JourneyRow]:
    """Publish a journey for those who are present in a segment, and time visitors until all are in it."""
    _segment_of(members)
    publish_probed()
    source = make_source(
        SourceDraft(slug="bench-visitors", name="Visitors", trust=Source.Trust.SERVER), actor="command:bench"
    )
    with running_product() as (port, _), ThreadPoolExecutor(1) as aside:
        response_times(port, key=source.write_key, rate=_RATE, seconds=3)  # caches and connections
        entering = aside.submit(_in_own_session, lambda: _enter(members))
        times = response_times(port, key=source.write_key, rate=_RATE, seconds=GOAL_ENTERING)
        taken = entering.result()
    what = f"{members:,} members entered, 20 visitors a second meanwhile"
    return [
        JourneyRow(what=what, value=taken, unit="s", goal=GOAL_ENTERING),
        JourneyRow(what="… visitors' p50", value=share(times, 0.5) * 1e3, unit="ms"),
        JourneyRow(what="… visitors' p99", value=share(times, 0.99) * 1e3, unit="ms", goal=GOAL_P99_MS),
    ]


def _segment_of(members: int) -> None:
    now = timezone.now()
    written = {"language": 1, "if": {"trait": "plan", "op": "is", "value": "gold"}}
    segment = Segment.objects.create(
        slug="bench-crowd", name="Crowd", state=Segment.State.LIVE, condition=written, built_at=now
    )
    people = _people(members, now=now)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO segments_membership (segment_id, person_id, entered_at, why)"
            " SELECT %(segment)s, id, %(now)s, '{}' FROM generate_series(%(first)s::bigint, %(last)s) AS id",
            {"segment": segment.pk, "now": now, **people},
        )
        cursor.execute("VACUUM (ANALYZE) segments_membership")


def _enter(members: int) -> float:
    """The seconds from publishing until everybody is inside."""
    written = document() | {
        "entry": {"on": {"segment": "bench-crowd", "change": "entered"}, "present": "present"}
    }
    journey = create_journey("command:bench", slug="bench-crowd", name="Crowd", document=written)
    began = time.monotonic()
    publish_journey(journey.slug, actor="command:bench", now=timezone.now())
    while (inside := Run.objects.filter(journey=journey).count()) < members:
        if time.monotonic() - began > _PATIENCE:
            raise Missed(f"{members - inside} of {members} members did not enter")
        time.sleep(0.25)
    return time.monotonic() - began


def _in_own_session(work: Callable[[], float]) -> float:
    try:
        return work()
    finally:
        connection.close()
