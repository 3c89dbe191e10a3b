"""What people want mails about: the reader's page, the team's page, and what is sent after it."""

import json
from typing import Any

import pytest
from django.test import Client

from cdp_site.models import AuditEntry
from cdp_site.web import Role
from connectors import suppression, vault
from connectors.domain.links import Unsubscribe, unsubscribe_token
from connectors.models import Delivery, Suppression, Topic
from connectors.services import send_due
from connectors.services.suppressing import suppress
from profiles.domain.envelope import open_envelope
from profiles.models import Inbox, Person
from tests import build

pytestmark = pytest.mark.django_db
ADDRESS = "ada@example.com"


@pytest.fixture(autouse=True)
def topics(db: None) -> None:
    german = {"name": "Neues", "description": "Jede Woche"}
    Topic.objects.create(slug="news", name="News", description="Each week", translations={"de": german})
    Topic.objects.create(slug="offers", name="Offers")
    Topic.objects.create(slug="old", name="Old ones", is_active=False)


def path_of(person: Person) -> str:
    delivery = build.delivery(person=person, message_class="marketing")
    asked = Unsubscribe(delivery=delivery.uuid, address_hash=suppression.hash_of(ADDRESS, channel="email"))
    return f"/u/{unsubscribe_token(asked, key=vault.keys_for(vault.MAIL_LINKS)[0])}/topics"


def reader() -> Client:
    return Client(enforce_csrf_checks=True)


def told() -> list[Any]:
    return [
        json.loads(bytes(raw))
        for row in Inbox.objects.order_by("id")
        for raw in open_envelope(bytes(row.body)).messages
    ]


def consent_told() -> Any:
    (message,) = told()
    return message["context"]["consent"]["categoryPreferences"]


def ticked(html: str) -> list[str]:
    return [slug for slug in ("news", "offers", "old") if f'value="{slug}" checked' in html]


def test_page__shows_the_choice_and_a_get_changes_nothing(ada: Person) -> None:
    Person.objects.filter(pk=ada.pk).update(
        consent={"email_marketing": True, "topic.offers": False}, locale="de-CH"
    )
    response = reader().get(path_of(ada))
    html = response.content.decode()
    assert ticked(html) == ["news"]
    for words in ("Neues", "Jede Woche", "Offers"):
        assert words in html
    assert "Old ones" not in html
    assert (response["Referrer-Policy"], response["X-Robots-Tag"]) == ("no-referrer", "noindex")
    assert not response.cookies
    assert (told(), Suppression.objects.count()) == ([], 0)
    assert reader().get("/u/nonsense/topics").status_code == 404
    path = path_of(ada)
    assert f'href="{path}"' in reader().get(path.removesuffix("/topics")).content.decode()


def test_choose__some_are_wanted_and_unsubscribing_is_taken_back(ada: Person) -> None:
    suppress(ADDRESS, channel="email", reason="unsubscribed", scope="marketing")
    suppress("bounced@example.com", channel="email", reason="bounced")
    html = reader().post(path_of(ada), {"topic": ["news", "old", "nonsense"]}).content.decode()
    assert "Your choice is kept." in html
    assert ticked(html) == ["news"]
    assert consent_told() == {"email_marketing": True, "topic.news": True, "topic.offers": False}
    (message,) = told()
    assert (message["event"], message["properties"]["topics"]) == ("Email Preferences Changed", ["news"])
    assert message["_person"] == str(ada.uuid)
    assert not Suppression.objects.filter(reason="unsubscribed").exists()
    assert Suppression.objects.filter(reason="bounced").exists()


@pytest.mark.parametrize("sent", [{"nothing": "1", "topic": ["news"]}, {}])
def test_choose__nothing_at_all(ada: Person, sent: dict[str, Any]) -> None:
    html = reader().post(path_of(ada), sent).content.decode()
    assert "You are unsubscribed" in html
    assert ticked(html) == []
    assert consent_told() == {"email_marketing": False}
    assert Suppression.objects.filter(scope="marketing", reason="unsubscribed").exists()


def test_choose__somebody_erased_stays_unknown(ada: Person) -> None:
    path = path_of(ada)
    Delivery.objects.all().delete()
    assert "Your choice is kept." in reader().post(path, {"topic": "news"}).content.decode()
    assert told() == []


def test_send__what_is_unwanted_stays_here(ada: Person) -> None:
    Person.objects.filter(pk=ada.pk).update(consent={"email_marketing": True, "topic.news": False})
    news = build.template(body="<a href='{{ preferences_url }}'>Choose</a>", topic="news")
    offers = build.template(body="<a href='{{ preferences_url }}'>Choose</a>", topic="offers")
    for template in (news, offers):
        build.delivery(
            person=ada, state="queued", template=template, due_at=build.NOON, message_class="marketing"
        )
    send_due(build.NOON)
    blocked, sent = Delivery.objects.order_by("id")
    assert (blocked.state, blocked.last_error) == ("blocked", "topic_denied")
    assert sent.state == "sent"
    assert sent.rendered is not None
    assert "/topics'" in sent.rendered["html"].replace('"', "'")
    assert "/c/" not in sent.rendered["html"]


def test_team__adds_and_changes_topics() -> None:
    client = Client()
    client.force_login(build.user(role=Role.MARKETER))
    lines = "de = Feste | Im Laden\n\nfr = Fêtes"
    client.post("/messages/+topics/", {"name": "Events ", "translations": lines, "is_active": "1"})
    topic = Topic.objects.get(slug="events")
    french = {"name": "Fêtes", "description": ""}
    assert topic.translations == {"de": {"name": "Feste", "description": "Im Laden"}, "fr": french}
    assert "de = Feste | Im Laden\nfr = Fêtes" in client.get("/messages/+topics/events/").content.decode()
    client.post("/messages/+topics/events/", {"name": "Parties"})
    topic.refresh_from_db()
    assert (topic.name, topic.is_active, topic.translations) == ("Parties", False, {})
    for sent, words in (
        ({"name": ""}, "Give it a name"),
        ({"name": "news"}, "There is a topic of this name"),
        ({"name": "x", "translations": "de: x"}, "Write one a line"),
    ):
        assert words in client.post("/messages/+topics/", sent).content.decode()
    assert list(AuditEntry.objects.order_by("id").values_list("verb", flat=True)) == [
        "topic.make",
        "topic.change",
    ]
