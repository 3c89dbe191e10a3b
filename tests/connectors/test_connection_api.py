import json
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from cdp_site.api import issue_token
from cdp_site.models import AuditEntry
from cdp_site.web import Role
from connectors import vault
from connectors.models import Connection
from tests import build, sinks

pytestmark = pytest.mark.django_db
CRM = {
    "slug": "crm",
    "name": "CRM",
    "kind": "crm",
    "settings": {"base_url": "https://crm.example/api", "token": sinks.CRM_TOKEN},
}
HOOK = {"slug": "hook", "name": "Hook", "kind": "webhook", "settings": {"url": "https://hook.example/in"}}


def api(role: Role = Role.ADMIN) -> Client:
    return Client(headers={"authorization": f"Bearer {issue_token(build.user(role=role))}"})


def post(body: Any, *, role: Role = Role.ADMIN) -> Any:
    return api(role).post("/api/v1/connections/", body, content_type="application/json")


def patch(slug: str, body: Any) -> Any:
    return api().patch(f"/api/v1/connections/{slug}/", body, content_type="application/json")


def test_connections__secrets_go_in_and_never_come_out() -> None:
    made = post(CRM)
    assert made.status_code == 201, made.content
    assert made.json()["settings"] == {
        "base_url": "https://crm.example/api",
        "paths": {
            "create_deal": "/deals",
            "create_task": "/tasks",
            "upsert_contact": "/contacts",
            "add_note": "/notes",
            "add_to_list": "/lists",
            "update_field": "/contacts/fields",
        },
        "idempotency_header": "Idempotency-Key",
    }
    assert (made.json()["has_secret"], made.json()["secret"]) == (True, None)
    row = Connection.objects.get()
    assert vault.unseal(row.secret) == sinks.CRM_TOKEN
    shown = [made.content, api().get("/api/v1/connections/").content]
    shown += [api().get("/api/v1/connections/crm/").content]
    shown += [json.dumps(list(AuditEntry.objects.values("before", "after"))).encode(), row.secret.encode()]
    assert not any(sinks.CRM_TOKEN.encode() in text for text in shown)


def test_connections__a_webhook_gets_a_secret_that_is_shown_once() -> None:
    made = post(HOOK).json()
    assert made["secret"].startswith("whsec_")
    assert vault.unseal(Connection.objects.get().secret) == made["secret"]
    assert "secret" not in api().get("/api/v1/connections/hook/").json()


def test_connections__a_given_webhook_secret_is_kept() -> None:
    settings = {"url": "https://hook.example/in", "secret": sinks.WEBHOOK_SECRET}
    assert post(HOOK | {"settings": settings}).json()["secret"] is None
    assert vault.unseal(Connection.objects.get().secret) == sinks.WEBHOOK_SECRET


def test_connections__a_change_keeps_the_secret() -> None:
    post(CRM)
    changed = patch("crm", {"name": "New", "settings": {"base_url": "https://other.example"}}).json()
    assert (changed["name"], changed["settings"]["base_url"]) == ("New", "https://other.example")
    row = Connection.objects.get()
    assert vault.unseal(row.secret) == sinks.CRM_TOKEN
    patch("crm", {"settings": {"base_url": "https://other.example", "token": "new"}})
    row.refresh_from_db()
    assert vault.unseal(row.secret) == "new"
    patch("crm", {"is_active": False})
    row.refresh_from_db()
    assert (row.is_active, vault.unseal(row.secret)) == (False, "new")


def test_connections__switching_on_again_forgets_why_it_was_off() -> None:
    post(CRM)
    Connection.objects.update(is_active=False, disabled_reason="410")
    assert patch("crm", {"is_active": True}).json()["disabled_reason"] == ""


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"settings": {}}, "/settings/base_url"),
        ({"settings": {"base_url": "ftp://x"}}, "/settings/base_url"),
        ({"settings": {"base_url": "http://127.0.0.1:8000/"}}, "/settings/base_url"),
        ({"settings": {"base_url": 7}}, "/settings/base_url"),
        ({"settings": {"base_url": "https://x.example", "colour": "red"}}, "/settings/colour"),
        ({"settings": {"base_url": "https://x.example", "paths": []}}, "/settings/paths"),
        (
            {"settings": {"base_url": "https://x.example", "paths": {"make_coffee": "/c"}}},
            "/settings/paths/make_coffee",
        ),
        ({"kind": "pigeon"}, "/kind"),
        ({"slug": "user_id"}, "/slug"),
        (
            {"kind": "webhook", "settings": {"url": "https://x.example", "secret": "short"}},
            "/settings/secret",
        ),
    ],
)
def test_connections__faults_are_named(body: dict[str, Any], path: str) -> None:
    response = post(CRM | body)
    assert response.status_code == 400, response.content
    assert [fault["path"] for fault in response.json()["errors"]] == [path]
    assert not Connection.objects.exists()


def test_connections__own_networks_can_be_allowed(settings: Settings) -> None:
    settings.WAYFARE_ALLOW_PRIVATE_DESTINATIONS = True
    assert post(CRM | {"settings": {"base_url": "http://127.0.0.1:8000/"}}).status_code == 201


def test_connections__a_slug_once() -> None:
    post(CRM)
    assert post(CRM).status_code == 400


def test_roles() -> None:
    assert post(CRM, role=Role.MARKETER).status_code == 403
    assert api(Role.MARKETER).get("/api/v1/connections/").status_code == 200
    assert Client().get("/api/v1/connections/").status_code == 401
