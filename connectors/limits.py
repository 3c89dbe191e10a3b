"""When the HTTP door asks a client to come back later.

Both limits are kept per web process: a source's own rate, and the length of the inbox, which grows
without end when the drain stands still.
"""

import threading
import time
from typing import Final

from django.conf import settings
from django.db import Error

from connectors.domain.bucket import Bucket
from connectors.keys import Door
from profiles.store.intake import waiting_rows

_LOOK_EVERY: Final = 1.0  # seconds
_IMPORT_SHARE: Final = 0.5  # imports stop first, so that live messages still find room
_BACK_OFF: Final = 5  # seconds a client is asked to wait for the drain

_lock = threading.Lock()
_buckets: dict[int, Bucket] = {}


class _Inbox:
    """The length of the inbox as last looked at."""

    rows = 0
    looked_at = float("-inf")


def seconds_to_wait(door: Door, *, count: int, is_historical: bool) -> int:
    """Tell how long the client must wait before it sends these messages; 0: not at all."""
    now = time.monotonic()
    room = settings.INBOX_LIMIT * (_IMPORT_SHARE if is_historical else 1)
    if _inbox_rows(now) >= room:
        return _BACK_OFF
    if door.rate_limit is None:
        return 0
    with _lock:
        bucket = _buckets.get(door.source_id)
        if bucket is None or bucket.rate != door.rate_limit:
            bucket = _buckets[door.source_id] = Bucket.full(rate=door.rate_limit, now=now)
        return bucket.take(count, now=now)


def _inbox_rows(now: float) -> int:
    if now - _Inbox.looked_at >= _LOOK_EVERY:
        _Inbox.looked_at = now  # first, so that one thread looks and the others go on
        try:
            _Inbox.rows = waiting_rows()
        except Error:
            _Inbox.rows = 0  # the insert itself will tell the client
    return _Inbox.rows


def forget() -> None:
    """Look at the inbox anew and fill every bucket, as a process that has just started."""
    with _lock:
        _buckets.clear()
        _Inbox.rows, _Inbox.looked_at = 0, float("-inf")
