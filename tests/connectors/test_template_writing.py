"""Writing messages in the browser: drafts, the check beside them, test mails, publishing."""

from typing import Any

import pytest
from django.test import Client

from cdp_site.models import AuditEntry
from cdp_site.web import Role
from connectors.domain.template import Wording, content_of
from connectors.models import Delivery, Template
from connectors.services import send_due
from profiles.models import Person
from tests import build, sinks

pytestmark = pytest.mark.django_db
HELLO = "<p>Hello {{ person.firstName }}</p>"


def client_of(role: Role = Role.MARKETER) -> Client:
    client = Client()
    client.force_login(build.user(role=role))
    return client


def form(template: Template, **changes: Any) -> dict[str, Any]:
    """What the browser sends when nothing was touched but `changes`."""
    template.refresh_from_db()
    content = template.draft or template.content
    fields = {
        name: content[name] for name in ("subject", "preheader", "body", "sender", "reply_to", "layout")
    }
    return {
        **fields,
        "name": template.name,
        "language": "en",
        "lang": "",
        "seen": template.revision,
        **changes,
    }


def draft_of(template: Template) -> Any:
    template.refresh_from_db()
    return template.draft


def said(response: Any) -> str:
    assert response.status_code == 200, response
    return str(response.content.decode())


def test_story__from_a_name_to_a_published_mail() -> None:
    client = client_of()
    assert "Give it a name" in said(client.post("/messages/+new/", {"name": " ", "kind": "mail"}))
    made = client.post("/messages/+new/", {"name": "Spring sale", "kind": "mail"})
    assert made["Location"] == "/messages/spring-sale/edit/"
    template = Template.objects.get()
    assert (template.version, template.content) == (0, {})
    assert "&lt;mjml&gt;" in said(client.get(made["Location"]))
    saved = client.post(made["Location"], form(template, subject="Spring", preheader="10 % off"))
    assert saved["Location"] == made["Location"]
    published = client.post("/messages/spring-sale/publish/", {"seen": 1})
    assert published["Location"] == "/messages/spring-sale/"
    template.refresh_from_db()
    assert (template.version, template.draft, template.content["subject"]) == (1, None, "Spring")
    verbs = AuditEntry.objects.order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["template.make", "template.edit", "template.publish"]


def test_save__two_writers() -> None:
    template, client = build.template(slug="hi"), client_of()
    sent = form(template, subject="Mine")
    client.post("/messages/hi/edit/", form(template, subject="Theirs"))
    kept = said(client.post("/messages/hi/edit/", sent))
    assert "Somebody else changed this" in kept
    assert 'value="Mine"' in kept
    assert draft_of(template)["subject"] == "Theirs"
    client.post("/messages/hi/edit/", {**sent, "over": "1"})
    assert draft_of(template)["subject"] == "Mine"
    assert client.post("/messages/hi/publish/", {"seen": sent["seen"]})["Location"] == "/messages/hi/publish/"
    assert Template.objects.get().version == 1


def test_save__what_cannot_be_read_is_named() -> None:
    template, client = build.template(slug="hi"), client_of()
    faulty = form(template, name="", language="klingon!", defaults="firstName: there")
    page = said(client.post("/messages/hi/edit/", faulty))
    for words in ("Give it a name", "Write a language", "Write one a line"):
        assert words in page
    assert Template.objects.get().draft is None


def test_languages__are_added_written_and_removed() -> None:
    template, client = build.template(slug="hi", subject="Hello", body="Hi"), client_of()
    added = client.post("/messages/hi/edit/", form(template, do="language", new_lang="de", subject="Hello!"))
    assert added["Location"] == "/messages/hi/edit/?lang=de"
    written = form(template, lang="de", subject="Hallo", body="", defaults="person.firstName = du")
    client.post("/messages/hi/edit/", written)
    content = content_of(draft_of(template))
    assert (content.subject, content.body) == ("Hello!", "Hi")
    assert content.translations == {"de": Wording(subject="Hallo")}
    assert content.defaults == {"person.firstName": "du"}
    assert 'value="Hallo"' in said(client.get("/messages/hi/edit/?lang=de"))
    client.post("/messages/hi/edit/", form(template, do="drop:de"))
    assert content_of(draft_of(template)).translations == {}
    assert client.get("/messages/hi/edit/?lang=de").status_code == 404
    again = said(client.post("/messages/hi/edit/", form(template, do="language", new_lang="en")))
    assert "Write a language like" in again


