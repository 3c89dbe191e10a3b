"""How fast the drain stores and decides, beside PostgreSQL's COPY of the same rows.

The rules: 200 live ones over 50 event names, half segments, half journeys; one message in ten touches one
and is decided in full and written (a membership, or a run with its ledger and an outbox row). CPU time of
this process and of its database backend counts, so that a second core doubles the figure.

Each case runs in rounds, after one that makes names, partitions, people and caches. A neighbour on the same
processor makes a round dearer, never cheaper: the best round tells what the code costs, the median what the
machine gave.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from operator import attrgetter
from statistics import median
from uuid import uuid4

import msgspec
from django.db import connection

from cdp_site.bench.running import cpu_of
from cdp_site.pipeline import drain_lane
from cdp_site.pipeline.rules import forget_rules
from connectors.models import Connection, Source
from journeys.models import Journey, JourneyVersion
from profiles.domain.lanes import Frame, sort_messages
from profiles.services import accept
from segments.models import RulesRevision, Segment, SegmentVersion

NAMES = 50
RULES = 200
ROUNDS = 5
TOUCHING = 0.1
_PER_NAME = RULES // NAMES


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainRow:
    """One line of the table."""

    what: str
    events: int
    events_per_core_second: float  # of Python and database together, in the best round
    median: float  # of all rounds
    python_us: float  # of the best round
    database_us: float
    share_of_copy: float = 0.0


def measure(*, events: int = 25_000, people: int = 5_000) -> list[DrainRow]:
    """Drain the same kind of load without rules, with them, and COPY it bare.

    Args:
        events: of one round.
    """
    generator = random.Random(20261123)
    source = _source()
    rows = []
    for what, count in (
        ("drain, no rules", 0),
        (f"drain, {RULES} live rules, {TOUCHING:.0%} touch one", RULES),
    ):
        with _rules(count):
            fill = partial(_fill, people=people, source=source, generator=generator)
            fill(events // 4)
            _drain()
            rows.append(_best(what, _drain, prepare=partial(fill, events)))
    rows.append(_best("COPY of 100 rows a transaction", partial(_copy, events // 4)))
    limit = rows[-1].events_per_core_second
    return [replace(row, share_of_copy=row.events_per_core_second / limit) for row in rows]


def _source() -> Source:
    made, _ = Source.objects.get_or_create(
        slug="bench", defaults={"name": "Bench", "write_key": uuid4().hex, "trust": Source.Trust.SERVER}
    )
    return made


@contextmanager
def _rules(count: int) -> Iterator[None]:
    """Publish `count` rules by their tables: what is measured is the drain, not the doors."""
    crm, _ = Connection.objects.get_or_create(
        slug="bench-crm", defaults={"name": "Bench CRM", "kind": "crm", "is_active": False}
    )
    for number in range(count):
        event = {
            "event": f"Event {number % NAMES}",
            "where": [{"property": "category", "op": "is", "value": f"hit {number // NAMES}"}],
        }
        if number % 2:
            _journey(number, event, connection=crm.slug)
        else:
            _segment(number, event)
    RulesRevision.objects.update_or_create(id=1, defaults={"revision": time.time_ns() // 1000})
    forget_rules()
    try:
        yield
    finally:
        Segment.objects.filter(slug__startswith="bench-").delete()
        Journey.objects.filter(slug__startswith="bench-").delete()
        RulesRevision.objects.filter(id=1).update(revision=time.time_ns() // 1000)
        forget_rules()


def _segment(number: int, event: Mapping[str, object]) -> None:
    condition = {"language": 1, "if": {**event, "during": {"last": "P30D"}}}
    made = Segment.objects.create(
        slug=f"bench-{number}", name=f"Bench {number}", state=Segment.State.LIVE, condition=condition
    )
    SegmentVersion.objects.create(
        segment=made, number=1, condition=condition, published_at=datetime.now(UTC), published_by="bench"
    )


def _journey(number: int, event: Mapping[str, object], *, connection: str) -> None:
    document = {
        "language": 1,
        "entry": {
            "on": event,
            "if": {**event, "count": {"op": "at_least", "value": 1}, "during": {"last": "P7D"}},
            "reentry": {"policy": "always"},
        },
        "steps": [
            {"id": "s1", "kind": "crm", "connection": connection, "action": "create_task", "fields": {}},
            {"id": "s2", "kind": "wait", "for": "P30D"},
        ],
    }
    made = Journey.objects.create(
        slug=f"bench-{number}", name=f"Bench {number}", state=Journey.State.LIVE, draft=document
    )
    made.live_version = JourneyVersion.objects.create(
        journey=made, number=1, document=document, published_at=datetime.now(UTC), published_by="bench"
    )
    made.save(update_fields=["live_version"])


def _fill(events: int, *, people: int, source: Source, generator: random.Random) -> None:
    """Put requests of 100 messages into the inbox: sessions of ten events, as browsers make them."""
    for _ in range(events // 100):
        now = datetime.now(UTC)
        raws = [
            msgspec.Raw(msgspec.json.encode(_message(f"u{visitor}", generator=generator, now=now)))
            for visitor in (generator.randrange(people) for _ in range(10))
            for _ in range(10)
        ]
        frame = Frame(sent_at=now.isoformat(), is_server=True)
        accept(source_id=source.pk, received_at=now, lanes=sort_messages(raws, frame=frame).lanes)


def _message(user: str, *, generator: random.Random, now: datetime) -> dict[str, object]:
    is_touching = generator.random() < TOUCHING
    return {
        "type": "track",
        "event": f"Event {generator.randrange(NAMES)}",
        "userId": user,
        "messageId": str(uuid4()),
        "timestamp": now.isoformat(),
        "properties": {
            "category": f"hit {generator.randrange(_PER_NAME)}" if is_touching else "shoes",
            "sku": f"sku-{generator.randrange(5000)}",
            "price": generator.randrange(1, 200),
        },
        "context": {
            "library": {"name": "bench", "version": "1"},
            "page": {"path": "/shop/shoes", "url": "https://shop.example.com/shop/shoes"},
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/150.0 Safari/537.36",
        },
    }


def _drain() -> int:
    stored = 0
    for lane in range(8):
        while (counts := drain_lane(lane))["stored"] or counts["aside"]:
            stored += counts["stored"]
    return stored


def _copy(events: int) -> int:
    now = datetime.now(UTC).isoformat()
    rest = f"\t{now}\t1\t1\t{uuid4()}\t{now}\t1\t1\t\\N\t\\N\t" + '{"sku": "sku-1", "price": 5}\t{}\n'
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE bench_event (LIKE profiles_event)")
        cursor.execute("CREATE INDEX ON bench_event (person_id, ts DESC) INCLUDE (name_id, revenue)")
        cursor.execute("CREATE INDEX ON bench_event (name_id, ts) INCLUDE (person_id, revenue)")
        for start in range(0, events, 100):
            with cursor.copy("COPY bench_event FROM STDIN") as copy:
                copy.write("".join(f"{person}{rest}" for person in range(start, start + 100)))
        cursor.execute("DROP TABLE bench_event")
    return events


def _best(what: str, work: Callable[[], int], *, prepare: Callable[[], None] = lambda: None) -> DrainRow:
    rounds = []
    for _ in range(ROUNDS):
        prepare()
        rounds.append(_timed(what, work))
    speeds = [row.events_per_core_second for row in rounds]
    best = max(rounds, key=attrgetter("events_per_core_second"))
    return replace(best, median=median(speeds))


def _timed(what: str, work: Callable[[], int]) -> DrainRow:
    pid = connection.connection.info.backend_pid
    own, backend = time.process_time(), cpu_of(pid)
    events = work()
    python, database = time.process_time() - own, cpu_of(pid) - backend
    speed = events / (python + database)
    return DrainRow(
        what=what,
        events=events,
        events_per_core_second=speed,
        median=speed,
        python_us=1e6 * python / events,
        database_us=1e6 * database / events,
    )
