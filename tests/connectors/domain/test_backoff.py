from datetime import UTC, datetime, timedelta

import pytest

from connectors.domain.backoff import PATIENCE, Patience, next_attempt_at, pause_after

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def wait(failures: int, *, jitter: float = 0.5, retry_after: timedelta | None = None) -> timedelta:
    at = next_attempt_at(failures=failures, since=NOW, now=NOW, jitter=jitter, retry_after=retry_after)
    assert at is not None
    return at - NOW


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(1, 2), (2, 6), (3, 18), (4, 54), (5, 162), (9, 13_122), (10, 21_600), (13, 21_600)],
)
def test_next_attempt_at__grows_up_to_the_longest_wait(failures: int, seconds: float) -> None:
    assert wait(failures) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("jitter", "share"), [(0.0, 0.75), (0.5, 1.0), (0.999, 1.2495)])
def test_next_attempt_at__spreads_waits(jitter: float, share: float) -> None:
    assert wait(4, jitter=jitter) == timedelta(seconds=54 * share)


def test_next_attempt_at__waits_as_long_as_asked() -> None:
    assert wait(1, retry_after=timedelta(minutes=7)) == timedelta(minutes=7)


def test_next_attempt_at__asked_for_less_than_the_own_wait() -> None:
    assert wait(5, retry_after=timedelta(seconds=1)) == timedelta(seconds=162)


def test_next_attempt_at__does_not_wait_for_ever_when_asked_to() -> None:
    assert wait(1, retry_after=timedelta(days=400)) == PATIENCE.longest_asked


def test_next_attempt_at__gives_up_after_the_last_attempt() -> None:
    assert next_attempt_at(failures=13, since=NOW, now=NOW, jitter=0) is not None
    assert next_attempt_at(failures=14, since=NOW, now=NOW, jitter=0) is None


def test_next_attempt_at__gives_up_when_old() -> None:
    since = NOW - timedelta(days=3)
    assert next_attempt_at(failures=1, since=since, now=NOW, jitter=0) is None
    just_young = since + timedelta(microseconds=1)
    assert next_attempt_at(failures=1, since=just_young, now=NOW, jitter=0) is not None


def test_next_attempt_at__many_attempts_do_not_overflow() -> None:
    stubborn = Patience(attempts=10_000)
    at = next_attempt_at(failures=9_999, since=NOW, now=NOW, jitter=0.5, patience=stubborn)
    assert at == NOW + stubborn.longest


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, None), (4, None), (5, 10), (6, 20), (9, 160), (10, 300), (5_000, 300)]
)
def test_pause_after__failures_in_a_row(failures: int, seconds: float | None) -> None:
    assert pause_after(failures=failures) == (None if seconds is None else timedelta(seconds=seconds))


def test_pause_after__asked_by_the_destination() -> None:
    assert pause_after(failures=1, retry_after=timedelta(seconds=3)) == timedelta(seconds=3)
    assert pause_after(failures=1, retry_after=timedelta(hours=3)) == timedelta(minutes=5)
