"""Computed traits in the pipeline: by message, by the clock, by a build; other rules follow."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from cdp_site.pipeline import compute_waiting, sweep
from cdp_site.pipeline.rules import forget_rules
from profiles.models import TraitChange
from segments.models import ComputedDue, ComputedTrait, Membership
from segments.services.computing import delete_computed, pause_computed, resume_computed, save_computed
from tests import build
from tests.site.pipeline.drive import drain, identify, person_of, put, track

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def computed(key: str, compute: str, **parts: Any) -> ComputedTrait:
    definition = {"compute": compute, "event": "Order"} | parts
    made = save_computed(key, name=key, definition=definition, actor="mia", now=timezone.now())
    compute_waiting()
    return made


def ordered(at: datetime, *, user: str = "anna", **properties: Any) -> None:
    put(track(user, "Order", properties=properties), received_at=at)


def value(key: str, user: str = "anna") -> Any:
    return person_of(user).traits.get(key)


def run_sweep() -> None:
    forget_rules()
    while sweep()["people"]:
        pass


def test_a_message_brings_it_up_to_date_and_rules_follow_at_once() -> None:
    computed("spent", "sum", property="revenue")
    rule = {"trait": "spent", "op": "at_least", "value": 100}
    build.segment(slug="big", condition={"language": 1, "if": rule})
    at = timezone.now() - DAY
    ordered(at, revenue=60)
    ordered(at + timedelta(hours=1), revenue=40.5)
    put(track("anna", "Visit"), received_at=at + timedelta(hours=2))
    drain()
    assert value("spent") == 100.5
    assert Membership.objects.get().entered_at == at + timedelta(hours=1)
    history = TraitChange.objects.filter(key="spent").order_by("at")
    assert [(row.value, row.origin) for row in history] == [(60, "computed"), (100.5, "computed")]


def test_a_window_lets_go_at_the_very_moment() -> None:
    computed("lately", "count", during={"last": "P7D"})
    at = timezone.now() - 10 * DAY
    ordered(at)
    ordered(at + 5 * DAY)
    drain()
    assert value("lately") == 2
    run_sweep()
    assert value("lately") == 1
    assert TraitChange.objects.filter(key="lately").latest("at").at == at + 7 * DAY
    assert ComputedDue.objects.get().due_at == at + 12 * DAY


def test_days_since_rise_at_the_persons_midnight() -> None:
    computed("quiet_days", "days_since")
    at = timezone.now() - 3 * DAY
    put(identify("anna", timezone="Asia/Tokyo"), received_at=at)
    ordered(at)
    drain()
    run_sweep()
    assert value("quiet_days") == 3
    last = TraitChange.objects.filter(key="quiet_days").latest("at")
    assert (last.at.hour, last.at.minute, last.at.second) == (15, 0, 0)  # midnight in Tokyo


def test_a_merge_counts_what_both_did() -> None:
    computed("orders", "count")
    at = timezone.now() - DAY
    put({"type": "track", "anonymousId": "d1", "event": "Order"}, received_at=at)
    ordered(at)
    drain()
    put({"type": "identify", "userId": "anna", "anonymousId": "d1"}, received_at=at + timedelta(hours=1))
    drain()
    assert value("orders") == 2


def test_a_build_asks_those_who_did_it_before() -> None:
    at = timezone.now() - DAY
    for number in range(5):
        ordered(at, user=f"u{number}", revenue=number)
    put(identify("u9"), received_at=at)
    drain()
    rule = {"trait": "spent", "op": "known"}
    build.segment(slug="spenders", condition={"language": 1, "if": rule})
    save_computed(
        "spent",
        name="Spent",
        definition={"compute": "sum", "event": "Order", "property": "revenue"},
        actor="mia",
        now=at,
    )
    assert compute_waiting(portion=2, seconds=0) == {"computed": 2}
    trait = ComputedTrait.objects.get()
    assert (trait.built_at, trait.build_done, trait.build_total) == (None, 2, 5)
    assert compute_waiting(portion=2) == {"computed": 3}
    assert [value("spent", f"u{number}") for number in (0, 4, 9)] == [0, 4, None]
    assert Membership.objects.present().count() == 5
    assert ComputedTrait.objects.get().built_at is not None
    assert compute_waiting() == {"computed": 0}


def test_fifths_are_found_for_all_and_again_each_night() -> None:
    at = timezone.now() - 20 * DAY
    for number in range(10):
        for _ in range(number + 1):
            ordered(at + number * DAY, user=f"u{number}", revenue=10 * (number + 1))
    drain()
    computed("rfm", "rfm", property="revenue")
    assert [value("rfm", f"u{number}")["score"] for number in (0, 5, 9)] == ["111", "333", "555"]
    ordered(timezone.now(), user="u0", revenue=5)
    drain()
    assert value("rfm", "u0") == {"recency": 5, "frequency": 1, "monetary": 1, "score": "511"}
    assert compute_waiting() == {"computed": 0}
    ComputedTrait.objects.update(built_at=timezone.now() - 2 * DAY)
    assert compute_waiting() == {"computed": 10}
    assert value("rfm", "u9")["recency"] == 5
    assert value("rfm", "u1")["recency"] == 1


def test_paused_values_stay_until_it_goes_on() -> None:
    computed("orders", "count")
    at = timezone.now() - DAY
    ordered(at)
    drain()
    pause_computed("orders", actor="mia", now=timezone.now())
    ordered(at + timedelta(hours=1))
    drain()
    assert value("orders") == 1
    resume_computed("orders", actor="mia", now=timezone.now())
    compute_waiting()
    assert value("orders") == 2
    delete_computed("orders", actor="mia")
    ordered(at + timedelta(hours=2))
    drain()
    assert value("orders") == 2


def test_another_definition_is_computed_for_those_who_had_a_value() -> None:
    computed("orders", "count")
    ordered(timezone.now() - DAY)
    drain()
    computed("orders", "count", event="Refund")
    assert value("orders") == 0


def save_count(key: str, *, of: str) -> None:
    definition = {"compute": "count", "event": of}
    save_computed(key, name=key, definition=definition, actor="mia", now=timezone.now())


def test_a_change_during_a_build_has_everybody_asked_anew() -> None:
    """People who count only now may stand before those whom the build had come to."""
    put(track("berta", "Visit"), received_at=timezone.now() - DAY)
    ordered(timezone.now() - DAY)
    drain()
    save_count("done", of="Order")
    calls = iter(range(9))

    def somebody_changes_it() -> datetime:
        if next(calls) == 1:  # the build has read the definition and begins
            save_count("done", of="Visit")
        return timezone.now()

    compute_waiting(clock=somebody_changes_it)
    assert ComputedTrait.objects.get().built_at is None
    compute_waiting()
    assert value("done", "berta") == 1
    assert ComputedTrait.objects.get().built_at is not None


def test_a_trait_that_cannot_be_read_stops_no_other() -> None:
    for key in ("odd", "sound"):
        save_count(key, of="Order")
    ComputedTrait.objects.filter(key="odd").update(definition={"compute": "of another release"})
    compute_waiting()
    assert list(ComputedTrait.objects.exclude(built_at=None).values_list("key", flat=True)) == ["sound"]
