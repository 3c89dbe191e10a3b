"""Sources: made and changed by API, on the page and from the command line."""

import html
import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from cdp_site.api import issue_token
from cdp_site.models import ApiToken, AuditEntry
from cdp_site.web import Role
from connectors import keys, vault
from connectors.models import Source
from connectors.services.results import internal_source
from connectors.source_services import SourceDraft, change_source, make_source
from tests import build

pytestmark = pytest.mark.django_db


class Api:
    """The management API with a token of somebody who has this role."""

    def __init__(self, role: Role) -> None:
        self._client = Client(headers={"Authorization": f"Bearer {issue_token(build.user(role=role))}"})

    def get(self, path: str) -> Any:
        return self._client.get(path)

    def send(self, method: str, path: str, body: dict[str, Any]) -> Any:
        return self._client.generic(method, path, json.dumps(body), content_type="application/json")


@pytest.fixture
def api() -> Api:
    return Api(Role.ADMIN)


# -- API -----------------------------------------------------------------------------------------------


def test_api__makes_a_source_with_a_key(api: Api) -> None:
    answer = api.send("POST", "/api/v1/sources/", {"slug": "shop", "name": "Shop", "kind": "http"})
    assert answer.status_code == 201, answer.content
    body = answer.json()
    source = Source.objects.get()
    assert (body["slug"], body["trust"], body["write_key"]) == ("shop", "public", source.write_key)
    assert (body["secret"], body["last_message_at"], body["is_active"]) == (None, None, True)
    assert len(source.write_key) >= 20
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.object_id) == ("source.make", "shop")
    assert source.write_key not in str(entry.after)


