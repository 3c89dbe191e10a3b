from typing import Any

import pytest
from django.test import Client

from cdp_site.api import issue_token
from cdp_site.models import AuditEntry
from cdp_site.web import Role
from connectors.models import Template
from tests import build

pytestmark = pytest.mark.django_db
TEXT = "<mj-text>Hi {{ person.firstName }}</mj-text>"
BODY = f"<mjml><mj-body><mj-section><mj-column>{TEXT}</mj-column></mj-section></mj-body></mjml>"
WELCOME = {"slug": "welcome", "name": "Welcome", "subject": "Hi {{ person.firstName }}", "body": BODY}


def api(role: Role = Role.MARKETER) -> Client:
    return Client(headers={"authorization": f"Bearer {issue_token(build.user(role=role))}"})


def post(client: Client, path: str, body: Any) -> Any:
    return client.post(f"/api/v1/{path}", body, content_type="application/json")


def test_templates__make_show_change() -> None:
    client = api()
    made = post(client, "templates/", WELCOME)
    assert made.status_code == 201, made.content
    assert (made.json()["slug"], made.json()["version"]) == ("welcome", 1)
    changed = client.patch(
        "/api/v1/templates/welcome/", {"subject": "Hello"}, content_type="application/json"
    ).json()
    assert (changed["subject"], changed["body"], changed["version"]) == ("Hello", BODY, 2)
    assert client.get("/api/v1/templates/welcome/").json() == changed
    assert client.get("/api/v1/templates/").json()["results"] == [changed]
    assert list(AuditEntry.objects.order_by("id").values_list("verb", flat=True)) == [
        "template.make",
        "template.change",
    ]


def test_templates__a_slug_once() -> None:
    client = api()
    post(client, "templates/", WELCOME)
    again = post(client, "templates/", WELCOME)
    assert (again.status_code, again.json()["errors"][0]["path"]) == (400, "/slug")
    assert Template.objects.get().version == 1


@pytest.mark.parametrize(
    ("changes", "path", "said"),
    [
        ({"body": "a\n{% if %}"}, "/body", "Line 2"),
        ({"subject": "{{ person."}, "/subject", "Line 1"),
        ({"slug": "a b"}, "/slug", "slug"),
        ({"body": ""}, "/body", "blank"),
    ],
)
def test_templates__faults_are_named(changes: dict[str, str], path: str, said: str) -> None:
    response = post(api(), "templates/", WELCOME | changes)
    assert response.status_code == 400
    (fault,) = response.json()["errors"]
    assert fault["path"] == path
    assert said in fault["message"]
    assert not Template.objects.exists()


def test_preview__as_a_person() -> None:
    build.person(traits={"firstName": "Ada"}, identities={"user_id": "42"})
    client = api(Role.SERVICE)
    build.template(slug="welcome", subject="Hi {{ person.firstName }}", body=BODY)
    made = post(client, "templates/welcome/preview/", {"person": "user_id:42"}).json()
    assert made["subject"] == "Hi Ada"
    assert "Hi Ada" in made["html"]
    assert made["text"] == "Hi Ada\n"


def test_preview__with_an_event_and_unsaved_content() -> None:
    build.template(slug="welcome")
    body = {
        "event": {"name": "Order Completed", "properties": {"revenue": 7}},
        "subject": "{{ event.name }}",
        "body": '{{ event.properties.revenue }} <a href="{{ unsubscribe_url }}">out</a>',
    }
    made = post(api(), "templates/welcome/preview/", body).json()
    assert made["subject"] == "Order Completed"
    assert made["html"].startswith('7 <a href="http')


@pytest.mark.parametrize(
    ("body", "path", "said"),
    [
        ({"person": "user_id:nobody"}, "/person", "Nobody"),
        ({"person": "nonsense"}, "/person", "Nobody"),
        ({"body": "{{ person.nothing }}"}, "/body", "nothing"),
    ],
)
def test_preview__faults_are_named(body: dict[str, str], path: str, said: str) -> None:
    build.template(slug="welcome")
    response = post(api(), "templates/welcome/preview/", body)
    assert response.status_code == 400
    (fault,) = response.json()["errors"]
    assert fault["path"] == path
    assert said in fault["message"]


def test_roles() -> None:
    assert post(api(Role.SERVICE), "templates/", WELCOME).status_code == 403
    assert api(Role.SERVICE).get("/api/v1/templates/").status_code == 200
    assert Client().get("/api/v1/templates/").status_code == 401
