"""A rate is kept over time and a batch is let in whole."""

from connectors.domain.bucket import Bucket


def test_take__a_burst_then_waiting() -> None:
    bucket = Bucket.full(rate=10, now=0)
    assert bucket.take(20, now=0) == 0
    assert bucket.take(1, now=0) >= 1
    assert bucket.take(1, now=1) == 0


def test_take__a_large_batch_goes_in_and_is_waited_out() -> None:
    bucket = Bucket.full(rate=10, now=0)
    assert bucket.take(120, now=0) == 0
    wait = bucket.take(1, now=0)
    assert wait == 10
    assert bucket.take(1, now=wait - 1) > 0
    assert bucket.take(1, now=wait + 0.1) == 0


def test_take__keeps_to_the_rate() -> None:
    bucket = Bucket.full(rate=5, now=0)
    taken = sum(bucket.take(1, now=step / 100) == 0 for step in range(10_000))
    assert 5 * 100 <= taken <= 5 * 100 + 11