def test_api__the_products_own_name_is_taken(api: Api) -> None:
    answer = api.send("POST", "/api/v1/sources/", {"slug": "wayfare", "name": "Shop", "kind": "http"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"] == "/slug"
    assert not Source.objects.exists()


def test_api__a_signed_source_shows_its_secret_once(api: Api) -> None:
    body = api.send("POST", "/api/v1/sources/", {"slug": "crm", "name": "CRM", "kind": "crm"}).json()
    source = Source.objects.get()
    assert body["secret"].startswith("whsec_")
    assert body["write_key"] is None
    assert vault.unseal(source.secret) == body["secret"]
    assert body["secret"] not in source.secret
    assert "secret" not in api.get("/api/v1/sources/crm/").json()


def test_api__a_given_secret_is_kept(api: Api) -> None:
    given = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = {"slug": "crm", "name": "CRM", "kind": "crm", "secret": given, "trust": "server"}
    assert api.send("POST", "/api/v1/sources/", body).status_code == 201
    source = Source.objects.get()
    assert (vault.unseal(source.secret), source.trust) == (given, "server")


FAULTS = {
    "no name": {"slug": "a"},
    "no slug": {"name": "A"},
    "bad slug": {"slug": "a b", "name": "A"},
    "unknown kind": {"slug": "a", "name": "A", "kind": "carrier-pigeon"},
    "unknown trust": {"slug": "a", "name": "A", "trust": "blind"},
    "taken": {"slug": "shop", "name": "Another"},
}


@pytest.mark.parametrize("body", FAULTS.values(), ids=list(FAULTS))
def test_api__refuses(api: Api, body: dict[str, Any]) -> None:
    build.source(slug="shop")
    answer = api.send("POST", "/api/v1/sources/", body)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"]
    assert Source.objects.count() == 1


def test_api__lists_and_shows(api: Api) -> None:
    for slug in ("one", "two"):
        build.source(slug=slug)
    assert [one["slug"] for one in api.get("/api/v1/sources/").json()["results"]] == ["two", "one"]
    assert api.get("/api/v1/sources/one/").json()["name"] == "One"
    assert api.get("/api/v1/sources/three/").status_code == 404


def test_api__changes(api: Api) -> None:
    source = build.source(slug="shop")
    body = {"name": "The shop", "trust": "server", "rate_limit": 50, "is_active": False}
    answer = api.send("PATCH", "/api/v1/sources/shop/", body)
    assert answer.status_code == 200, answer.content
    assert answer.json() | body == answer.json()
    source.refresh_from_db()
    assert (source.name, source.trust, source.settings, source.is_active) == (
        "The shop",
        "server",
        {"rate_limit": 50},
        False,
    )
    entry = AuditEntry.objects.get()
    assert entry.before is not None
    assert entry.after is not None
    assert (entry.before["trust"], entry.after["trust"]) == ("public", "server")
    assert api.send("PATCH", "/api/v1/sources/shop/", {"rate_limit": None}).json()["rate_limit"] is None


@pytest.mark.parametrize(("role", "reads"), [(Role.MARKETER, 200), (Role.SERVICE, 403)])
def test_api__roles(role: Role, reads: int) -> None:
    build.source(slug="shop")
    api = Api(role)
    assert api.get("/api/v1/sources/").status_code == reads
    assert api.send("POST", "/api/v1/sources/", {"slug": "x", "name": "X"}).status_code == 403
    assert api.send("PATCH", "/api/v1/sources/shop/", {"name": "X"}).status_code == 403


# -- services ------------------------------------------------------------------------------------------


def test_change__is_seen_by_the_door_at_once(django_capture_on_commit_callbacks: Any) -> None:
    keys.forget()
    source = make_source(SourceDraft(slug="shop", name="Shop"), actor="mia")
    door = keys.door_of(source.write_key)
    assert door is not None
    assert (door.is_server, door.rate_limit) == (False, None)
    with django_capture_on_commit_callbacks(execute=True):
        change_source(source, changes={"trust": "server", "rate_limit": 7}, actor="mia")
    door = keys.door_of(source.write_key)
    assert door is not None
    assert (door.is_server, door.rate_limit) == (True, 7)


def test_change__a_secret_is_not_written_down(api: Api) -> None:
    source = make_source(SourceDraft(slug="shop", name="Shop"), actor="mia")
    change_source(source, changes={"secret": "whsec_abc"}, actor="mia")
    assert vault.unseal(Source.objects.get().secret) == "whsec_abc"
    assert "whsec_abc" not in str(AuditEntry.objects.latest("id").after)


# -- commands ------------------------------------------------------------------------------------------


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_key__makes_then_shows() -> None:
    printed = run("key", "My Shop")
    source = Source.objects.get()
    assert (source.slug, source.name, source.trust) == ("my-shop", "My Shop", "public")
    assert printed == f"{source.write_key}\n"
    assert run("key", "my shop") == printed
    assert run("key", "My Shop", "--trust", "server") == printed
    source.refresh_from_db()
    assert source.trust == "server"
    assert run("key", "My Shop") == printed
    source.refresh_from_db()
    assert source.trust == "server"


def test_key__needs_a_name() -> None:
    with pytest.raises(CommandError):
        run("key", "!!!")


def test_token__makes_the_user_and_works(client: Client) -> None:
    token = run("token", "robot", "--role", "admin").strip()
    assert ApiToken.objects.get().user.username == "robot"
    assert not ApiToken.objects.get().user.has_usable_password()
    answer = client.get("/api/v1/sources/", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    other = run("token", "robot").strip()
    assert other != token
    assert AuditEntry.objects.filter(verb="token.issue").count() == 2
    assert token not in str(list(AuditEntry.objects.values()))


# -- pages ---------------------------------------------------------------------------------------------


def page(client: Client, role: Role, path: str = "/sources/") -> str:
    client.force_login(build.user(role=role))
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_page__empty(client: Client) -> None:
    assert "No sources yet" in page(client, Role.ADMIN)


def test_page__shows_what_to_paste(client: Client) -> None:
    shop = build.source(slug="shop")
    backend = build.source(slug="backend", trust="server")
    crm = build.source(slug="crm", kind="crm")
    shown = page(client, Role.ADMIN)
    assert f'/wayfare.js" data-key="{shop.write_key}"' in html.unescape(shown)
    assert backend.write_key in shown
    assert "/hooks/crm" in shown
    assert crm.write_key not in shown


def test_page__does_not_offer_the_products_own_source(client: Client) -> None:
    own = internal_source()
    assert f"/hooks/{own.slug}" not in page(client, Role.ADMIN)


def test_page__a_server_key_is_for_admins(client: Client) -> None:
    shop = build.source(slug="shop")
    backend = build.source(slug="backend", trust="server")
    shown = page(client, Role.MARKETER)
    assert shop.write_key in shown
    assert backend.write_key not in shown
    assert reverse("connectors:source-create") not in shown


def test_page__makes_a_source(client: Client) -> None:
    assert "New source" in page(client, Role.ADMIN, "/sources/new/")
    answer = client.post("/sources/new/", {"name": "My Shop", "kind": "http", "trust": "public"})
    source = Source.objects.get()
    assert (answer.status_code, source.slug) == (200, "my-shop")
    assert source.write_key in answer.content.decode()


def test_page__a_secret_is_shown_once(client: Client) -> None:
    client.force_login(build.user(role=Role.ADMIN))
    answer = client.post("/sources/new/", {"name": "CRM", "kind": "crm", "trust": "server"})
    secret = vault.unseal(Source.objects.get().secret)
    assert secret in answer.content.decode()
    assert secret not in client.get("/sources/").content.decode()


@pytest.mark.parametrize(
    "fields", [{"name": ""}, {"name": "!!!"}, {"name": "Shop"}, {"kind": "x"}, {"trust": "x"}]
)
def test_page__says_what_is_wrong(client: Client, fields: dict[str, str]) -> None:
    build.source(slug="shop")
    client.force_login(build.user(role=Role.ADMIN))
    answer = client.post("/sources/new/", {"name": "New", "kind": "http", "trust": "public"} | fields)
    assert answer.status_code == 200
    assert 'class="err"' in answer.content.decode()
    assert Source.objects.count() == 1
