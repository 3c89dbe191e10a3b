"""How many messages a second: a bucket of allowances that fills as time passes."""

from dataclasses import dataclass
from math import ceil

_BURST_SECONDS = 2.0  # of the rate may come at once


@dataclass(slots=True)
class Bucket:
    """Allowances of one source. A batch is let in whole and may run into debt, which later calls wait out."""

    rate: float  # a second
    left: float
    at: float  # seconds of a clock that never goes back

    @classmethod
    def full(cls, *, rate: float, now: float) -> "Bucket":
        return cls(rate=rate, left=rate * _BURST_SECONDS, at=now)

    def take(self, count: int, *, now: float) -> int:
        """Take `count` allowances.

        Returns:
            0 when they are granted, else the seconds after which to ask again.
        """
        self.left = min(self.rate * _BURST_SECONDS, self.left + (now - self.at) * self.rate)
        self.at = now
        if self.left <= 0:
            return max(1, ceil(-self.left / self.rate))
        self.left -= count
        return 0
