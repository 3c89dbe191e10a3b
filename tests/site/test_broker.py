"""The broker and its desk: what is handed out, to whom, when, and what wakes them."""

import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ
from django_q.signing import SignedPackage
from django_q.tasks import async_task

from cdp_site import tasks
from cdp_site.broker import Broker
from cdp_site.models import Heartbeat
from cdp_site.pipeline import sweeping
from cdp_site.processes import pulse
from cdp_site.processes.desk import Desk
from cdp_site.processes.jobs import JOBS, SWEEP_LAG, Job
from cdp_site.processes.queries import LANE_LOCK_CLASS, next_delivery_due
from cdp_site.processes.vitals import Outcome, Vitals
from cdp_site.wakeup import Bell
from connectors.models import Destination
from tests import build

HANG = 30.0


class Cluster:
    """A desk with workers that the test plays."""

    def __init__(self, name: str, *, workers: int = 8) -> None:
        self.name = name
        self.vitals = Vitals(None)
        self.bell, self.rope = os.pipe()
        os.set_blocking(self.bell, False)
        self.desk = Desk(cluster=name, workers=workers, vitals=self.vitals, bell=self.bell)

    def take(self) -> list[str]:
        """The jobs handed out now, without the beat."""
        return [job.name for job in self.desk.take() if job.name != "beat"]

    def finish(
        self, name: str, outcome: Outcome = Outcome.WORKED, *, began_at: datetime | None = None
    ) -> None:
        number = [job.name for job in JOBS[self.name]].index(name)
        moment = began_at or timezone.now()
        self.vitals.finish(number, outcome=outcome, began_at=moment.timestamp())

    def close(self) -> None:
        os.close(self.bell)
        os.close(self.rope)


@pytest.fixture
def cluster() -> Iterator[Callable[..., Cluster]]:
    """Make desks. What they set on the connection goes with it."""
    made: list[Cluster] = []

    def make(name: str, *, workers: int = 8) -> Cluster:
        made.append(Cluster(name, workers=workers))
        return made[-1]

    yield make
    for one in made:
        one.close()
    connection.settings_dict["OPTIONS"].pop("connect_timeout", None)


@pytest.fixture
def other() -> Iterator[psycopg.Connection[Any]]:
    """Another session on the same database."""
    wrapper = connection.copy()
    wrapper.ensure_connection()
    yield wrapper.connection
    wrapper.close()


@pytest.fixture
def fresh_connection(transactional_db: None) -> Iterator[None]:
    """A connection that the desk may keep its settings on."""
    yield
    connection.close()


@pytest.mark.django_db
def test_desk__without_rows_only_beats(cluster: Callable[..., Cluster]) -> None:
    for name in JOBS:
        desk = cluster(name).desk
        names = [job.name for job in desk.take()]
        in_bulk = ["housekeeping", "build", "call-in", "backtest", "note"]
        assert names == ["beat", *(in_bulk if name == "bulk" else [])]
        assert desk.take() == []


@pytest.mark.django_db
def test_desk__hands_a_lane_out_once_while_it_is_drained(cluster: Callable[..., Cluster]) -> None:
    live = cluster("live")
    build.inbox_row(lane=3)
    assert live.take() == ["drain-3"]
    build.inbox_row(lane=3)
    build.inbox_row(lane=5)
    assert live.take() == ["drain-5"]
    live.finish("drain-3")
    assert live.take() == ["drain-3"]


@pytest.mark.django_db
def test_desk__leaves_historical_lanes_to_bulk(cluster: Callable[..., Cluster]) -> None:
    for lane in (7, 8, 15):
        build.inbox_row(lane=lane)
    assert cluster("live").take() == ["drain-7"]
    assert cluster("bulk").take() == [
        "housekeeping",
        "build",
        "call-in",
        "backtest",
        "note",
        "drain-8",
        "drain-15",
    ]


@pytest.mark.django_db
def test_desk__lanes_take_turns(cluster: Callable[..., Cluster]) -> None:
    live = cluster("live", workers=1)
    for lane in range(8):
        build.inbox_row(lane=lane)
    turns = []
    for _ in range(16):
        (name,) = live.take()
        turns.append(name)
        assert live.take() == []  # nobody is free
        live.finish(name)
    assert sorted(turns[:8]) == sorted(turns[8:]) == [f"drain-{lane}" for lane in range(8)]


@pytest.mark.django_db
def test_desk__leaves_a_lane_to_who_holds_its_lock(
    cluster: Callable[..., Cluster], other: psycopg.Connection[Any]
) -> None:
    live = cluster("live")
    build.inbox_row(lane=2)
    build.inbox_row(lane=4)
    other.execute("SELECT pg_advisory_lock(%s, %s)", [LANE_LOCK_CLASS, 2])
    assert live.take() == ["drain-4"]
    other.execute("SELECT pg_advisory_unlock(%s, %s)", [LANE_LOCK_CLASS, 2])
    assert live.take() == ["drain-2"]


