"""Entry points of the task clusters: one call each, a dict of counts back.

All counts zero means that there was nothing to do; the broker then pauses before it asks again.
"""

import logging
import os

from django.db import OperationalError
from django.db.models import F
from django.utils import timezone

from cdp_site import pipeline
from cdp_site.backtest.services import play_waiting
from cdp_site.models import Heartbeat
from cdp_site.processes import pulse
from connectors.services import send_due
from profiles.times import note_from_anywhere
from segments.tasks import build_waiting

logger = logging.getLogger(__name__)

_HEARTBEAT_SECONDS = 4.0


def drain(lane: int) -> dict[str, int]:
    """Store and decide what waits in a lane of the inbox."""
    return pipeline.drain_lane(lane)


def sweep() -> dict[str, int]:
    """Advance what is due."""
    return pipeline.sweep()


def deliver() -> dict[str, int]:
    """Send deliveries that are due."""
    return send_due()


def housekeeping() -> dict[str, int]:
    """Do what must be done now and then."""
    return pipeline.housekeeping()


def build() -> dict[str, int]:
    """Compute traits and find the members of segments, where they wait for it."""
    return pipeline.compute_waiting() | build_waiting(pipeline.segments_watched())


def call_in() -> dict[str, int]:
    """Find who is to be asked into journeys that were published, and ask those who are present."""
    return pipeline.call_in_present()


def backtest() -> dict[str, int]:
    """Go on with back-tests of journeys that were asked for."""
    return play_waiting(now=timezone.now())


def note() -> dict[str, int]:
    """Note when the events of many people were, for questions about everybody."""
    return {"noted": note_from_anywhere(seconds=60.0)}


def beat(cluster: str) -> dict[str, int]:
    """Show that a worker of `cluster` takes tasks; now and then write it down for the operations page."""
    if not pulse.vitals.is_time_to_write(period=_HEARTBEAT_SECONDS):
        return {"beats": 1}
    try:
        _write_heartbeat(cluster)
    except OperationalError as error:  # the beat is for the watchdog, and it has been felt
        logger.warning("The heartbeat of %s was not written down: %s", cluster, error)
    return {"beats": 1}


def _write_heartbeat(cluster: str) -> None:
    now = timezone.now()
    sign = Heartbeat(cluster=cluster, at=now, worker_pid=os.getpid())
    Heartbeat.objects.bulk_create(
        [sign], update_conflicts=True, unique_fields=["cluster"], update_fields=["at", "worker_pid"]
    )
    if pulse.vitals.take_restarted():
        Heartbeat.objects.filter(cluster=cluster).update(restarts=F("restarts") + 1, restarted_at=now)
