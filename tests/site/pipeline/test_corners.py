"""What rarely happens at once: merges, ends and refusals within one batch, and messages made to do harm."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from cdp_site.pipeline import sweep
from connectors.models import Delivery, Source
from connectors.services.suppressing import suppress
from journeys.models import Decision, Journey, Run
from profiles.domain.lanes import Frame, sort_messages
from profiles.models import DeadLetter, Event, Inbox, Person
from profiles.services import accept, replay_dead_letters
from tests import build
from tests.site.pipeline.drive import (
    browser,
    drain,
    identify,
    ledger,
    outcomes,
    page,
    person_of,
    put,
    server,
    track,
)
from tests.site.pipeline.test_deciding import START, known_visitor, sent, third_visit, views

pytestmark = pytest.mark.django_db

TINY = "1e-" + 20 * "9"  # the door reads it as 0; no exact number has such an exponent
CALL = {"id": "call", "kind": "crm", "connection": "crm", "action": "create_task", "fields": {}}
MAIL = {"id": "mail", "kind": "send", "channel": "email", "template": "hello", "class": "service"}


@pytest.fixture
def story() -> Journey:
    build.template(slug="hello")
    build.connection(slug="crm")
    return build.journey(slug="third-visit", document=third_visit())


def put_text(text: str, *, source: Source | None = None) -> None:
    """Accept one message as its client wrote it."""
    source = source or browser()
    outcome = sort_messages([msgspec.Raw(text.encode())], frame=Frame())
    assert not outcome.rejected
    accept(source_id=source.pk, received_at=START, lanes=outcome.lanes)


@pytest.mark.parametrize(
    "message",
    [
        '{"type": "identify", "userId": "u1", "traits": {"n": %s}}',
        '{"type": "track", "userId": "u1", "event": "Paid", "properties": {"revenue": %s}}',
    ],
)
def test_a_number_nobody_can_hold_is_kept_aside(message: str) -> None:
    put_text(message % TINY)
    put(track("u1", "Visit"), received_at=START)
    assert drain()["stored"] == 1
    assert DeadLetter.objects.get().code == "InvalidOperation"


def test_what_was_queued_for_somebody_merged_in_the_same_batch_is_the_survivors() -> None:
    build.connection(slug="crm")
    build.journey(document=build.journey_document(CALL))
    known_visitor()
    put(page("d9"), identify("u1", device="d9"), received_at=START + timedelta(hours=1))
    drain()
    assert Delivery.objects.get().person == person_of("u1") == Run.objects.get().person


def test_the_end_of_a_run_takes_back_what_the_same_batch_queued(story: Journey) -> None:
    known_visitor()
    order = track("u1", "Order Completed", anonymousId="d1")
    put(*views(3), order, source=browser(), received_at=START + timedelta(hours=1))
    drain()
    assert Run.objects.get().outcome == "converted"
    assert sent() == [("mail", "cancelled"), ("deal", "queued")]


def test_a_merge_brings_together_two_runs_of_a_paused_journey(story: Journey) -> None:
    put(identify("u1", email="ada@example.com"), received_at=START)
    for minute in range(3):
        put(
            track("u1", "Page Viewed", properties={"path": "/pricing"}),
            received_at=START + timedelta(minutes=minute),
        )
    put(*views(3), source=browser(), received_at=START + timedelta(hours=1))
    drain()
    Journey.objects.update(state="paused")
    at = START + timedelta(hours=2)
    put(identify("u1", device="d1"), source=browser(), received_at=at)
    drain()
    assert not DeadLetter.objects.exists()
    older, younger = Run.objects.order_by("entered_at")
    assert (older.outcome, younger.outcome, younger.ended_at) == ("", "merged", at)
    assert older.person == younger.person == person_of("u1") == person_of("d1", kind="anonymous_id")
    assert outcomes(ledger(story, since=at)) == ["merged"]


def test_a_refusal_by_the_list_of_suppressed_holds_for_an_address_of_the_same_batch() -> None:
    build.template(slug="hello")
    build.journey(document=build.journey_document(MAIL, event="Cart Updated"))
    suppress("ada@example.com", channel="email", reason="bounced")
    put(identify("u1", email="ada@example.com"), track("u1", "Cart Updated"), received_at=START)
    drain()
    assert Decision.objects.get(step="mail").outcome == "not_sent"


# -- what a browser may not do -------------------------------------------------------------------------


def test_a_browser_cannot_add_an_address_to_somebody_who_has_one() -> None:
    known_visitor()
    put(identify("u1", device="evil", email="eve@example.com"), source=browser(), received_at=START)
    drain()
    held = person_of("u1").identities.filter(kind="email").values_list("value", flat=True)
    assert list(held) == ["ada@example.com"]


def test_a_browser_cannot_alias_somebody_known_into_another() -> None:
    put({"type": "identify", "anonymousId": "d1", "traits": {"email": "ada@example.com"}}, received_at=START)
    put(identify("eve"), source=browser(), received_at=START)
    drain()
    put({"type": "alias", "userId": "eve", "previousId": "d1"}, source=browser(), received_at=START)
    drain()
    assert person_of("eve") != person_of("ada@example.com", kind="email")


# -- replays -------------------------------------------------------------------------------------------


def _refused(message: dict[str, Any], *, is_historical: bool = False) -> DeadLetter:
    outcome = sort_messages(
        [msgspec.Raw(msgspec.json.encode(message))], frame=Frame(is_historical=is_historical)
    )
    accept(source_id=server().pk, received_at=START, lanes=outcome.lanes, rejected=outcome.rejected)
    return DeadLetter.objects.get()


@pytest.mark.parametrize(
    "message",
    [
        {"type": "track", "userId": "u1"},
        {"type": "track", "userId": "u1", "event": "x" * 201},
        {"type": "sing", "userId": "u1"},
        {
            "type": "track",
            "userId": "u1",
            "event": "Visit",
            "_person": "6b0c8d9e-0000-4000-8000-000000000000",
        },
    ],
)
def test_a_message_refused_at_the_door_is_refused_again(message: dict[str, Any]) -> None:
    replay_dead_letters([_refused(message).pk], actor="mia")
    drain()
    assert not Event.objects.exists()
    assert DeadLetter.objects.filter(resolved_at=None).count() == 1


def test_a_refused_import_stays_history_when_it_is_replayed() -> None:
    letter = _refused(
        {"type": "track", "userId": "u1", "event": "Visit", "timestamp": "x"}, is_historical=True
    )
    replay_dead_letters([letter.pk], actor="mia")
    assert Inbox.objects.get().lane >= 8


# -- zones and timers ----------------------------------------------------------------------------------


def test_a_merge_keeps_the_zone_that_was_named() -> None:
    zone = {"timezone": "Europe/Berlin"}
    put({"type": "identify", "anonymousId": "d1", "traits": zone}, received_at=START)
    put(identify("u1"), received_at=START, source=server())
    put(track("u1", "Visit", context={"timezone": "Asia/Tokyo"}), received_at=START)
    drain()
    put(identify("u1", device="d1"), received_at=START + timedelta(hours=1))
    drain()
    assert person_of("u1").traits == zone
    assert person_of("u1").time_zone == "Europe/Berlin"


def test_a_timer_that_cannot_be_written_is_parked_and_the_rest_goes_on() -> None:
    bad = "{% if person.name == 'Bad' %}{{ '\\x00' }}{% else %}fine{% endif %}"
    steps: list[dict[str, Any]] = [
        {"id": "w", "kind": "wait", "for": "PT1H"},
        {"id": "t", "kind": "set_trait", "set": {"x": bad}},
    ]
    build.journey(document=build.journey_document(*steps, event="Visit"))
    put(identify("u1", name="Bad"), track("u1", "Visit"), received_at=START)
    put(identify("u2", name="Good"), track("u2", "Visit"), received_at=START)
    drain()
    sweep()
    runs = {run.person_id: run for run in Run.objects.all()}
    assert Person.objects.get(pk=person_of("u2").pk).traits["x"] == "fine"
    assert runs[person_of("u2").pk].outcome == "finished"
    assert runs[person_of("u1").pk].outcome == "parked"
    assert runs[person_of("u1").pk].error
