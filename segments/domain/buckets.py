"""Shares of all people, sticky by a hash of a salt and the person's public id."""

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from hashlib import sha256
from math import ceil
from typing import Final
from uuid import UUID

from segments.domain.conditions import InBucket

BITS: Final = 52  # of the hash that are used: whole hexadecimal digits, exact in any number type


def share_of(salt: str, person: UUID) -> int:
    """Where somebody stands among all people, from 0 up to 2^BITS."""
    return int(sha256(f"{salt}:{person}".encode()).hexdigest()[: BITS // 4], 16)


def bounds_of(bucket: InBucket) -> tuple[int, int]:
    """The first share inside of the bucket, and the first behind it."""
    return _bound(bucket.start), _bound(bucket.end)


@lru_cache(maxsize=1024)
def _bound(per_cent: Decimal) -> int:
    return ceil(Fraction(per_cent) * (1 << BITS) / 100)
