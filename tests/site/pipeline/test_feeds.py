"""Feeds: what passes a connection's gate becomes its action, once, and nothing comes back for ever."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from cdp_site.pipeline.feeds import save_feed
from cdp_site.pipeline.gates import may_pass_anything
from connectors.domain.feed import FeedAction
from connectors.models import Connection, Delivery, Feed
from connectors.services import FeedDraft
from segments.domain.parse import parse_condition
from segments.models import ComputedTrait
from segments.services.computing import TraitInUse, delete_computed
from tests import build
from tests.site.pipeline.drive import drain, identify, person_of, put, track

pytestmark = pytest.mark.django_db

GATE: dict[str, Any] = {
    "any": [
        {"event": "Cart *"},
        {"event": "Order Completed"},
        {"event": "Product Reviewed", "where": [{"property": "rating", "op": "at_most", "value": 2}]},
        {"consent": "email_marketing", "is": "denied"},
    ]
}
ACTIONS = [
    FeedAction(event="Order *", action="create_deal", fields={"amount": "{{ event.properties.revenue }}"}),
    FeedAction(event="", action="add_note"),
]


@pytest.fixture
def crm(db: None) -> Connection:
    return Connection.objects.create(
        slug="crm", name="CRM", kind="crm", settings={"base_url": "x", "paths": {}}
    )


def feed(crm: Connection, gate: dict[str, Any] | None = None, *, is_active: bool = True) -> Feed:
    condition = {"language": 1, "if": gate or GATE}
    draft = FeedDraft(condition=condition, actions=ACTIONS, is_active=is_active)
    return save_feed(crm, draft, actor="test", now=timezone.now())


def fed() -> list[tuple[str, str]]:
    """Name of the message and action, of what lies in the outbox."""
    rows = Delivery.objects.order_by("id")
    return [(row.context["event"]["name"], row.action) for row in rows]


def said(user: str, **categories: bool) -> dict[str, Any]:
    return identify(user) | {"context": {"consent": {"categoryPreferences": categories}}}


def test_feed__only_what_matters_passes(crm: Connection) -> None:
    feed(crm)
    put(
        track("u1", "Link Clicked"),
        track("u1", "Cart Filled"),
        track("u1", "Page Viewed"),
        track("u1", "Product Reviewed", properties={"rating": 5}),
        track("u1", "Product Reviewed", properties={"rating": 1}),
        track("u1", "Order Completed", properties={"revenue": 20}),
        said("u1", email_marketing=True),
        said("u1", email_marketing=False),
        said("u1", email_marketing=False),
        track("u1", "Link Clicked"),
    )
    assert drain()["queued"] == 4
    assert [action for _name, action in fed()] == ["add_note", "add_note", "create_deal", "add_note"]
    assert [name for name, _action in fed()][:3] == ["Cart Filled", "Product Reviewed", "Order Completed"]
    order = Delivery.objects.get(action="create_deal")
    assert (order.person_id, order.destination, order.state) == (
        person_of("u1").pk,
        "connection:crm",
        "queued",
    )
    assert order.fields == {"amount": "{{ event.properties.revenue }}"}
    assert (order.run_id, order.journey_id) == (None, None)


def test_feed__the_same_message_again_is_fed_once(crm: Connection) -> None:
    feed(crm)
    order = track("u1", "Order Completed") | {"messageId": "o-1"}
    put(order)
    drain()
    put(order)
    drain()
    assert len(fed()) == 1


def test_feed__asks_the_person_as_they_are_at_that_moment(crm: Connection) -> None:
    feed(crm, {"all": [{"event": "Order Completed"}, {"trait": "plan", "op": "is", "value": "gold"}]})
    put(track("u1", "Order Completed"), identify("u1", plan="gold"), track("u1", "Order Completed"))
    drain()
    assert len(fed()) == 1
    put(identify("u1", plan="silver"), track("u1", "Order Completed"))
    drain()
    assert len(fed()) == 1


def test_feed__whatever_is_none_of_these(crm: Connection) -> None:
    feed(crm, {"none": [{"event": "Link Clicked"}]})
    put(track("u1", "Link Clicked"), track("u1", "Anything Else"))
    drain()
    assert [name for name, _action in fed()] == ["Anything Else"]


def test_feed__switched_off_or_changed_takes_effect_at_once(crm: Connection) -> None:
    feed(crm)
    put(track("u1", "Order Completed"))
    drain()
    feed(crm, is_active=False)
    put(track("u1", "Order Completed"))
    drain()
    assert len(fed()) == 1


def test_feed__the_past_feeds_nothing(crm: Connection) -> None:
    feed(crm)
    put(track("u1", "Order Completed"), is_historical=True)
    drain()
    assert fed() == []


def test_feed__what_the_system_tells_itself_does_not_go_back(crm: Connection) -> None:
    feed(crm, {"none": []})
    own = build.source(slug="crm", trust="server")
    put(track("u1", "deal.stage_changed"), source=own)
    put(track("u1", "CRM Action Sent"))
    drain()
    assert fed() == []
    put(track("u1", "deal.stage_changed"))
    drain()
    assert len(fed()) == 1


def test_feed__goes_to_whom_a_merge_made(crm: Connection) -> None:
    feed(crm)
    now: datetime = timezone.now() - timedelta(minutes=1)
    put({"type": "track", "anonymousId": "a1", "event": "Cart Filled", "messageId": "c-1"}, received_at=now)
    put(identify("u1") | {"anonymousId": "a1"})
    drain()
    assert [row.person_id for row in Delivery.objects.all()] == [person_of("u1").pk]


def test_feed__asks_about_a_segment_that_is_paused(crm: Connection) -> None:
    """No segment is live, and still it is known who is in this one."""
    put(identify("u1"))
    drain()
    build.membership(segment=build.segment(slug="vip", state="paused"), person=person_of("u1"))
    feed(crm, {"all": [{"event": "Order Completed"}, {"segment": "vip", "is": "member"}]})
    put(track("u1", "Order Completed"))
    drain()
    assert fed() == [("Order Completed", "create_deal")]


def test_feed__an_engagement_is_asked_for_by_its_own_messages() -> None:
    gate = parse_condition({"engagement": "opened", "channel": "email"}, allow_entry=True)
    assert not may_pass_anything(gate)


def test_feed__keeps_the_trait_it_asks_for(crm: Connection) -> None:
    trait = ComputedTrait.objects.create(
        key="orders", name="Orders", definition={"compute": "days_since", "event": "Order"}
    )
    feed(crm, {"all": [{"event": "Order Completed"}, {"trait": "orders", "op": "at_least", "value": 3}]})
    with pytest.raises(TraitInUse, match="crm"):
        delete_computed(trait.key, actor="mia")
