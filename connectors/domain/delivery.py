"""What becomes of a delivery after an attempt: sent, tried again, given up."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from connectors.domain.backoff import PATIENCE, next_attempt_at
from connectors.domain.message import DeliveryError, Fault, MessageClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """The attempts of a delivery since it was queued, or replayed."""

    failures: int  # the one being judged not counted
    since: datetime
    unknown: int  # how many of them ended without anybody knowing how
    is_repeatable: bool  # its channel recognises a repeated id
    message_class: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """When to try again; None: given up."""

    at: datetime | None

    @property
    def is_over(self) -> bool:
        return self.at is None


class Interrupted(StrEnum):
    """What to make of an attempt whose process died."""

    SENT = "sent"  # the destination had taken it; only the record is missing
    NOT_SENT = "not_sent"  # for certain: try again
    REPEAT = "repeat"  # perhaps sent: try again, it does no harm
    GIVE_UP = "give_up"  # perhaps sent: a second copy would be worse than none


def after_failure(error: DeliveryError, *, round: Round, now: datetime, jitter: float) -> Next:
    """Decide after an attempt that failed."""
    if error.permanent:
        return Next(at=None)
    if error.fault is Fault.UNKNOWN and not may_repeat(round):
        return Next(at=None)
    at = next_attempt_at(
        failures=round.failures + 1,
        since=round.since,
        now=now,
        jitter=jitter,
        retry_after=error.retry_after,
    )
    return Next(at=at)


def after_interruption(*, was_taken: bool, was_handed_over: bool, round: Round) -> Interrupted:
    """Decide about an attempt without an outcome.

    Args:
        was_taken: it is known that the destination took it.
        was_handed_over: the destination may have taken it; false only if that is known for certain.
    """
    if was_taken:
        return Interrupted.SENT
    if round.failures + 1 >= PATIENCE.attempts:
        return Interrupted.GIVE_UP  # it may be this delivery that kills its process
    if not was_handed_over:
        return Interrupted.NOT_SENT
    return Interrupted.REPEAT if may_repeat(round) else Interrupted.GIVE_UP


def may_repeat(round: Round) -> bool:
    """Tell whether a message that may have arrived is sent again.

    Always where the destination recognises it. Mail servers do not: somebody who waits for a mail is
    better off with two than with none, so a transactional one is repeated once; of any other a second
    copy looks like spam.
    """
    if round.is_repeatable:
        return True
    return round.message_class == MessageClass.TRANSACTIONAL and round.unknown == 0
