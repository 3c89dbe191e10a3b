"""Kill -9 anything at any moment: what was accepted is counted once, and the service comes back.

The bounds on time only notice a hang; how long it took is reported.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import psutil
import pytest

from cdp_site.processes.child import group_members
from cdp_site.processes.queries import LANE_LOCK_CLASS
from tests.kill.conftest import Report
from tests.kill.product import HANG, ROOT, Product, wait_until
from tests.kill.traffic import Traffic
from tests.sinks import MailServer

pytestmark = [pytest.mark.kill, pytest.mark.xdist_group("kill")]

_AT_WORK = """
SELECT split_part(session.application_name, ' ', 3)::int
FROM pg_locks AS lock JOIN pg_stat_activity AS session USING (pid)
WHERE lock.locktype = 'advisory' AND lock.classid = %s AND lock.granted
  AND session.application_name LIKE 'wayfare live %%'
LIMIT 1
"""


def times(few: int, many: int) -> pytest.MarkDecorator:
    """Run a kill test with a tenth of the kills, and with all of them in `make test-full`."""
    counts = [pytest.param(few, id=f"{few}x"), pytest.param(many, id=f"{many}x", marks=pytest.mark.full)]
    return pytest.mark.parametrize("kills", counts)


@times(3, 25)
def test_kill__worker_in_mid_transaction(
    product: Product, traffic: Traffic, kills: int, away: Report
) -> None:
    seconds = []
    with traffic:
        for _ in range(kills):
            os.kill(draining_worker(product), signal.SIGKILL)
            seconds.append(traffic.probe())
    traffic.settle()
    traffic.check()
    away(seconds)


@times(3, 25)
def test_kill__sender_in_mid_call(
    product: Product, traffic: Traffic, mails: MailServer, kills: int, record_property: Callable[..., None]
) -> None:
    mails.seconds_before_answer = 0.2
    with traffic:
        for _ in range(kills):
            enough = len(mails.mails) + 5
            os.kill(busy_worker(product, "send"), signal.SIGKILL)
            wait_until(partial(has_received, mails, enough), what="mails leave again")
    mails.seconds_before_answer = 0.0
    traffic.settle()
    unknown = traffic.check_mails()
    record_property("away", f"{kills} kills, {traffic.people_mailed} mails, {unknown} of unknown outcome")


@times(1, 10)
def test_kill__idle_worker(product: Product, traffic: Traffic, kills: int, away: Report) -> None:
    seconds = []
    for number in range(kills):
        cluster = ("live", "bulk", "send")[number % 3]
        os.kill(idle_worker(product, cluster), signal.SIGKILL)
        begun_at = time.monotonic()
        time.sleep(1.5)  # what the last beat still covers
        wait_until(partial(product.is_beating, cluster), what=f"{cluster} beats again")
        seconds.append(time.monotonic() - begun_at)
        seconds[-1] += traffic.probe()
    away(seconds)


@times(2, 10)
def test_kill__web_process(product: Product, traffic: Traffic, kills: int, away: Report) -> None:
    seconds = []
    with traffic:
        for number in range(kills):
            if number:
                time.sleep(6)  # granian takes a worker that dies twice within 5.5 seconds for hopeless
            os.kill(product.web_leader() if number % 2 else product.web_workers()[0], signal.SIGKILL)
            seconds.append(traffic.probe())
            wait_until(lambda: len(product.web_workers()) > 1, what="all web workers are back")
    traffic.settle()
    traffic.check()
    away(seconds)


@times(1, 10)
def test_kill__postmaster(product: Product, traffic: Traffic, kills: int, away: Report) -> None:
    seconds = []
    with traffic:
        for _ in range(kills):
            os.kill(product.postmaster(), signal.SIGKILL)
            seconds.append(traffic.probe())
    traffic.settle()
    traffic.check()
    away(seconds)


def test_kill__idle_worker_spares_one_that_works_long(product: Product, traffic: Traffic) -> None:
    """A frozen cluster is replaced at once, and yet a healthy task in it ends in its own time."""
    with product.connect() as database:
        with database.transaction():
            database.execute("LOCK TABLE profiles_identity IN ACCESS EXCLUSIVE MODE")
            traffic.begin_probe(people=1)  # its drain waits for us from here on
            busy = busy_worker(product, "live")
            before = product.leader("live")
            os.kill(idle_worker(product, "live"), signal.SIGKILL)
            wait_until(lambda: product.leader("live") not in (None, before), what="the cluster is replaced")
            wait_until(partial(product.is_beating, "live"), what="the new cluster beats")
            assert psutil.pid_exists(busy)
        wait_until(traffic.is_probe_counted, what="all is counted")
    wait_until(lambda: not psutil.pid_exists(busy), what="the spared worker is gone when it is done")


def test_kill__parent(product: Product, traffic: Traffic) -> None:
    """Nothing outlives the parent but the database, and a new parent takes that over."""
    groups = product.groups() - {os.getpgid(product.postmaster())}
    product.parent.kill()
    product.parent.wait()
    wait_until(lambda: not any(group_members(group) for group in groups), what="everybody is gone")
    product.start()
    traffic.probe()


def test_up__refuses_to_run_twice_on_the_same_data(product: Product) -> None:
    second = subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=ROOT,
        env=product.environment,
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
    assert second.returncode == 1
    assert "Another" in second.stderr
    assert product.is_ready()


def draining_worker(product: Product) -> int:
    """A worker that holds the lock of a lane: in the midst of its transaction."""
    found: list[int] = []

    def look() -> bool:
        found[:] = [pid for (pid,) in product.query(_AT_WORK, LANE_LOCK_CLASS)]
        return bool(found)

    wait_until(look, what="somebody drains")
    return found[0]


def has_received(mails: MailServer, number: int) -> bool:
    return len(mails.mails) >= number


def idle_worker(product: Product, cluster: str) -> int:
    """A worker that waits for work, and may hold the lock of the queue it waits at."""
    return some_worker(product, cluster, is_busy=False)


def busy_worker(product: Product, cluster: str) -> int:
    """A worker in the midst of something longer than a beat."""
    return some_worker(product, cluster, is_busy=True)


def some_worker(product: Product, cluster: str, *, is_busy: bool) -> int:
    found: list[int] = []

    def look() -> bool:
        now = time.monotonic()
        found[:] = [
            worker.pid
            for worker in product.workers(cluster)
            if (worker.busy_since and now - worker.busy_since > 0.1 if is_busy else not worker.busy_since)
        ]
        return bool(found)

    wait_until(look, what=f"a worker of {cluster} is {'busy' if is_busy else 'idle'}")
    return random.choice(found)
