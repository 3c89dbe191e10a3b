"""What a comparison of two groups shows: shares, how sure they are, and the verdict in one word.

The bounds of a share are Wilson's; those of a difference of two shares are Newcombe's, which combine the
bounds of both (his method 10). Both hold for small groups and for shares near nothing and near all, where
the usual formula does not.
"""

from dataclasses import dataclass
from enum import Enum
from math import sqrt
from typing import Final

SURE: Final = 1.959963984540054  # deviations: 95 of 100 such intervals hold the true value
FEWEST_PEOPLE: Final = 50  # in each group
FEWEST_GOALS: Final = 10  # in both together


class Verdict(Enum):
    """What a comparison says."""

    TOO_EARLY = "too_early"  # too few people, or too few who reached the goal
    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE = "no_difference"  # none that could be told from chance


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """So many of so many."""

    reached: int
    of: int

    def __post_init__(self) -> None:
        if not 0 <= self.reached <= self.of:
            raise ValueError(f"{self.reached} of {self.of} is no share")

    @property
    def rate(self) -> float:
        return self.reached / self.of if self.of else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A value and the bounds it lies in."""

    value: float
    low: float
    high: float


def bounds_of(share: Share) -> Interval:
    """The share with its bounds; of nobody, anything is possible."""
    if not share.of:
        return Interval(value=0.0, low=0.0, high=1.0)
    rate, of, square = share.rate, share.of, SURE * SURE
    middle = rate + square / (2 * of)
    reach = SURE * sqrt(rate * (1 - rate) / of + square / (4 * of * of))
    scale = 1 + square / of
    low, high = (middle - reach) / scale, (middle + reach) / scale
    # At the ends the formula gives the end itself, but for the last bit.
    return Interval(
        value=rate,
        low=0.0 if share.reached == 0 else low,
        high=1.0 if share.reached == share.of else high,
    )


def difference(share: Share, *, against: Share) -> Interval:
    """By how much one share is above another."""
    ours, theirs = bounds_of(share), bounds_of(against)
    value = ours.value - theirs.value
    return Interval(
        value=value,
        low=value - sqrt((ours.value - ours.low) ** 2 + (theirs.high - theirs.value) ** 2),
        high=value + sqrt((ours.high - ours.value) ** 2 + (theirs.value - theirs.low) ** 2),
    )


def verdict(share: Share, *, against: Share) -> Verdict:
    """Say whether a group does better than another."""
    if min(share.of, against.of) < FEWEST_PEOPLE or share.reached + against.reached < FEWEST_GOALS:
        return Verdict.TOO_EARLY
    between = difference(share, against=against)
    if between.low > 0:
        return Verdict.BETTER
    return Verdict.WORSE if between.high < 0 else Verdict.NO_DIFFERENCE
