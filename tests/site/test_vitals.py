"""The shared table: what is handed out, who works, and what a death leaves behind."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cdp_site.processes.jobs import JOBS
from cdp_site.processes.vitals import MAX_JOBS, MAX_WORKERS, Outcome, Vitals

SWEEP = 1


def test_vitals__are_one_table_for_all_who_open_the_file(tmp_path: Path) -> None:
    one, other = Vitals(tmp_path / "table"), Vitals(tmp_path / "table")
    one.hand_out(SWEEP)
    one.note_worker(limit=3.0)
    assert other.is_out(SWEEP)
    assert [(worker.pid, worker.limit) for worker in other.workers()] == [(os.getpid(), 3.0)]
    assert other.started_at == pytest.approx(time.monotonic(), abs=5)


def test_jobs__fit_the_table_under_names_of_their_own() -> None:
    for jobs in JOBS.values():
        assert len(jobs) <= MAX_JOBS
        assert len({job.name for job in jobs}) == len(jobs)


def test_is_out__from_handing_out_to_the_end() -> None:
    vitals = Vitals(None)
    assert not vitals.is_out(SWEEP)
    vitals.hand_out(SWEEP)
    handed_at = vitals.handed_at(SWEEP)
    assert vitals.is_out(SWEEP)
    vitals.begin(SWEEP)
    assert vitals.is_out(SWEEP)
    vitals.finish(SWEEP, outcome=Outcome.WORKED, began_at=0.0)
    assert not vitals.is_out(SWEEP)
    assert vitals.handed_at(SWEEP) == handed_at  # the turns go by it


def test_is_out__no_more_when_its_worker_died() -> None:
    vitals = Vitals(None)
    vitals.hand_out(SWEEP)
    child = os.fork()
    if child == 0:
        vitals.begin(SWEEP)
        os._exit(0)
    os.waitpid(child, 0)
    assert not vitals.is_out(SWEEP)


@pytest.mark.parametrize(
    ("outcome", "rests", "is_barren"),
    [(Outcome.WORKED, False, False), (Outcome.BARREN, True, True), (Outcome.FAILED, True, False)],
)
def test_finish__who_found_nothing_or_failed_rests(outcome: Outcome, rests: bool, is_barren: bool) -> None:
    vitals = Vitals(None)
    vitals.hand_out(SWEEP)
    vitals.finish(SWEEP, outcome=outcome, began_at=1234.5)
    assert (vitals.rests_until(SWEEP) > time.monotonic()) is rests
    assert vitals.barren_at(SWEEP) == (1234.5 if is_barren else 0.0)
    vitals.wake(SWEEP)  # news end the rest of who found nothing, not of who failed
    assert (vitals.rests_until(SWEEP) > time.monotonic()) is (outcome is Outcome.FAILED)


def test_finish__rests_grow_to_a_second() -> None:
    vitals = Vitals(None)
    rests = []
    for _ in range(5):
        vitals.hand_out(SWEEP)
        vitals.finish(SWEEP, outcome=Outcome.BARREN, began_at=1.0)
        rests.append(vitals.rests_until(SWEEP) - time.monotonic())
    assert rests == [pytest.approx(seconds, abs=0.1) for seconds in (0.25, 0.5, 1.0, 1.0, 1.0)]


def test_note_worker__takes_the_place_of_a_dead_one() -> None:
    vitals = Vitals(None)
    for _ in range(MAX_WORKERS + 5):
        child = os.fork()
        if child == 0:
            vitals.note_worker(limit=None)
            os._exit(0)
        os.waitpid(child, 0)
    vitals.note_worker(limit=None)
    assert os.getpid() in [worker.pid for worker in vitals.workers()]


def test_is_time_to_write__once_a_period() -> None:
    vitals = Vitals(None)
    assert vitals.is_time_to_write(period=60)
    assert not vitals.is_time_to_write(period=60)
    assert vitals.is_time_to_write(period=0)


def test_take_restarted__is_told_once() -> None:
    vitals = Vitals(None)
    assert not vitals.take_restarted()
    vitals.mark_restarted()
    assert vitals.take_restarted()
    assert not vitals.take_restarted()


def test_vitals__load_without_django(tmp_path: Path) -> None:
    """The parent reads them, and the parent needs no settings."""
    code = "from cdp_site.processes import vitals; import sys; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
