"""Frozen or at work: the watchdog's judgement, on tables as clusters leave them."""

import os

import pytest

from cdp_site.processes.vitals import Vitals
from cdp_site.processes.watchdog import QUIET, Watchdog

US = os.getpid()


class Scene:
    """A cluster of one worker, this process, and a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.vitals = Vitals(None, clock=lambda: self.now)
        self.watchdog = Watchdog(self.vitals, begun_at=self.now)
        self.members = {US}
        self.beat()
        assert not self.look()

    def beat(self) -> None:
        """A task is begun, ended, and its result taken."""
        self.vitals.note_worker(limit=1.0)
        self.vitals.note_worker(limit=None)
        self.vitals.note_finished()

    def look(self, *, after: float = 0.5) -> bool:
        self.now += after
        return self.watchdog.is_frozen(members=lambda: self.members, now=self.now)


def test_watchdog__a_cluster_that_beats_is_well() -> None:
    scene = Scene()
    for _ in range(10):
        scene.beat()
        assert not scene.look(after=1.0)


def test_watchdog__an_idle_worker_and_no_beat_is_frozen() -> None:
    scene = Scene()
    assert [scene.look(after=QUIET), scene.look(), scene.look()] == [False, False, True]


def test_watchdog__one_suspicious_look_is_none() -> None:
    scene = Scene()
    assert [scene.look(after=QUIET), scene.look()] == [False, False]
    scene.beat()
    assert [scene.look(), scene.look(after=QUIET), scene.look()] == [False, False, False]


def test_watchdog__a_long_task_is_left_alone() -> None:
    scene = Scene()
    scene.vitals.note_worker(limit=300.0)
    assert not any(scene.look(after=10.0) for _ in range(30))
    assert scene.watchdog.busy(members={US}, now=scene.now) == {US}


def test_watchdog__a_task_far_past_its_limit_is_not() -> None:
    scene = Scene()
    scene.vitals.note_worker(limit=10.0)
    assert [scene.look(after=30.0), scene.look(), scene.look()][-1]
    assert scene.watchdog.busy(members={US}, now=scene.now) == set()


def test_watchdog__dead_workers_do_not_count_as_busy() -> None:
    scene = Scene()
    scene.vitals.note_worker(limit=300.0)
    scene.members = set()
    assert [scene.look(after=QUIET), scene.look(), scene.look()][-1]


@pytest.mark.parametrize(("after", "is_frozen"), [(30.0, False), (60.0, True)])
def test_watchdog__a_cluster_without_workers_has_time_to_start(after: float, is_frozen: bool) -> None:
    watchdog = Watchdog(Vitals(None), begun_at=1_000.0)
    looks = [watchdog.is_frozen(members=set, now=1_000.0 + after + 0.5 * number) for number in range(3)]
    assert looks[-1] is is_frozen


def test_watchdog__results_that_nobody_takes_are_a_fault() -> None:
    scene = Scene()
    looks = []
    for _ in range(20):  # tasks begin and end, the monitor is dead
        scene.vitals.note_worker(limit=1.0)
        scene.vitals.note_worker(limit=None)
        looks.append(scene.look(after=1.0))
    assert looks[:10] == [False] * 10
    assert looks[-1]