def test_check__says_how_the_mail_comes_out(ada: Person) -> None:
    template, client = build.template(slug="hi"), client_of(Role.MARKETER)
    body = HELLO + '<a href="https://shop.example/">Shop</a> <a href="/cart">Cart</a> {{ "{{x}}" }}'
    sent = form(
        template, person=str(ada.uuid), subject="For {{ person.firstName }}", preheader="pre", body=body
    )
    response = client.post("/messages/hi/check/", sent)
    assert response["HX-Trigger-After-Settle"] == '{"mail:made": {}}'
    page = said(response)
    for words in (
        "For Ada",
        "pre",
        "2 links",
        "1 at fault",
        "has no https://",
        "No link to unsubscribe",
        "was not filled in",
    ):
        assert words in page
    framed = client.post("/messages/hi/mail/", {**sent, "look": "dark"})
    assert "Hello Ada" in framed.content.decode()
    assert "invert(1)" in framed.content.decode()
    assert "sandbox" in framed["Content-Security-Policy"]
    long = said(client.post("/messages/hi/check/", {**sent, "body": "x" * 110_000}))
    assert "Gmail shows only the first 102 KB" in long
    assert Template.objects.get().draft is None


def test_check__names_the_fault_and_triggers_nothing(ada: Person) -> None:
    template = build.template(slug="hi")
    sent = form(template, **{"as": "ada@example.com"}, subject="{{ person.nickname }}")
    response = client_of().post("/messages/hi/check/", sent)
    assert "<b>Subject</b>: Line 1" in said(response)
    assert "HX-Trigger-After-Settle" not in response


def test_pick__people_and_variables_with_samples(ada: Person) -> None:
    build.known_property("firstName", types={"text": 9})
    build.known_property("Shoe Size", types={"text": 9}, values=("42",))
    build.event(person=ada, name="Product Viewed")
    build.known_property("name", event="Product Viewed", types={"text": 9}, values=("Tent",))
    build.template(slug="footer", name="Footer", kind="block")
    client = client_of()
    assert str(ada.uuid) in said(client.get("/messages/+people/?as=ada@"))
    offered = said(client.get(f"/messages/+variables/?person={ada.uuid}&event=Product+Viewed"))
    for words in (
        "Ada",
        "42",
        "Tent",
        "person[&#34;Shoe Size&#34;]",
        "entry.properties.name",
        "{% include &#34;footer&#34; %}",
    ):
        assert words in offered
    assert "Ada" not in said(client.get(f"/messages/+variables/?person={ada.uuid}&find=shoe"))


def test_publish__asks_for_what_people_lack(ada: Person) -> None:
    build.person(traits={"firstName": ""}, identities={"email": "x@example.com"})
    build.person(identities={"user_id": "without-address"})
    template, client = build.template(slug="hi", body="old"), client_of()
    body = HELLO + "{{ person.email }}{{ person.city|default('x') }}{{ entry.properties.name }}"
    client.post("/messages/hi/edit/", form(template, body=body))
    page = said(client.get("/messages/hi/publish/"))
    for words in (
        "Of 2 people",
        "person.firstName",
        "1 lacks it",
        "entry.properties.name",
        "+ &lt;p&gt;Hello",
    ):
        assert words in page
    assert "person.city" not in page.partition("What changes")[0]
    assert "Say what to write" in said(client.post("/messages/hi/publish/", {"seen": 1}))
    client.post("/messages/hi/publish/", {"seen": 1, "default:person.firstName": "there"})
    template.refresh_from_db()
    assert (template.version, template.content["defaults"]) == (2, {"person.firstName": "there"})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"body": "{{ persn.firstName }}"}, "Body: Line 1: nothing is called “persn” here."),
        ({"body": "a\n{% if %}"}, "Body: Line 2"),
        ({"sender": "Mia"}, "Sender: This is no address"),
        ({"layout": "gone"}, "Layout: There is no layout “gone” in force."),
        ({"body": "{% include 'gone' %}"}, "Body: There is no block “gone” in force."),
    ],
)
def test_publish__faults_keep_it_a_draft(changes: dict[str, str], words: str) -> None:
    template, client = build.template(slug="hi", body="old"), client_of()
    client.post("/messages/hi/edit/", form(template, **changes))
    for response in (client.get("/messages/hi/publish/"), client.post("/messages/hi/publish/", {"seen": 1})):
        assert words in said(response)
    assert Template.objects.get(slug="hi").version == 1


