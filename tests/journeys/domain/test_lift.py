from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys.domain.lift import Interval, Share, Verdict, bounds_of, difference, verdict


def rounded(interval: Interval) -> tuple[float, float]:
    return round(interval.low, 4), round(interval.high, 4)


# Newcombe (1998), Statistics in Medicine 17, 873 to 890, table II, method 10.
@pytest.mark.parametrize(
    ("share", "against", "expected"),
    [
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((6, 7), (2, 7), (0.0582, 0.8062)),
        ((5, 56), (0, 29), (-0.0381, 0.1926)),
        ((0, 10), (0, 20), (-0.1611, 0.2775)),
        ((0, 10), (0, 10), (-0.2775, 0.2775)),
        ((10, 10), (0, 20), (0.6791, 1.0)),
        ((10, 10), (0, 10), (0.6075, 1.0)),
    ],
)
def test_difference__published_examples(
    share: tuple[int, int], against: tuple[int, int], expected: tuple[float, float]
) -> None:
    ours, theirs = (Share(reached=reached, of=of) for reached, of in (share, against))
    assert rounded(difference(ours, against=theirs)) == expected


# Newcombe (1998), Statistics in Medicine 17, 857 to 872, table I, method 3.
@pytest.mark.parametrize(
    ("share", "expected"),
    [
        ((81, 263), (0.2553, 0.3662)),
        ((15, 148), (0.0624, 0.1605)),
        ((0, 20), (0.0, 0.1611)),
        ((1, 29), (0.0061, 0.1718)),
    ],
)
def test_bounds_of__published_examples(share: tuple[int, int], expected: tuple[float, float]) -> None:
    assert rounded(bounds_of(Share(reached=share[0], of=share[1]))) == expected


@pytest.mark.parametrize(
    ("share", "against", "expected"),
    [
        ((9, 49), (1, 500), Verdict.TOO_EARLY),  # too few people in one
        ((9, 900), (0, 100), Verdict.TOO_EARLY),  # too few goals in both
        ((100, 900), (4, 100), Verdict.BETTER),
        ((36, 900), (12, 100), Verdict.WORSE),
        ((45, 900), (5, 100), Verdict.NO_DIFFERENCE),
        ((0, 0), (0, 0), Verdict.TOO_EARLY),
    ],
)
def test_verdict(share: tuple[int, int], against: tuple[int, int], expected: Verdict) -> None:
    ours, theirs = (Share(reached=reached, of=of) for reached, of in (share, against))
    assert verdict(ours, against=theirs) is expected


SHARES = st.tuples(st.integers(0, 400), st.integers(0, 400)).map(
    lambda pair: Share(reached=min(pair), of=max(pair))
)


@given(SHARES, SHARES)
def test_difference__is_ordered_and_the_same_seen_from_the_other_side(one: Share, other: Share) -> None:
    ours, theirs = difference(one, against=other), difference(other, against=one)
    assert all(low <= high for low, high in pairwise((ours.low, ours.value, ours.high)))
    assert (ours.low, ours.high) == pytest.approx((-theirs.high, -theirs.low))


def test_share__more_than_all() -> None:
    with pytest.raises(ValueError, match="no share"):
        Share(reached=2, of=1)
