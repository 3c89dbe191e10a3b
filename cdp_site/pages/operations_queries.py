"""What an operator must know: what waits and since when, who works, what failed. Reads only."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, Min
from django.utils.translation import gettext as _
from django_q.models import Failure

from cdp_site.models import BackTest, Heartbeat
from cdp_site.pipeline.housekeeping import stray_events
from connectors.models import Connection, Delivery, Destination, Source
from journeys.models import Journey, Run
from profiles.domain.envelope import open_envelope
from profiles.models import DeadLetter, Inbox, PersonOverride
from profiles.store.inbox import HISTORICAL_LANES, LIVE_LANES
from segments.models import RulesRevision, Segment
from segments.network.durable import IS_INSTALLED

CLUSTERS = ("live", "send", "bulk")
SILENT_AFTER = timedelta(seconds=30)  # a cluster writes down a sign of life every few seconds
FAILURES_SHOWN = 10
LETTERS_SHOWN = 50
LETTERS_AT_ONCE = 10_000  # of one reason that one press sees to, and that are counted by reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Messages that wait for the drain."""

    number: int
    is_historical: bool
    count: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """One group of workers, by its last sign of life."""

    name: str
    seen_at: datetime | None  # None: never started on this database
    is_silent: bool
    worker_pid: int
    restarts: int
    restarted_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One destination of deliveries."""

    name: str  # as in Delivery.destination
    label: str
    waiting: int
    oldest_at: datetime | None  # due time of the oldest that waits
    dead: int
    failure_count: int
    paused_until: datetime | None
    last_error: str
    is_off: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message that was kept aside, with what it says."""

    row: DeadLetter
    source: str
    message: str  # JSON text as it came; "" when it was dropped


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """How live rules are matched."""

    wanted: str  # the setting
    is_installed: bool
    revision: int
    segments: int
    journeys: int

    @property
    def name(self) -> str:
        return "durable_rules" if self.is_installed and self.wanted != "closures" else "closures"


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The database itself."""

    version: str
    size: int  # bytes
    stray_rows: int  # in default partitions: must be 0
    unsquashed: int  # merged people whose events are still under their old id


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All of it at one moment."""

    now: datetime
    lanes: Sequence[Lane]
    clusters: Sequence[Cluster]
    ways: Sequence[Way]
    overdue: int  # people whose time in a journey is up and who still wait
    overdue_since: datetime | None
    letter_count: int  # messages kept aside
    failures: Sequence[dict[str, Any]]  # tasks: name, func, stopped, result
    engine: Engine
    store: Store

    @property
    def waiting(self) -> int:
        """How many live messages wait for the drain."""
        return sum(lane.count for lane in self.lanes if not lane.is_historical)

    @property
    def oldest_at(self) -> datetime | None:
        """When the oldest live message that waits was received."""
        return min(
            (lane.oldest_at for lane in self.lanes if lane.oldest_at and not lane.is_historical), default=None
        )

    @property
    def historical(self) -> int:
        """How many historical messages wait."""
        return sum(lane.count for lane in self.lanes if lane.is_historical)


def state(*, now: datetime) -> State:
    """Gather the state of the whole product."""
    overdue, overdue_since = overdue_runs(now=now)
    return State(
        now=now,
        lanes=lanes(),
        clusters=clusters(now=now),
        ways=ways(),
        overdue=overdue,
        overdue_since=overdue_since,
        letter_count=open_letter_count(),
        failures=task_failures(),
        engine=engine(),
        store=store(),
    )


def lanes() -> list[Lane]:
    """All lanes of the inbox, empty ones too."""
    found = {
        row["lane"]: row
        for row in Inbox.objects.values("lane")
        .annotate(count=Count("id"), oldest=Min("received_at"))
        .order_by()
    }
    return [
        Lane(
            number=number,
            is_historical=number in HISTORICAL_LANES,
            count=found[number]["count"] if number in found else 0,
            oldest_at=found[number]["oldest"] if number in found else None,
        )
        for number in (*LIVE_LANES, *HISTORICAL_LANES)
    ]


def clusters(*, now: datetime) -> list[Cluster]:
    """The clusters that should run, and when each was last heard of."""
    heard = {row.cluster: row for row in Heartbeat.objects.all()}
    return [_cluster(name, heard.get(name), now=now) for name in CLUSTERS]


def _cluster(name: str, row: Heartbeat | None, *, now: datetime) -> Cluster:
    return Cluster(
        name=name,
        seen_at=row.at if row else None,
        is_silent=row is None or now - row.at > SILENT_AFTER,
        worker_pid=row.worker_pid if row else 0,
        restarts=row.restarts if row else 0,
        restarted_at=row.restarted_at if row else None,
    )