def test_parts__a_layout_around_mails_in_the_persons_language(ada: Person) -> None:
    client = client_of()
    assert "says where the body" in said(
        client.get(_edited(client, build.template(slug="bad", kind="layout", body="[]"), body="()"))
    )
    build.template(slug="footer", kind="block", body="bye", translations={"de": Wording(body="tschüss")})
    build.template(
        slug="main",
        kind="layout",
        body="[{% block content %}{% endblock %}{% include 'footer' %}]",
        parts=("footer",),
    )
    mail = build.template(
        slug="hi",
        body="Hello {{ person.city }}",
        layout="main",
        translations={"de": Wording(subject="Hallo", body="Hallo {{ person.city }}")},
        defaults={"person.city": "Ulm"},
        sender="Mia <mia@shop.example>",
    )
    Person.objects.filter(pk=ada.pk).update(locale="de-DE")
    for template, shown in (("main", "The body of the mail stands here."), ("footer", "bye")):
        assert shown in client.get(f"/messages/{template}/mail/").content.decode()
    assert "Hallo Ulm" in client.get(f"/messages/hi/mail/?person={ada.uuid}").content.decode()
    assert 'href="/messages/hi/"' in said(client.get("/messages/main/"))
    sent = build.delivery(person=ada, state="queued", template=mail, due_at=build.NOON)
    send_due(build.NOON)
    made = Delivery.objects.values_list("rendered", flat=True).get(pk=sent.pk) or {}
    assert (made["subject"], made["from"], made["version"]) == ("Hallo", "Mia <mia@shop.example>", 1)
    assert made["html"].startswith("[Hallo Ulmtschüss]")


def _edited(client: Client, template: Template, **changes: Any) -> str:
    client.post(f"/messages/{template.slug}/edit/", form(template, **changes))
    return f"/messages/{template.slug}/publish/"


def test_versions__one_is_shown_and_made_the_draft_again() -> None:
    template, client = build.template(slug="hi", body="first"), client_of()
    client.post(_edited(client, template, body="second"), {"seen": 1})
    assert "second" in client.get("/messages/hi/mail/").content.decode()
    assert "first" in client.get("/messages/hi/mail/?version=1").content.decode()
    assert "Source of version 1" in said(client.get("/messages/hi/?version=1"))
    assert client.get("/messages/hi/?version=9").status_code == 404
    client.post("/messages/hi/versions/1/take/")
    assert draft_of(template)["body"] == "first"
    assert (template.content["body"], template.version) == ("second", 2)
    assert client.post("/messages/hi/versions/9/take/").status_code == 404


def test_test_mail__is_sent_marked_and_audited_and_counts_nowhere(
    ada: Person, mail_server: sinks.MailServer
) -> None:
    template, client = build.template(slug="hi"), client_of()
    link = '<a href="https://shop.example/">Shop</a><a href="{{ unsubscribe_url }}">Out</a>'
    sent = form(
        template, person=str(ada.uuid), to="mia@example.com", subject="Hi", preheader="pre", body=HELLO + link
    )
    assert "Sent to mia@example.com" in said(
        client.post("/messages/hi/test/", sent, headers={"HX-Request": "true"})
    )
    (mail,) = mail_server.mails
    assert mail.recipients == ("mia@example.com",)
    assert mail.parsed["Subject"] == "[Test] Hi"
    assert mail.parsed["X-Wayfare-Test"] == "yes"
    html = mail.part("text/html")
    assert "Hello Ada" in html
    assert "pre" in html
    assert "/c/" not in html
    assert "/o/" not in html
    assert not Delivery.objects.exists()
    entry = AuditEntry.objects.get(verb="template.test")
    assert entry.after == {"to": "mia@example.com", "as": str(ada.uuid)}
    for wrong, words in (("mia", "Write an address"), ("bounce@example.com", "The address does not exist")):
        assert words in said(client.post("/messages/hi/test/", {**sent, "to": wrong}))


def test_test_mail__without_a_mail_server(ada: Person, settings: Any) -> None:
    settings.EMAIL_URL = ""
    sent = form(build.template(slug="hi", body="Hi"), to="mia@example.com")
    assert "There is no mail server" in said(client_of().post("/messages/hi/test/", sent))


def test_roles__service_looks_and_writes_nothing() -> None:
    build.template(slug="hi")
    client = client_of(Role.SERVICE)
    page = said(client.get("/messages/hi/"))
    assert "/messages/hi/edit/" not in page
    for path in ("+new/", "hi/edit/", "hi/publish/"):
        assert client.get(f"/messages/{path}").status_code == 403
    for path in ("hi/check/", "hi/test/", "hi/versions/1/take/"):
        assert client.post(f"/messages/{path}").status_code == 403
