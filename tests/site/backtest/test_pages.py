"""The pages of back-tests."""

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from cdp_site.backtest.services import play_waiting
from cdp_site.models import BackTest
from cdp_site.pages.backtest_pages import NOT_PLAYED
from cdp_site.web import Role
from journeys.models import Journey
from journeys.services import create_journey, publish_journey
from tests import build
from tests.site.backtest.test_services import DOCUMENT
from tests.site.pipeline.campaign import World
from tests.site.pipeline.drive import drain, identify, person_of, put, track
from tests.test_docs import DOCS, agree, kept

pytestmark = pytest.mark.django_db


@pytest.fixture
def now() -> datetime:
    """Anna and Bert had carts yesterday."""
    now = timezone.now()
    world = World(now=now - timedelta(days=1))
    consent = {"consent": {"categoryPreferences": {"email_marketing": True}}}
    world.happens({**identify("anna", email="anna@example.com"), "context": consent}, identify("bert"))
    world.now += timedelta(hours=1)
    world.happens(track("anna", "Cart"), track("bert", "Cart"))
    create_journey("mia", slug="cart", name="Cart", document=DOCUMENT)
    return now


@pytest.fixture
def marketer(client: Client) -> Client:
    client.force_login(build.user(role=Role.MARKETER))
    return client


def test_ask__watch__read(marketer: Client, now: datetime) -> None:
    assert "the last 4 weeks" in marketer.get("/journeys/cart/backtest/").content.decode()
    asked = marketer.post("/journeys/cart/backtest/", {"weeks": "1", "version": "draft"})
    row = BackTest.objects.get()
    assert asked.headers["Location"] == f"/journeys/cart/backtest/{row.pk}/"
    waiting = marketer.get(asked.headers["Location"]).content.decode()
    assert "Waiting for its turn" in waiting
    assert 'hx-trigger="every 2s"' in waiting
    play_waiting(now=timezone.now())
    html = marketer.get(asked.headers["Location"], headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in html
    for text in ("Would have entered", "Messages a day", "consent was never given", "anna@example.com"):
        assert text in html, text
    assert "every 2s" not in html
    assert "Done" in marketer.get("/journeys/cart/backtest/").content.decode()


def test_refused__called_off__and_roles(marketer: Client, now: datetime) -> None:
    assert marketer.post("/journeys/cart/backtest/", {"version": "live"}).status_code == 302
    assert not BackTest.objects.exists()
    marketer.post("/journeys/cart/backtest/", {"weeks": "2"})
    row = BackTest.objects.get()
    assert row.ends_at - row.begins_at == timedelta(weeks=2)
    marketer.post(f"/journeys/cart/backtest/{row.pk}/cancel/")
    assert "It was called off" in marketer.get(f"/journeys/cart/backtest/{row.pk}/").content.decode()
    Journey.objects.update(draft={"language": 1})
    marketer.post("/journeys/cart/backtest/", {"weeks": "2"})
    assert BackTest.objects.count() == 1


def test_try_out__shows_the_way_and_the_mail(marketer: Client, now: datetime) -> None:
    page = marketer.get("/journeys/cart/try/?person=anna").content.decode()
    assert 'value="anna"' in page
    assert 'name="name" value="Cart"' in page
    sent = {
        "person": "anna@example.com",
        "begin": "events",
        "name": ["Cart", "", ""],
        "after": ["1", "0", "0"],
        "unit": ["hours", "days", "days"],
        "properties": ["value = 60", "", ""],
    }
    html = marketer.post("/journeys/cart/try/", sent).content.decode()
    for text in ("Came to the end of the journey", "decided to send", "j-mark", ">Hi<"):
        assert text in html, text
    assert "sent nothing" in marketer.post("/journeys/cart/try/", {**sent, "person": "bert"}).content.decode()
    assert "Nobody has this" in marketer.post("/journeys/cart/try/", {**sent, "person": "x"}).content.decode()
    bad = marketer.post("/journeys/cart/try/", {**sent, "properties": ["60", "", ""]}).content.decode()
    assert "Write one property a line" in bad


def test_why__of_the_journey_and_the_person(marketer: Client, now: datetime) -> None:
    publish_journey("cart", actor="mia", now=now)
    anna = person_of("anna")
    assert marketer.get("/journeys/cart/why/").status_code == 200
    assert "Nobody has this" in marketer.get("/journeys/cart/why/?person=x").content.decode()
    address = marketer.get("/journeys/cart/why/?person=anna").headers["Location"]
    assert address == f"/people/{anna.uuid}/why/cart/"
    assert "nobody could enter it at that time" in marketer.get(address).content.decode()
    before = (now - timedelta(days=3)).strftime("%Y-%m-%dT%H:%M")
    assert "did not come from" in marketer.get(f"{address}?at={before}").content.decode()
    assert "Would enter the draft" in marketer.get(f"{address}?version=draft").content.decode()
    assert "Why not in it?" in marketer.get(f"/people/{anna.uuid}/").content.decode()
    chosen = marketer.get(f"/people/{anna.uuid}/why/?journey=cart")
    assert chosen.headers["Location"] == address


def test_person__is_found_by_name_and_chosen(marketer: Client, now: datetime) -> None:
    put(*(identify(user, firstName=user.title(), lastName="Berg") for user in ("anna", "bert")))
    drain()
    suggested = marketer.get("/people/suggest/person/?person=berg").content.decode()
    assert '<option value="anna">Anna Berg · anna@example.com</option>' in suggested
    assert '<option value="bert">Bert Berg</option>' in suggested
    several = marketer.get("/journeys/cart/why/?person=berg").content.decode()
    assert "Several people fit" in several
    assert several.count('name="person" value="') == 3  # the field, and a button each
    only = marketer.get("/journeys/cart/why/?person=anna+berg")
    address = f"/people/{person_of('anna').uuid}/why/cart/"
    assert only.headers["Location"] == address
    assert (
        marketer.get(f"/journeys/cart/why/?person=berg&person={person_of('anna').uuid}")
        .headers["Location"]
        .endswith(address)
    )
    sent = {"person": ["berg"], "begin": "events", "name": ["Cart"], "after": ["0"], "unit": ["hours"]}
    tried = marketer.post("/journeys/cart/try/", sent | {"properties": ["value = 60"]}).content.decode()
    assert "Several people fit" in tried
    assert "value = 60" in tried  # what was typed stays


def test_docs__tell_what_cannot_be_played() -> None:
    agree(kept("not played", file=DOCS / "journeys.md"), code=NOT_PLAYED)
