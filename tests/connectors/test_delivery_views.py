"""The pages of deliveries, messages and connections."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from cdp_site.web import Role
from connectors.models import Delivery, Destination
from profiles.models import Person
from tests import build

pytestmark = pytest.mark.django_db

MAIL = {
    "to": "ada@example.com",
    "from": "shop@example.com",
    "reply_to": "",
    "subject": "Still thinking it over?",
    "html": "<p style='color:red'>Hello Ada</p><script>alert(1)</script>",
    "text": "Hello Ada",
    "headers": {},
}


def browser(role: Role = Role.MARKETER) -> Client:
    client = Client()
    client.force_login(build.user(role=role))
    return client


def page(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, path
    return response.content.decode()


@pytest.fixture
def ada() -> Person:
    return build.person(traits={"name": "Ada Lovelace"}, identities={"email": "ada@example.com"})


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/deliveries/", "Nothing was sent yet"),
        ("/deliveries/?state=dead", "No delivery is like this"),
        ("/messages/", "No templates yet"),
        ("/connections/", "No connections yet"),
    ],
)
def test_pages__with_nothing_to_show(path: str, said: str) -> None:
    assert said in page(browser(), path)


def test_delivery_list__says_what_became_of_each(ada: Person) -> None:
    crm = build.connection(slug="crm")
    build.delivery(person=ada, rendered=MAIL, context={"journey": {"slug": "w", "name": "Welcome"}})
    build.delivery(person=ada, state="blocked", last_error="consent_unset")
    build.delivery(
        person=ada,
        state="dead",
        channel="crm",
        connection=crm,
        destination="connection:crm",
        action="create_task",
        last_error="The destination refused the message (status 422).",
    )
    shown = page(browser(), "/deliveries/")
    for words in (
        "Still thinking it over?",
        "Welcome",
        "Ada Lovelace",
        "never asked about marketing",
        "Create a task",
        "status 422",
        "Send failed ones again",
    ):
        assert words in shown
    only = page(browser(), "/deliveries/?state=dead&destination=connection:crm")
    assert "Create a task" in only
    assert "Still thinking" not in only


def test_delivery_list__a_failing_destination_is_named() -> None:
    build.connection(slug="crm")
    Destination.objects.create(name="connection:crm", failure_count=7, last_error="It did not answer.")
    assert "Crm failed 7 times in a row: It did not answer." in page(browser(), "/deliveries/")


def test_delivery_list__pages_and_parts(
    ada: Person, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    rows = [build.delivery(person=ada, rendered=MAIL | {"subject": f"Mail {n:03}"}) for n in range(60)]
    client = browser()
    with django_assert_max_num_queries(14):
        first = page(client, "/deliveries/")
    assert "Mail 059" in first
    assert "Mail 009" not in first
    assert f"before={rows[10].pk}" in first
    assert "Mail 009" in page(client, f"/deliveries/?before={rows[10].pk}")
    part = client.get("/deliveries/", headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith('<div id="deliveries"')


def test_delivery_page__a_mail_with_its_attempts(ada: Person) -> None:
    delivery = build.delivery(person=ada, rendered=MAIL, template=build.template(slug="hi"))
    attempt = build.attempt(delivery=delivery, is_success=False, reason="The mail server refused it.")
    attempt.request, attempt.response = {"to": "ada@example.com"}, {"code": 451}
    attempt.save()
    shown = page(browser(), f"/deliveries/{delivery.uuid}/")
    assert "From shop@example.com to ada@example.com" in shown
    assert "The mail server refused it." in shown
    assert "451" in shown
    assert "<script>alert(1)" not in shown
    assert f'src="/deliveries/{delivery.uuid}/mail/" sandbox=""' in shown


def test_delivery_mail__runs_nothing(ada: Person) -> None:
    delivery = build.delivery(person=ada, rendered=MAIL)
    response = browser().get(f"/deliveries/{delivery.uuid}/mail/")
    assert response.content.decode() == MAIL["html"]
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert browser().get(f"/deliveries/{build.delivery(person=ada).uuid}/mail/").status_code == 404


def test_delivery_page__a_mail_that_stayed_here_says_so(ada: Person) -> None:
    delivery = build.delivery(person=ada, rendered=MAIL, last_error="outbox page")
    for path in ("/deliveries/", f"/deliveries/{delivery.uuid}/"):
        assert "No mail server is set up (EMAIL_URL)" in page(browser(), path)


def test_delivery_page__a_crm_action(ada: Person) -> None:
    delivery = build.delivery(
        person=ada,
        channel="crm",
        connection=build.connection(slug="crm"),
        rendered={"action": "create_deal", "body": '{"fields":{"amount":249}}'},
        external_id="D-7",
    )
    shown = page(browser(), f"/deliveries/{delivery.uuid}/")
    assert "&#34;amount&#34;: 249" in shown
    assert "D-7" in shown


def test_delivery_replay__one(ada: Person) -> None:
    delivery = build.delivery(person=ada, state="dead", rendered=MAIL)
    client = browser(Role.SERVICE)
    assert "Send again" in page(client, f"/deliveries/{delivery.uuid}/")
    response = client.post(f"/deliveries/{delivery.uuid}/replay/", {"render_again": "1"}, follow=True)
    assert "1 delivery is queued again." in response.content.decode()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.rendered) == ("queued", None)
    assert "Send again" not in page(client, f"/deliveries/{delivery.uuid}/")


def test_delivery_replay_all__what_the_list_shows(ada: Person) -> None:
    crm = build.connection(slug="crm")
    mail = build.delivery(person=ada, state="dead")
    deal = build.delivery(person=ada, state="dead", channel="crm", connection=crm, action="create_deal")
    browser().post("/deliveries/replay/", {"connection": "crm"})
    states = dict(Delivery.objects.values_list("pk", "state"))
    assert states == {mail.pk: "dead", deal.pk: "queued"}


def test_template_page__source_and_preview(ada: Person) -> None:
    build.template(slug="hi", subject="Hi {{ person.name }}", body="<p>For {{ person.email }}</p>")
    client = browser()
    shown = page(client, "/messages/hi/")
    assert "Hi Ada Lovelace" in shown
    assert "&lt;p&gt;For {{ person.email }}&lt;/p&gt;" in shown
    framed = client.get(f"/messages/hi/mail/?person={ada.uuid}")
    assert framed.content.decode() == "<p>For ada@example.com</p>"
    assert "sandbox" in framed["Content-Security-Policy"]


def test_template_page__what_began_the_journey_is_that_of_a_mail_sent(ada: Person) -> None:
    body = "<p>{{ person.name }}: {{ entry.properties.name }}</p>"
    template = build.template(slug="hi", subject="{{ entry.properties.name }}", body=body)
    late = build.person(traits={"name": "Late Comer"}, identities={"email": "late@example.com"})
    for product in ("Old tent", "New tent"):
        context = {"entry": {"properties": {"name": product}}}
        build.delivery(person=ada, template=template, context=context, state="sent")

    client = browser()

    assert "<strong>New tent</strong>" in page(client, "/messages/hi/")
    framed = [
        client.get(f"/messages/hi/mail/?person={person.uuid}").content.decode() for person in (ada, late)
    ]
    assert framed == ["<p>Ada Lovelace: New tent</p>", "<p>Late Comer: New tent</p>"]


def test_template_page__a_fault_is_shown(ada: Person) -> None:
    build.template(slug="hi", body="<p>{{ person.nothing }}</p>")
    assert "nothing" in page(browser(), "/messages/hi/?person=not-an-id")
    assert browser().get("/messages/hi/mail/").headers["Content-Type"] == "text/plain"


def test_connection_list__never_shows_a_secret() -> None:
    settings: dict[str, Any] = {"base_url": "https://crm.example"}
    build.connection(slug="crm", settings=settings, secret="sealed-text", disabled_reason="It said 410.")
    Destination.objects.create(name="connection:crm", failure_count=6, last_error="It did not answer.")
    shown = page(browser(Role.ADMIN), "/connections/")
    assert "https://crm.example" in shown
    assert "CRM over HTTP" in shown
    assert "It said 410." in shown
    assert "It did not answer." in shown
    assert "sealed-text" not in shown


@pytest.mark.parametrize("path", ["/deliveries/", "/messages/", "/connections/", "/deliveries/replay/"])
def test_pages__need_a_log_in(path: str) -> None:
    assert Client().get(path).status_code == 302
