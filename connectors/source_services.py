"""Write services of sources: make one, change it, note that it lives."""

import logging
import secrets
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import Error, transaction

from cdp_site import audit
from connectors import keys
from connectors.models import Source

logger = logging.getLogger(__name__)

_NOTED_EVERY: Final = 10.0  # seconds: one write a source and process, not one a request

_noted: dict[int, float] = {}


def new_write_key() -> str:
    """Make a key nobody guesses; letters and digits alone, which every place it is put in can hold."""
    return secrets.token_hex(16)


def note_messages(source_id: int, *, at: datetime) -> None:
    """Note that the source sent something. Called after its messages are durable, so it never fails."""
    now = time.monotonic()
    if now - _noted.get(source_id, float("-inf")) < _NOTED_EVERY:
        return
    _noted[source_id] = now
    try:
        Source.objects.filter(pk=source_id).update(last_message_at=at)
    except Error:
        logger.warning("Could not note the last message of source %s.", source_id, exc_info=True)
