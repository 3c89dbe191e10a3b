"""The wake-ups of each cluster: which task a job is, and which rows call for it.

Rows are the queue. A job says only "look there", so one too many or one lost changes nothing.
"""

from dataclasses import dataclass
from enum import Enum


class Need(Enum):
    """What calls for a job."""

    BEAT = "beat"  # the clock, always: the sign of life
    CLOCK = "clock"  # the clock, each minute or few
    LANE = "lane"  # inbox rows in its lane
    RUNS = "runs"  # runs that are due
    DELIVERIES = "deliveries"  # deliveries that are due


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One wake-up; its place in the cluster's tuple is its number in the shared table."""

    name: str
    need: Need
    task: str  # dotted path of the function
    lane: int = 0
    period: float = 0.0  # seconds, for BEAT and CLOCK
    lag: float = 0.0  # seconds after its time that a row is due

    def arguments(self, cluster: str) -> tuple[int | str, ...]:
        match self.need:
            case Need.LANE:
                return (self.lane,)
            case Need.BEAT:
                return (cluster,)
            case _:
                return ()


BEAT_SECONDS = 1.0
# How many senders may be under way at once in one cluster, its number of workers. Each makes many calls.
SENDERS = 2
# Seconds after its time at which a timer may run: a message received before it may be in flight that long.
SWEEP_LAG = 0.2

_BEAT = Job(name="beat", need=Need.BEAT, task="cdp_site.tasks.beat", period=BEAT_SECONDS)
_SWEEP = Job(name="sweep", need=Need.RUNS, task="cdp_site.tasks.sweep", lag=SWEEP_LAG)
# Segments are built as soon as they are published (an ordinary task); this makes up for a lost call.
_BUILD = Job(name="build", need=Need.CLOCK, task="cdp_site.tasks.build", period=60.0)
# So are those found who are asked into a journey that was published.
_CALL_IN = Job(name="call-in", need=Need.CLOCK, task="cdp_site.tasks.call_in", period=60.0)
_BACKTEST = Job(name="backtest", need=Need.CLOCK, task="cdp_site.tasks.backtest", period=60.0)
_HOUSEKEEPING = Job(name="housekeeping", need=Need.CLOCK, task="cdp_site.tasks.housekeeping", period=60.0)

_NOTE = Job(name="note", need=Need.CLOCK, task="cdp_site.tasks.note", period=600.0)


def _drain(lane: int) -> Job:
    return Job(name=f"drain-{lane}", need=Need.LANE, task="cdp_site.tasks.drain", lane=lane)


def _deliver(number: int) -> Job:
    return Job(name=f"deliver-{number}", need=Need.DELIVERIES, task="cdp_site.tasks.deliver")


# In the order in which free workers get them; drains take turns among themselves.
JOBS: dict[str, tuple[Job, ...]] = {
    "live": (_BEAT, _SWEEP, *(_drain(lane) for lane in range(8))),
    "send": (_BEAT, *(_deliver(number) for number in range(SENDERS))),
    "bulk": (
        _BEAT,
        _HOUSEKEEPING,
        _BUILD,
        _CALL_IN,
        _BACKTEST,
        _NOTE,
        *(_drain(lane) for lane in range(8, 16)),
    ),
}
# Which notifications each cluster listens to (see cdp_site.wakeup). Historical lanes can wait for the
# next poll; listening to "inbox", `bulk` would wake for each live message.
CHANNELS = {"live": ("inbox", "runs"), "send": ("deliveries",), "bulk": ("tasks",)}
