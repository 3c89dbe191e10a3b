"""Segments and journeys in the way of a message: each decision on the facts of its moment, once."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cdp_site.pipeline import sweep
from connectors.models import Delivery
from journeys.models import Decision, Journey, Run
from profiles.domain.facts import Facts
from profiles.models import Person, TraitChange
from segments.domain.evaluate import holds
from segments.domain.parse import parse_condition
from segments.models import Membership, Segment
from tests import build
from tests.site.pipeline.drive import (
    Message,
    browser,
    drain,
    identify,
    ledger,
    outcomes,
    page,
    person_of,
    put,
    track,
)

pytestmark = pytest.mark.django_db

START = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)


def condition(rule: dict[str, Any]) -> dict[str, Any]:
    return {"language": 1, "if": rule}


def third_visit(**entry: Any) -> dict[str, Any]:
    """A journey that the third view of the pricing page within seven days begins."""
    viewed = {"event": "Page Viewed", "where": [{"property": "path", "op": "is", "value": "/pricing"}]}
    return {
        "language": 1,
        "entry": {
            "on": viewed,
            "if": {**viewed, "count": {"op": "exactly", "value": 3}, "during": {"last": "P7D"}},
            **entry,
        },
        "goal": {
            "if": {"event": "Order Completed", "during": {"since": "entry"}},
            "steps": [
                {"id": "deal", "kind": "crm", "connection": "crm", "action": "create_deal", "fields": {}}
            ],
        },
        "steps": [
            {"id": "mail", "kind": "send", "channel": "email", "template": "hello", "class": "service"},
            {
                "id": "order",
                "kind": "wait_until",
                "if": {"event": "Order Completed", "during": {"since": "entry"}},
                "timeout": "P2D",
                "then": [],
                "else": [
                    {"id": "call", "kind": "crm", "connection": "crm", "action": "create_task", "fields": {}}
                ],
            },
        ],
    }


@pytest.fixture
def story() -> Journey:
    build.template(slug="hello")
    build.connection(slug="crm")
    return build.journey(slug="third-visit", document=third_visit())


def known_visitor(*, at: datetime = START) -> None:
    put(identify("u1", device="d1", email="ada@example.com"), received_at=at)
    drain()


def views(count: int, *, at: datetime = START - timedelta(hours=1)) -> list[Message]:
    return [
        page(
            "d1",
            path="/pricing",
            messageId=f"v{number}",
            timestamp=(at + timedelta(minutes=number)).isoformat(),
        )
        for number in range(count)
    ]


def sent() -> list[tuple[str, str]]:
    return [(row.step, row.state) for row in Delivery.objects.order_by("id")]


def test_one_request_with_five_views_begins_one_run(story: Journey) -> None:
    known_visitor()
    put(*views(5), source=browser(), received_at=START + timedelta(hours=1))
    drain()
    assert Run.objects.count() == 1
    assert outcomes(ledger(story)) == [
        "not_entered",
        "not_entered",
        "entered",
        "queued",
        "waiting",
        "not_entered",
        "not_entered",
    ]
    assert sent() == [("mail", "queued")]


def test_the_goal_has_its_own_step_and_ends_the_run(story: Journey) -> None:
    known_visitor()
    put(*views(3), source=browser(), received_at=START + timedelta(hours=1))
    put(track("u1", "Order Completed", properties={"revenue": 80}), received_at=START + timedelta(hours=2))
    drain()
    run = Run.objects.get()
    assert (run.outcome, run.ended_at, run.due_at) == ("converted", START + timedelta(hours=2), None)
    assert [step for step, _ in sent()] == ["mail", "deal"]
    deal = Delivery.objects.get(step="deal")
    assert deal.context["event"]["properties"] == {"revenue": 80}


def test_the_time_out_leads_to_the_call(story: Journey) -> None:
    known_visitor()
    put(*views(3), source=browser(), received_at=START + timedelta(hours=1))
    drain()
    assert Run.objects.get().due_at == START + timedelta(hours=1, days=2)
    assert sweep()["people"] == 1
    assert Run.objects.get().outcome == "finished"
    assert [step for step, _ in sent()] == ["mail", "call"]
    timed_out = Decision.objects.get(outcome="timed_out")
    assert timed_out.at == START + timedelta(hours=1, days=2)
    assert sweep() == {"people": 0, "queued": 0}


def test_a_message_exactly_at_the_time_out_is_late(story: Journey) -> None:
    known_visitor()
    put(*views(3), source=browser(), received_at=START)
    put(track("u1", "Order Completed"), received_at=START + timedelta(days=2))
    drain()
    assert outcomes(ledger(story))[-3:] == ["timed_out", "queued", "finished"]


def test_a_timer_does_not_pass_a_message_that_waits(story: Journey) -> None:
    known_visitor()
    put(*views(3), source=browser(), received_at=START)
    drain()
    put(track("u1", "Order Completed"), received_at=START + timedelta(days=1))
    assert sweep() == {"people": 0, "queued": 0}
    drain()
    assert Run.objects.get().outcome == "converted"


def the_story(send: Callable[[Sequence[Message], datetime], None]) -> None:
    """Seven messages over three days, handed to `send` with the moment of their receipt."""
    send([identify("u1", device="d1", email="ada@example.com", plan="free")], START)
    for number, view in enumerate(views(4)):
        send([view], START + timedelta(minutes=number + 1))
    send([identify("u1", device="d1", plan="pro")], START + timedelta(days=1))
    send([track("u1", "Order Completed", anonymousId="d1")], START + timedelta(days=1, hours=1))


def snapshot(journey: Journey) -> dict[str, Any]:
    run = Run.objects.get()
    return {
        "ledger": ledger(journey),
        "times": list(Decision.objects.order_by("at", "id").values_list("at", "outcome", "tree")),
        "run": (run.entered_at, run.ended_at, run.outcome, run.state),
        "sent": [(row.step, row.action, row.decided_at) for row in Delivery.objects.order_by("id")],
        "stays": list(Membership.objects.order_by("entered_at").values_list("entered_at", "left_at", "why")),
        "traits": list(TraitChange.objects.order_by("arrival", "key").values_list("key", "value", "at")),
    }


@pytest.mark.parametrize("rhythm", ["each", "together"])
def test_the_rhythm_of_draining_changes_no_decision(rhythm: str, story: Journey) -> None:
    """Run twice by the parametrisation; both must equal the one worked out by hand."""
    build.segment(slug="free", condition=condition({"trait": "plan", "op": "is", "value": "free"}))

    def send(messages: Sequence[Message], at: datetime) -> None:
        put(*messages, received_at=at)
        if rhythm == "each":
            drain()

    the_story(send)
    drain()
    found = snapshot(story)
    assert outcomes(found["ledger"]) == [
        "not_entered",
        "not_entered",
        "entered",
        "queued",
        "waiting",
        "not_entered",
        "converted",
        "queued",
    ]
    assert found["run"][:3] == (
        START + timedelta(minutes=3),
        START + timedelta(days=1, hours=1),
        "converted",
    )
    assert [step for step, _, _ in found["sent"]] == ["mail", "deal"]
    assert [(entered, left) for entered, left, _ in found["stays"]] == [(START, START + timedelta(days=1))]
    assert [(key, value) for key, value, _ in found["traits"]] == [
        ("email", "ada@example.com"),
        ("plan", "free"),
        ("plan", "pro"),
    ]


def test_entering_and_leaving_within_one_batch_are_both_recorded() -> None:
    build.segment(slug="pro", condition=condition({"trait": "plan", "op": "is", "value": "pro"}))
    put(
        identify("u1", plan="pro"), identify("u1", plan="free"), identify("u1", plan="pro"), received_at=START
    )
    drain()
    assert list(Membership.objects.order_by("id").values_list("left_at", flat=True)) == [START, None]
    assert Segment.objects.get().member_count == 1


def test_a_segment_of_segments_follows_in_the_same_moment() -> None:
    build.segment(slug="pro", condition=condition({"trait": "plan", "op": "is", "value": "pro"}))
    build.segment(slug="not-pro", condition=condition({"segment": "pro", "is": "not_member"}))
    put(identify("u1"), received_at=START)
    put(identify("u1", plan="pro"), received_at=START + timedelta(minutes=1))
    drain()
    stays = Membership.objects.order_by("entered_at", "segment__slug")
    assert [(stay.segment.slug, stay.entered_at, stay.left_at) for stay in stays] == [
        ("not-pro", START, START + timedelta(minutes=1)),
        ("pro", START + timedelta(minutes=1), None),
    ]


def test_somebody_new_is_in_the_segment_of_those_who_did_nothing() -> None:
    build.segment(
        slug="never-ordered",
        condition=condition({"event": "Order Completed", "count": {"op": "exactly", "value": 0}}),
    )
    put(page("d1"), source=browser(), received_at=START)
    drain()
    assert Membership.objects.get().left_at is None
    put(track("u1", "Order Completed", anonymousId="d1"), received_at=START + timedelta(hours=1))
    drain()
    assert Membership.objects.get().left_at == START + timedelta(hours=1)


def test_somebody_new_is_in_the_buckets_of_their_own_id() -> None:
    for place in range(6):
        half = {"bucket": f"s{place}", "from": 0, "to": 50}
        build.segment(slug=f"half-{place}", condition=condition(half))
    put(*(track(f"u{place}", "Visit") for place in range(8)))
    drain()
    for segment in Segment.objects.all():
        found = Membership.objects.filter(segment=segment).values_list("person_id", flat=True)
        assert set(found) == people_in_bucket(segment.condition["if"])


def people_in_bucket(rule: dict[str, Any]) -> set[int]:
    buckets = parse_condition(rule)
    nobody = {one.pk: Facts(person_id=one.pk, uuid=one.uuid, zone="UTC") for one in Person.objects.all()}
    return {id_ for id_, facts in nobody.items() if holds(buckets, facts, START)}


def test_a_trait_set_by_a_step_touches_the_rules_that_read_it() -> None:
    build.segment(slug="keen", condition=condition({"trait": "interest", "op": "is", "value": "shoes"}))
    build.journey(
        document=build.journey_document(
            {"id": "s1", "kind": "set_trait", "set": {"interest": "shoes"}}, event="Product Viewed"
        )
    )
    put(track("u1", "Product Viewed"), received_at=START)
    drain()
    assert person_of("u1").traits == {"interest": "shoes"}
    assert Membership.objects.get().entered_at == START
    change = TraitChange.objects.get()
    assert (change.key, change.value, change.at) == ("interest", "shoes", START)


def test_history_starts_no_journey(story: Journey) -> None:
    known_visitor()
    put(*views(5), received_at=START + timedelta(hours=1), is_historical=True)
    old = [page("d1", path="/pricing", timestamp=(START - timedelta(days=2)).isoformat()) for _ in range(3)]
    put(*old, source=browser(), received_at=START + timedelta(hours=2))
    drain()
    assert not Run.objects.exists()


def test_marketing_without_consent_is_not_sent_and_says_so() -> None:
    build.template(slug="offer", topic="offers")
    step = {"id": "s1", "kind": "send", "channel": "email", "template": "offer", "class": "marketing"}
    journey = build.journey(document=build.journey_document(step, event="Cart Updated"))
    yes = {"consent": {"categoryPreferences": {"email_marketing": True}}}
    put(identify("u1", email="a@example.com"), track("u1", "Cart Updated"), received_at=START)
    no_offers = {"consent": {"categoryPreferences": {"email_marketing": True, "topic.offers": False}}}
    put(identify("u2", email="b@example.com"), track("u2", "Cart Updated", context=yes), received_at=START)
    put(
        identify("u3", email="c@example.com"),
        track("u3", "Cart Updated", context=no_offers),
        received_at=START,
    )
    drain()
    by_person = {
        value: list(
            Decision.objects.filter(person_id=person_of(value).pk)
            .order_by("id")
            .values_list("outcome", "reason")
        )
        for value in ("u1", "u2", "u3")
    }
    assert {value: [outcome for outcome, _ in told] for value, told in by_person.items()} == {
        "u1": ["entered", "not_sent", "finished"],
        "u2": ["entered", "queued", "finished"],
        "u3": ["entered", "not_sent", "finished"],
    }
    assert [by_person[value][1][1] for value in ("u1", "u3")] == ["consent_unset", "topic_denied"]
    assert Delivery.objects.get().journey_id == journey.pk


def test_of_two_runs_that_a_merge_brings_together_the_older_goes_on(story: Journey) -> None:
    put(identify("u1", email="ada@example.com"), received_at=START)
    for minute in range(3):
        put(
            track("u1", "Page Viewed", properties={"path": "/pricing"}),
            received_at=START + timedelta(minutes=minute),
        )
    put(*views(3), source=browser(), received_at=START + timedelta(hours=1))
    drain()
    assert Run.objects.open().count() == 2
    put(identify("u1", device="d1"), source=browser(), received_at=START + timedelta(hours=2))
    drain()
    older, younger = Run.objects.order_by("entered_at")
    assert (older.outcome, younger.outcome) == ("", "merged")
    assert older.person == younger.person == person_of("u1")


def test_a_run_that_cannot_be_decided_is_parked_and_the_rest_goes_on(story: Journey) -> None:
    known_visitor()
    put(*views(3), source=browser(), received_at=START)
    drain()
    Run.objects.update(state={"language": 1, "step": "gone", "visit": 1, "since": None, "due_at": None})
    put(track("u1", "Order Completed"), track("u2", "Visit"), received_at=START + timedelta(hours=1))
    assert drain()["stored"] == 2
    run = Run.objects.get()
    assert run.outcome == "converted" or (run.outcome == "parked" and run.error)


def test_publishing_leaves_runs_of_the_old_version_where_they_are(story: Journey) -> None:
    known_visitor()
    put(*views(3), source=browser(), received_at=START)
    drain()
    changed = third_visit()
    changed["goal"]["if"] = {"event": "Trial Started"}
    from journeys.models import JourneyVersion

    story.live_version = JourneyVersion.objects.create(
        journey=story, number=2, document=changed, published_at=START, published_by="mia"
    )
    story.save()
    put(track("u1", "Order Completed"), received_at=START + timedelta(hours=1))
    drain()
    assert Run.objects.get().outcome == "converted"