@pytest.mark.django_db
def test_desk__a_lane_whose_drain_failed_rests(cluster: Callable[..., Cluster]) -> None:
    live = cluster("live")
    build.inbox_row(lane=1)
    assert live.take() == ["drain-1"]
    live.finish("drain-1", Outcome.FAILED)
    assert live.take() == []
    time.sleep(0.3)
    assert live.take() == ["drain-1"]


@pytest.mark.django_db
def test_desk__wakes_for_a_timer_on_time(cluster: Callable[..., Cluster]) -> None:
    live = cluster("live")
    due_at = timezone.now() + timedelta(seconds=0.4)
    build.run(journey=build.journey(), person=build.person(), due_at=due_at)
    deadline = time.monotonic() + HANG
    while live.take() != ["sweep"]:
        live.desk.wait()
        assert time.monotonic() < deadline
    late = (timezone.now() - due_at).total_seconds() - SWEEP_LAG
    assert 0 <= late < 0.5  # its goal: a few milliseconds


@pytest.mark.django_db
def test_desk__a_run_that_cannot_go_on_keeps_no_other_waiting(cluster: Callable[..., Cluster]) -> None:
    live = cluster("live")
    journey, person = build.journey(), build.person()
    long_ago = timezone.now() - timedelta(hours=1)
    build.run(journey=journey, person=person, due_at=long_ago)
    assert live.take() == ["sweep"]
    live.finish("sweep", Outcome.BARREN, began_at=timezone.now() - timedelta(seconds=5))
    assert live.take() == []
    # Due since the sweep that found nothing: at once, though the job still rests.
    build.run(
        journey=build.journey(), person=build.person(), due_at=timezone.now() - timedelta(seconds=SWEEP_LAG)
    )
    assert live.take() == ["sweep"]


def test_sweep_lag__is_that_of_the_sweep() -> None:
    assert timedelta(seconds=SWEEP_LAG) == sweeping.IN_FLIGHT


@pytest.mark.django_db
def test_desk__calls_a_second_sender_only_if_the_first_does_not_manage(
    cluster: Callable[..., Cluster],
) -> None:
    send = cluster("send")
    build.delivery(person=build.person(), state="queued", due_at=timezone.now())
    assert send.take() == ["deliver-0"]
    assert send.take() == []
    time.sleep(0.15)
    assert send.take() == ["deliver-1"]


@pytest.mark.django_db
def test_next_delivery_due__is_the_earliest_of_all_destinations() -> None:
    now = timezone.now()
    person = build.person()
    assert next_delivery_due(after=None) is None
    for destination, minutes in (("email", 5), ("email", 9), ("connection:a", 3), ("connection:b", 7)):
        build.delivery(
            person=person, state="queued", destination=destination, due_at=now + timedelta(minutes=minutes)
        )
    build.delivery(person=person, state="sent", destination="email", due_at=None)
    assert next_delivery_due(after=None) == now + timedelta(minutes=3)
    assert next_delivery_due(after=now + timedelta(minutes=5)) == now + timedelta(minutes=7)
    assert next_delivery_due(after=now + timedelta(minutes=9)) is None


@pytest.mark.django_db
def test_next_delivery_due__waits_for_a_pause_and_not_for_a_connection_out_of_use() -> None:
    now = timezone.now()
    person = build.person()
    build.connection(slug="off", is_active=False)
    build.delivery(person=person, state="queued", destination="connection:off", due_at=now)
    assert next_delivery_due(after=None) is None
    build.connection(slug="on")
    build.delivery(person=person, state="queued", destination="connection:on", due_at=now)
    assert next_delivery_due(after=None) == now
    Destination.objects.create(name="connection:on", paused_until=now + timedelta(minutes=2))
    assert next_delivery_due(after=None) == now + timedelta(minutes=2)


@pytest.mark.usefixtures("fresh_connection")
@pytest.mark.parametrize(("name", "channel"), [("live", "inbox"), ("live", "runs"), ("send", "deliveries")])
def test_desk__wait_ends_with_a_notification(
    name: str, channel: str, cluster: Callable[..., Cluster], other: psycopg.Connection[Any]
) -> None:
    desk = cluster(name).desk
    desk.take()
    assert desk.take() == []  # from here on nothing but time or news ends the wait
    other.execute("SELECT pg_notify(%s, '')", [channel])
    begun_at = time.monotonic()
    desk.wait()
    assert time.monotonic() - begun_at < 0.5


@pytest.mark.usefixtures("fresh_connection")
def test_desk__news_end_the_rest_of_a_lane_where_nothing_was_found(
    cluster: Callable[..., Cluster], other: psycopg.Connection[Any]
) -> None:
    live = cluster("live")
    build.inbox_row(lane=2)
    assert live.take() == ["drain-2"]
    live.finish("drain-2", Outcome.BARREN)
    assert live.take() == []
    other.execute("NOTIFY inbox")
    live.desk.wait()
    assert live.take() == ["drain-2"]


