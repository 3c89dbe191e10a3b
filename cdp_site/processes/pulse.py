"""Inside a cluster: workers note what they do in the shared table and ring the pusher when done.

django-q2 offers its signals as the only place to hook into a worker; importing this module connects
them. Table and bell are made before the cluster forks, so that all its processes share them.
"""

import os
from datetime import datetime
from pathlib import Path
from typing import Any

from django_q.conf import Conf
from django_q.signals import post_execute, post_execute_in_worker, post_spawn, pre_execute

from cdp_site.processes.jobs import JOBS
from cdp_site.processes.parent import die_with_parent, name_process
from cdp_site.processes.vitals import Outcome, Vitals

vitals = Vitals(None)
bell, _rope = -1, -1
_numbers: dict[str, int] = {}


def enter(cluster: str, *, file: Path | None) -> None:
    """Become the process that the cluster's others are forked from.

    Args:
        file: where its table is to be seen from outside.
    """
    global vitals, bell, _rope, _numbers
    vitals = Vitals(file)
    bell, _rope = os.pipe()
    os.set_blocking(bell, False)
    os.set_blocking(_rope, False)
    _numbers = {job.name: number for number, job in enumerate(JOBS.get(cluster, ()))}


def note_spawn(**_kwargs: Any) -> None:
    """A worker is there, idle. It must not outlive its sentinel, which could not stop it any more."""
    die_with_parent()
    name_process(f"wayfare {Conf.CLUSTER_NAME} w")
    os.environ["PGAPPNAME"] = f"wayfare {Conf.CLUSTER_NAME} {os.getpid()}"  # in pg_stat_activity
    vitals.note_worker(limit=None)


def note_begin(*, task: dict[str, Any], **_kwargs: Any) -> None:
    number = _numbers.get(task["name"])
    if number is not None:
        vitals.begin(number)
    vitals.note_worker(limit=float(task.get("timeout") or Conf.TIMEOUT))


def note_end(*, task: dict[str, Any], **_kwargs: Any) -> None:
    number = _numbers.get(task["name"])
    if number is not None:
        began_at: datetime = task["started"]
        vitals.finish(number, outcome=outcome_of(task), began_at=began_at.timestamp())
    vitals.note_worker(limit=None)
    try:
        os.write(_rope, b".")
    except BlockingIOError:
        return  # the pipe is full of rings already


def note_finished(**_kwargs: Any) -> None:
    """The monitor process has dealt with a result."""
    vitals.note_finished()


def outcome_of(task: dict[str, Any]) -> Outcome:
    """Read what a task gave back: a dict of counts, all of them zero when there was nothing to do."""
    if not task["success"]:
        return Outcome.FAILED
    counts = task["result"]
    return Outcome.WORKED if not isinstance(counts, dict) or any(counts.values()) else Outcome.BARREN


def quieten_bell() -> None:
    """Take all rings out of the pipe."""
    try:
        while os.read(bell, 4096):
            pass
    except BlockingIOError:
        return


enter(Conf.CLUSTER_NAME, file=None)  # for a cluster that somebody starts by `manage.py qcluster`

# weak=False: the functions live as long as the module anyway, and so do the receivers.
post_spawn.connect(note_spawn, weak=False, dispatch_uid="cdp_site.pulse.spawn")
pre_execute.connect(note_begin, weak=False, dispatch_uid="cdp_site.pulse.begin")
post_execute_in_worker.connect(note_end, weak=False, dispatch_uid="cdp_site.pulse.end")
post_execute.connect(note_finished, weak=False, dispatch_uid="cdp_site.pulse.finished")
