"""Which database errors mean "again", and doing it again."""

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError, connection

logger = logging.getLogger(__name__)

_TRIES = 10
_AGAIN = frozenset({"40001", "40P01", "55P03", "57P01", "57P02", "57P03"})

Result = TypeVar("Result")


def is_passing(error: BaseException) -> bool:
    """Tell whether an error speaks of the moment (deadlock, lost connection), not of the data."""
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, DatabaseError):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    if state is None:  # the driver's own: a lost connection, or data that it cannot read or write
        return isinstance(error, OperationalError)
    return state in _AGAIN or state.startswith("08")


def retrying(work: Callable[[], Result]) -> Result:
    """Run a transaction again, with growing pauses, while its error is a passing one."""
    for attempt in range(_TRIES):
        try:
            return work()
        except (DatabaseError, InterfaceError) as error:
            if attempt == _TRIES - 1 or not is_passing(error):
                raise
            logger.warning("a transaction is tried again after %s", type(error.__cause__ or error).__name__)
            connection.close_if_unusable_or_obsolete()
            time.sleep(random.uniform(0.5, 1.0) * min(0.01 * 2**attempt, 1.0))
    raise AssertionError("unreachable")
