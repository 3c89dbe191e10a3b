from datetime import UTC, datetime, timedelta

import pytest

from connectors.domain.delivery import Interrupted, Round, after_failure, after_interruption
from connectors.domain.message import DeliveryError, Fault

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def round_of(
    *, failures: int = 0, unknown: int = 0, is_repeatable: bool = True, message_class: str = "service"
) -> Round:
    return Round(
        failures=failures,
        since=NOW,
        unknown=unknown,
        is_repeatable=is_repeatable,
        message_class=message_class,
    )


def test_after_failure__passing_trouble_waits() -> None:
    error = DeliveryError("down", permanent=False, fault=Fault.DESTINATION)
    made = after_failure(error, round=round_of(failures=2), now=NOW, jitter=0.5)
    assert made.at == NOW + timedelta(seconds=18)


def test_after_failure__permanent_trouble_ends_it() -> None:
    error = DeliveryError("no", permanent=True)
    assert after_failure(error, round=round_of(), now=NOW, jitter=0.5).is_over


def test_after_failure__gives_up_at_last() -> None:
    error = DeliveryError("down", permanent=False)
    assert after_failure(error, round=round_of(failures=13), now=NOW, jitter=0.5).is_over


@pytest.mark.parametrize(
    ("is_repeatable", "message_class", "unknown", "repeats"),
    [
        (True, "marketing", 5, True),
        (False, "marketing", 0, False),
        (False, "service", 0, False),
        (False, "transactional", 0, True),
        (False, "transactional", 1, False),
    ],
)
def test_unknown_outcome(is_repeatable: bool, message_class: str, unknown: int, repeats: bool) -> None:
    found = round_of(is_repeatable=is_repeatable, message_class=message_class, unknown=unknown)
    error = DeliveryError("no answer", permanent=False, fault=Fault.UNKNOWN)
    assert after_failure(error, round=found, now=NOW, jitter=0.5).is_over is not repeats
    crashed = after_interruption(was_taken=False, was_handed_over=True, round=found)
    assert crashed is (Interrupted.REPEAT if repeats else Interrupted.GIVE_UP)


def test_after_interruption__what_is_certain() -> None:
    mail = round_of(is_repeatable=False, message_class="marketing")
    assert after_interruption(was_taken=True, was_handed_over=True, round=mail) is Interrupted.SENT
    assert after_interruption(was_taken=False, was_handed_over=False, round=mail) is Interrupted.NOT_SENT


def test_after_interruption__a_delivery_that_kills_its_process_is_given_up() -> None:
    deadly = round_of(failures=13, is_repeatable=True)
    made = after_interruption(was_taken=False, was_handed_over=False, round=deadly)
    assert made is Interrupted.GIVE_UP
