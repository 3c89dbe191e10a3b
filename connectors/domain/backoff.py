"""When to try again, when to give up, and how long to leave a failing destination alone."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long a delivery is tried."""

    first: timedelta = timedelta(seconds=2)  # before the second attempt
    factor: float = 3.0
    longest: timedelta = timedelta(hours=6)  # between two attempts of our own choosing
    longest_asked: timedelta = timedelta(hours=24)  # between two attempts when the destination asks for it
    attempts: int = 14  # reached after some 36 hours
    age: timedelta = timedelta(days=3)


PATIENCE = Patience()

TOLERATED_FAILURES = 5  # in a row, before a destination is left alone
SHORTEST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(minutes=5)


def next_attempt_at(
    *,
    failures: int,
    since: datetime,
    now: datetime,
    jitter: float,
    retry_after: timedelta | None = None,
    patience: Patience = PATIENCE,
) -> datetime | None:
    """Say when to try again; None: give up.

    Args:
        failures: attempts of this round that failed, the last one included.
        since: when the round began.
        jitter: in [0, 1); spreads the waits of many deliveries over 75 to 125 % of the plain one.
        retry_after: what the destination asked for; waited at least, however early the plain wait ends.
    """
    if failures >= patience.attempts or now - since >= patience.age:
        return None
    wait = _plain_wait(failures, patience=patience) * (0.75 + jitter / 2)
    if retry_after is not None:
        wait = max(wait, min(retry_after, patience.longest_asked))
    return now + wait


def pause_after(*, failures: int, retry_after: timedelta | None = None) -> timedelta | None:
    """Say how long a destination is left alone after `failures` in a row; None: not at all."""
    if retry_after is not None:
        return min(retry_after, LONGEST_PAUSE)
    if failures < TOLERATED_FAILURES:
        return None
    doublings = min(failures - TOLERATED_FAILURES, 10)  # beyond it the longest pause is long reached
    longer: timedelta = SHORTEST_PAUSE * 2**doublings
    return min(longer, LONGEST_PAUSE)


def _plain_wait(failures: int, *, patience: Patience) -> timedelta:
    steps = min(failures - 1, 40)  # 3^40 seconds still fit a timedelta's float
    seconds = patience.first.total_seconds() * patience.factor**steps
    return timedelta(seconds=min(seconds, patience.longest.total_seconds()))
