"""The page of journeys to start from, and the drafts that come of it."""

import pytest
from django.test import Client

from cdp_site.models import AuditEntry
from cdp_site.web import Role
from connectors.domain.message import MailSource
from connectors.models import Template
from connectors.rendering import shared_renderer
from journeys.domain.outline import steps_in
from journeys.models import Journey
from journeys.services import faults_of
from journeys.starters import STARTERS, TEXTS, needs_of
from tests import build

pytestmark = pytest.mark.django_db


def client_of(role: Role) -> Client:
    client = Client()
    client.force_login(build.user(role=role))
    return client


def test_page__shows_what_each_is_and_needs() -> None:
    build.connection(slug="sales", kind="crm")
    build.template(slug="welcome")
    html = client_of(Role.MARKETER).get("/journeys/+starters/").content.decode()
    for one in STARTERS:
        assert f"Start with this: {one.name}" in html
    for words in ("Cart Updated", "will be made", "sales", "not there yet"):
        assert words in html


def test_starting__makes_a_draft_of_its_own_each_time_and_the_mails_once() -> None:
    build.connection(slug="sales", kind="crm")
    client = client_of(Role.MARKETER)
    for slug in ("vip-hand-over", "vip-hand-over-2"):
        response = client.post("/journeys/+starters/", {"from": "vip-hand-over"})
        assert response.headers["Location"] == f"/journeys/{slug}/"
    assert Template.objects.filter(slug="vip-welcome", version=1).count() == 1
    for journey in Journey.objects.all():
        assert needs_of(journey.draft).connections == ["sales"]
        assert faults_of(journey.draft) == ()
    assert list(AuditEntry.objects.order_by("id").values_list("verb", flat=True)) == [
        "template.make",
        "journey.create",
        "journey.create",
    ]


def test_starting__each_draws_lots_of_its_own() -> None:
    """Else whoever one journey holds out would be held out by all."""
    client = client_of(Role.MARKETER)
    for _ in range(2):
        client.post("/journeys/+starters/", {"from": "abandoned-cart"})
    salts = [
        step.part["salt"]
        for journey in Journey.objects.all()
        for step in steps_in(journey.draft)
        if step.part["kind"] == "split"
    ]
    assert len(set(salts)) == 2


def test_starting__by_those_who_may() -> None:
    assert client_of(Role.SERVICE).post("/journeys/+starters/", {"from": "welcome"}).status_code == 403
    assert client_of(Role.MARKETER).post("/journeys/+starters/", {"from": "nothing"}).status_code == 404


@pytest.mark.parametrize("slug", TEXTS)
def test_mails__can_be_sent_to_somebody_of_whom_nothing_is_known(slug: str) -> None:
    text = TEXTS[slug]
    variables = {"person": {}, "entry": {"properties": {}}, "unsubscribe_url": "https://shop.example/u"}
    source = MailSource(subject=text.subject_line(), body=text.body())
    made = shared_renderer().mail(source, variables=variables)
    assert made.subject
    assert "https://shop.example/u" in made.html
    assert "%(" not in made.subject + made.html