@pytest.mark.usefixtures("fresh_connection")
def test_desk__wait_lasts_a_second_at_most_and_ends_with_a_free_worker(
    cluster: Callable[..., Cluster],
) -> None:
    live = cluster("live")
    live.desk.take()
    live.desk.take()
    begun_at = time.monotonic()
    live.desk.wait()
    assert 0.5 < time.monotonic() - begun_at < HANG
    os.write(live.rope, b".")
    live.desk.take()
    begun_at = time.monotonic()
    live.desk.wait()
    assert time.monotonic() - begun_at < 0.5


@pytest.mark.usefixtures("fresh_connection")
def test_desk__beats_on_while_the_database_is_away_and_finds_back(
    cluster: Callable[..., Cluster], other: psycopg.Connection[Any]
) -> None:
    live = cluster("live")
    live.desk.take()
    pid = connection.connection.info.backend_pid
    other.execute("SELECT pg_terminate_backend(%s)", [pid])
    live.finish("beat")
    time.sleep(1.1)
    assert [job.name for job in live.desk.take()] == ["beat"]
    build.inbox_row(lane=6)
    deadline = time.monotonic() + HANG
    while live.take() != ["drain-6"]:
        assert time.monotonic() < deadline
        live.desk.wait()
    assert connection.connection.info.backend_pid != pid


@pytest.mark.django_db
def test_broker__packs_jobs_as_tasks_that_exist(cluster: Callable[..., Cluster]) -> None:
    broker = Broker("live")
    broker.desk = cluster("live").desk
    build.inbox_row(lane=3)
    packages = [SignedPackage.loads(package) for _, package in broker.dequeue() or []]
    assert [(task["name"], task["func"], task["args"]) for task in packages] == [
        ("beat", "cdp_site.tasks.beat", ("live",)),
        ("drain-3", "cdp_site.tasks.drain", (3,)),
    ]


@pytest.mark.parametrize("job", [job for jobs in JOBS.values() for job in jobs], ids=lambda job: job.name)
def test_jobs__name_functions_of_the_tasks(job: Job) -> None:
    module, _, name = job.task.rpartition(".")
    assert module == tasks.__name__
    assert callable(getattr(tasks, name))


@pytest.mark.django_db
def test_broker__hands_stored_tasks_to_bulk_alone_and_one_at_a_time(
    cluster: Callable[..., Cluster],
) -> None:
    async_task("builtins.len", [1, 2], cluster="live")  # wherever it was asked for
    assert OrmQ.objects.values_list("key", flat=True).get() == "bulk"
    bulk, live = Broker("bulk"), Broker("live")
    bulk.desk, live.desk = cluster("bulk").desk, cluster("live").desk
    tasks_found = [(ack, SignedPackage.loads(text)["func"]) for ack, text in bulk.dequeue() or []]
    (ack,) = [ack for ack, function in tasks_found if function == "builtins.len"]
    assert [ack for ack, _ in bulk.dequeue() or [] if ack] == []  # its lock keeps it
    assert [ack for ack, _ in live.dequeue() or [] if ack] == []
    bulk.acknowledge(ack)
    assert not OrmQ.objects.exists()


@pytest.mark.django_db
def test_beat__is_written_down_with_the_restart() -> None:
    build.heartbeat(cluster="live", restarts=2)
    pulse.vitals.mark_restarted()
    assert tasks.beat("live") == {"beats": 1}
    sign = Heartbeat.objects.get(cluster="live")
    assert (sign.worker_pid, sign.restarts) == (os.getpid(), 3)
    assert sign.restarted_at == sign.at
    written_at = sign.at
    assert tasks.beat("live") == {"beats": 1}  # too soon to write again
    assert Heartbeat.objects.get(cluster="live").at == written_at


@pytest.mark.usefixtures("fresh_connection")
def test_bell__rings_once_for_many_and_lets_go(other: psycopg.Connection[Any]) -> None:
    bell = Bell(linger=0.2)
    other.execute("LISTEN inbox")
    for _ in range(500):
        bell.ring("inbox")
    bell.stop()
    heard = [notification.channel for notification in other.notifies(timeout=0.5)]
    assert heard
    assert set(heard) == {"inbox"}
    assert len(heard) < 100
    bell.ring("inbox")  # after a stop it starts anew
    assert [one.channel for one in other.notifies(timeout=HANG, stop_after=1)] == ["inbox"]
    bell.stop()


def test_settings__a_task_is_ended_before_it_is_handed_out_again() -> None:
    config: dict[str, Any] = settings.Q_CLUSTER
    for cluster in [config, *config["ALT_CLUSTERS"].values()]:
        assert cluster["timeout"] < cluster["retry"]
    assert config["max_attempts"] > 0
