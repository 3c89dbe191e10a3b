"""The page of a feed: its proposal, the trial on what has just happened, saving and switching off."""

from typing import Any

import pytest
from django.test import Client

from cdp_site.api import issue_token
from cdp_site.models import AuditEntry
from cdp_site.web import Role
from connectors.models import Connection, Delivery, Feed
from tests import build
from tests.journeys.page_fields import fields_in
from tests.site.pipeline.drive import drain, identify, put, track

pytestmark = pytest.mark.django_db
PAGE = "/connections/crm/feed/"


@pytest.fixture
def marketer(client: Client) -> Client:
    client.force_login(build.user(role=Role.MARKETER))
    Connection.objects.create(
        slug="crm", name="Our CRM", kind="crm", settings={"base_url": "https://x.example"}
    )
    return client


def fields(client: Client) -> dict[str, Any]:
    return dict(fields_in(client.get(PAGE).content.decode(), form="rule-form"))


def text(html: str) -> str:
    """What is read, with one space wherever there is any."""
    return " ".join(html.split())


def test_proposal__clicks_and_views_do_not_pass(marketer: Client) -> None:
    consent = {"context": {"consent": {"categoryPreferences": {"email_marketing": False}}}}
    put(
        *[track("u1", "Link Clicked")] * 1,
        track("u1", "Page Viewed"),
        track("u1", "Order Completed", properties={"revenue": 12}),
        track("u1", "Product Reviewed", properties={"rating": 1}),
        track("u1", "Product Reviewed", properties={"rating": 5}),
        identify("u1", firstName="Ada") | consent,
        track("u1", "CRM Action Sent"),
    )
    drain()
    assert not Delivery.objects.exists()
    shown = text(marketer.post(f"{PAGE}trial/", fields(marketer)).content.decode())
    assert "3 of 7 would pass" in shown
    clicked = shown[shown.index("Link Clicked") :]
    assert "does not pass" in clicked
    assert "it is never sent back" in shown[shown.index("CRM Action Sent") :]


def test_save__holds_from_the_next_message_on(marketer: Client) -> None:
    saved = marketer.post(PAGE, fields(marketer) | {"do": "save"})
    assert saved.status_code == 302, saved.content.decode()
    feed = Feed.objects.get()
    assert feed.is_active
    assert [one["action"] for one in feed.actions] == ["create_deal", "add_note"]
    assert feed.actions[0]["fields"]["amount"] == "{{ event.properties.revenue|default(0) }}"
    assert AuditEntry.objects.filter(verb="connection.feed").exists()
    put(track("u1", "Order Completed"), track("u1", "Link Clicked"))
    drain()
    assert [row.action for row in Delivery.objects.all()] == ["create_deal"]
    (fed,) = Delivery.objects.all()
    assert "Feed" in marketer.get("/deliveries/").content.decode()
    assert "no journey decided it" in marketer.get(f"/deliveries/{fed.uuid}/").content.decode()
    off = fields(marketer)
    off.pop("is_active")
    marketer.post(PAGE, off | {"do": "save"})
    put(track("u1", "Order Completed"))
    drain()
    assert Delivery.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"act-action": ["", ""]}, "Say what at least some messages become"),
        ({"act-action": ["make_coffee", ""]}, "cannot do one of these actions"),
        ({"act-fields": ["title = {{ event.", ""]}, "“title” cannot be read"),
    ],
)
def test_save__says_what_is_wrong(marketer: Client, changes: dict[str, list[str]], said: str) -> None:
    sent = fields(marketer) | {"act-event": ["", ""], "act-action": ["add_note", ""], "act-fields": ["", ""]}
    answer = marketer.post(PAGE, sent | changes | {"do": "save"})
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert not Feed.objects.exists()


def test_save__not_while_the_gate_is_incomplete(marketer: Client) -> None:
    sent = fields(marketer)
    name = next(key for key, value in sent.items() if value == "Order *")
    answer = marketer.post(PAGE, sent | {name: "", "do": "save"})
    assert "missing in the gate" in answer.content.decode()
    trial = marketer.post(f"{PAGE}trial/", sent | {name: ""})
    assert "then it is asked" in trial.content.decode()


def test_api__shows_and_changes_a_feed(marketer: Client) -> None:
    address = "/api/v1/connections/crm/feed/"
    user = build.user(role=Role.MARKETER)
    headers = {"Authorization": f"Bearer {issue_token(user)}"}
    body = {
        "condition": {"event": "Order *"},
        "actions": [{"event": "", "action": "add_note", "fields": {"body": "{{ event.name }}"}}],
    }

    def put_feed(**changes: Any) -> Any:
        return Client().put(address, body | changes, content_type="application/json", headers=headers)

    assert Client().get(address, headers=headers).json()["is_active"] is False
    assert put_feed().json() == {**body, "is_active": True}
    assert put_feed(condition={"event": ""}).status_code == 400
    wrong = put_feed(actions=[{"event": "", "action": "make_coffee"}])
    assert "cannot do one of these" in wrong.content.decode()
    assert put_feed(condition={"event": "X", "during": {"since": "entry"}}).status_code == 400
    assert Feed.objects.get().condition == {"language": 1, "if": {"event": "Order *"}}


def test_page__only_for_what_can_do_something(marketer: Client) -> None:
    Connection.objects.create(slug="hook", name="Hook", kind="webhook")
    assert marketer.get("/connections/hook/feed/").status_code == 404
    assert PAGE in marketer.get("/connections/").content.decode()