def overdue_runs(*, now: datetime) -> tuple[int, datetime | None]:
    """How many people wait in journeys for longer than they should, and the oldest due time."""
    late = Run.objects.open().filter(
        due_at__lte=now - timedelta(seconds=5), journey__state=Journey.State.LIVE
    )
    found = late.aggregate(count=Count("id"), oldest=Min("due_at"))
    return found["count"], found["oldest"]


def ways() -> list[Way]:
    """Every destination that holds deliveries, failed lately or is switched off; the worst first."""
    waiting = {
        row["destination"]: row
        for row in Delivery.objects.waiting()
        .values("destination")
        .annotate(count=Count("id"), oldest=Min("due_at"))
        .order_by()
    }
    dead = dict(
        Delivery.objects.filter(state=Delivery.State.DEAD)
        .values_list("destination")
        .annotate(Count("id"))
        .order_by()
    )
    failing = {row.name: row for row in Destination.objects.filter(failure_count__gt=0)}
    connections = {f"connection:{row.slug}": row for row in Connection.objects.all()}
    off = {name for name, row in connections.items() if not row.is_active}
    lines = []
    for name in {*waiting, *dead, *failing, *off}:
        row, target = failing.get(name), connections.get(name)
        lines.append(
            Way(
                name=name,
                label=target.name if target else destination_name(name),
                waiting=waiting[name]["count"] if name in waiting else 0,
                oldest_at=waiting[name]["oldest"] if name in waiting else None,
                dead=dead.get(name, 0),
                failure_count=row.failure_count if row else 0,
                paused_until=row.paused_until if row else None,
                last_error=(row.last_error if row else "") or (target.disabled_reason if target else ""),
                is_off=name in off,
            )
        )
    return sorted(lines, key=lambda line: (-line.dead, -line.waiting, line.name))


def destination_name(name: str) -> str:
    """Name a destination that is no connection."""
    return _("Email") if name == "email" else name


def task_failures() -> list[dict[str, Any]]:
    """The latest tasks of the clusters, and back-tests, that ended in an error."""
    tasks = Failure.objects.order_by("-stopped").values("name", "func", "stopped", "result")
    failed = BackTest.objects.filter(state=BackTest.State.FAILED).order_by("-finished_at")
    backtests = [
        {"name": str(row), "func": str(row), "stopped": row.finished_at, "result": row.error}
        for row in failed[:FAILURES_SHOWN]
    ]
    found = sorted([*tasks[:FAILURES_SHOWN], *backtests], key=lambda one: one["stopped"], reverse=True)
    return found[:FAILURES_SHOWN]


def open_letter_count() -> int:
    """How many messages are kept aside."""
    return DeadLetter.objects.filter(resolved_at=None).count()


def letter_reasons() -> list[tuple[str, int]]:
    """Why the newest `LETTERS_AT_ONCE` messages are kept aside, the most frequent reason first."""
    newest = DeadLetter.objects.filter(resolved_at=None).order_by("-id")
    return Counter(newest.values_list("code", flat=True)[:LETTERS_AT_ONCE]).most_common()


def letters_of(reason: str) -> list[int]:
    """The ids of the newest messages that are kept aside for a reason."""
    rows = DeadLetter.objects.filter(resolved_at=None, code=reason).order_by("-id")
    return list(rows.values_list("id", flat=True)[:LETTERS_AT_ONCE])


def open_letters(*, before: int | None = None, reason: str = "") -> list[Letter]:
    """Messages that are kept aside, newest first; one more than a page tells that there are more."""
    rows = DeadLetter.objects.filter(resolved_at=None).order_by("-id")
    if reason:
        rows = rows.filter(code=reason)
    if before is not None:
        rows = rows.filter(id__lt=before)
    letters = list(rows[: LETTERS_SHOWN + 1])
    names = dict(Source.objects.filter(pk__in={row.source_id for row in letters}).values_list("pk", "name"))
    return [
        Letter(row=row, source=names.get(row.source_id, ""), message=_message_in(bytes(row.body)))
        for row in letters
    ]


def _message_in(body: bytes) -> str:
    if not body:
        return ""
    return "\n".join(bytes(message).decode(errors="replace") for message in open_envelope(body).messages)


def engine() -> Engine:
    """What matches live rules, and how many there are."""
    return Engine(
        wanted=settings.RULES_ENGINE,
        is_installed=IS_INSTALLED,
        revision=RulesRevision.objects.values_list("revision", flat=True).first() or 0,
        segments=Segment.objects.live().count(),
        journeys=Journey.objects.live().count(),
    )


def store() -> Store:
    """The database's version and size, and what is not where it belongs."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), pg_database_size(current_database())")
        version, size = cursor.fetchone() or ("", 0)
    return Store(
        version=version, size=size, stray_rows=stray_events(), unsquashed=PersonOverride.objects.count()
    )
