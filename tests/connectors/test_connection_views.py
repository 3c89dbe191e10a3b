"""The pages of connections: setting one up, trying it, pausing it, seeing how it fares."""

import pytest
from django.test import Client

from cdp_site.models import AuditEntry
from cdp_site.web import Role
from connectors import vault
from connectors.models import Connection, Destination
from connectors.services import send_due
from profiles.models import Person
from tests import build, sinks
from tests.connectors.crms import TOKEN, HubSpotCrm
from tests.connectors.outbox import NOW, queue

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(build.user(role=Role.ADMIN))
    return client


def text(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def hubspot(**changes: str) -> dict[str, object]:
    return {
        "name": "Our HubSpot",
        "token": TOKEN,
        "contact_key": "email",
        "contact_value": "email",
        "id_property": "wayfare_id",
        "deal_pipeline": "default",
        "deal_stage": "new",
        "calls_a_second": "9",
        "base_url": "https://api.hubapi.com",
        "map-field": ["firstname", "plan", ""],
        "map-source": ["traits.firstName", "traits.subscription.plan", "email"],
        "do": "save",
        **changes,
    }


def test_form__makes_changes_and_keeps_the_secret(admin: Client) -> None:
    assert admin.get("/connections/+new/").status_code == 200
    assert "traits.firstName" in text(admin, "/connections/+new/hubspot/")
    made = admin.post("/connections/+new/hubspot/", hubspot())
    assert made.status_code == 302, made.content.decode()
    row = Connection.objects.get()
    assert (row.slug, row.kind, row.settings["deal_stage"]) == ("our-hubspot", "hubspot", "new")
    assert row.settings["mapping"] == {"firstname": "traits.firstName", "plan": "traits.subscription.plan"}
    assert TOKEN not in str(row.settings)
    shown = text(admin, "/connections/our-hubspot/")
    assert TOKEN not in shown
    assert "traits.subscription.plan" in shown
    again = admin.post("/connections/our-hubspot/", hubspot(name="HubSpot", token="", deal_stage="later"))
    assert again.status_code == 302
    row.refresh_from_db()
    assert (row.name, row.settings["deal_stage"], vault.unseal(row.secret)) == ("HubSpot", "later", TOKEN)
    assert set(AuditEntry.objects.values_list("verb", flat=True)) >= {"connection.make", "connection.change"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"token": ""}, "This field is required"),
        ({"base_url": "http://127.0.0.1:1"}, "Private addresses are not called"),
        ({"map-field": "x", "map-source": "nonsense"}, "begins with traits. or identities."),
        ({"calls_a_second": "0"}, "above zero"),
    ],
)
def test_form__says_what_is_wrong(admin: Client, changes: dict[str, str], said: str) -> None:
    response = admin.post("/connections/+new/hubspot/", hubspot(**changes))
    assert response.status_code == 200
    assert said in response.content.decode()
    assert not Connection.objects.exists()


def test_form__salesforce_keeps_two_secrets(admin: Client) -> None:
    given = {
        "name": "SF",
        "base_url": "https://x.my.salesforce.com",
        "client_id": "c",
        "client_secret": "s-1",
    }
    given |= {
        "refresh_token": "r-1",
        "contact_key": "Wayfare_Id__c",
        "contact_value": "id",
        "calls_a_second": "5",
    }
    given |= {"id_field": "Wayfare_Id__c", "deal_stage": "Prospecting"}
    assert admin.post("/connections/+new/salesforce/", given).status_code == 302
    assert (
        admin.post("/connections/sf/", given | {"client_secret": "s-2", "refresh_token": ""}).status_code
        == 302
    )
    row = Connection.objects.get()
    assert not {"s-1", "s-2", "r-1"} & set(map(str, row.settings.values()))
    assert vault.unseal(row.secret) == '{"client_secret": "s-2", "refresh_token": "r-1"}'


def test_form__a_secret_made_here_is_shown_once(admin: Client) -> None:
    given = {"name": "Hook", "url": "https://x.example/in", "secret": "", "type": "a.b"}
    made = admin.post("/connections/+new/webhook/", given)
    secret = vault.unseal(Connection.objects.get().secret)
    assert secret in made.content.decode()
    assert secret not in text(admin, "/connections/hook/")


def test_preview__shows_a_real_person(admin: Client, ada: Person) -> None:
    build.person(traits={"firstName": "Newest"}, identities={"user_id": "9"})
    newest = admin.post("/connections/+preview/hubspot/", hubspot()).content.decode()
    assert "Newest" in newest
    assert "nothing to stand in email" in newest
    asked = hubspot(**{"preview-person": "42"})
    shown = admin.post("/connections/+preview/hubspot/", asked).content.decode()
    assert "found by email = ada@example.com" in shown
    assert "left out" in shown
    unknown = admin.post("/connections/+preview/hubspot/", hubspot(**{"preview-person": "77"}))
    assert "Nobody is known by that" in unknown.content.decode()


def test_check__says_what_came_of_it(admin: Client, own_network: None) -> None:
    server = HubSpotCrm()
    with sinks.http_server(server):
        admin.post("/connections/+new/hubspot/", hubspot(base_url=server.url))
        good = admin.post("/connections/our-hubspot/check/", follow=True).content.decode()
        server.properties = frozenset({"email"})
        lacking = admin.post("/connections/our-hubspot/check/", follow=True).content.decode()
        fields = admin.post("/connections/our-hubspot/", hubspot(do="fields")).content.decode()
    gone = admin.post("/connections/our-hubspot/check/", follow=True).content.decode()
    assert "answers and lets us in" in good
    assert "deals have no property" in lacking
    assert '<option value="firstname">First name</option>' in fields
    assert "cannot be reached" in gone


def test_list__shows_how_it_fares_and_pauses(admin: Client, ada: Person, crm_connection: Connection) -> None:
    crm_connection.settings["base_url"] = f"http://127.0.0.1:{sinks.free_port()}"
    crm_connection.save()
    queue(ada, key="1", channel="crm")
    queue(ada, key="2", channel="crm", action="make_coffee")
    send_due(NOW)
    shown = text(admin, "/connections/")
    assert "cannot be reached" in shown
    assert "knows no action" in shown
    assert Destination.objects.get().failure_count == 1
    admin.post("/connections/crm/pause/", {"do": "pause"})
    assert not Connection.objects.get().is_active
    assert "Paused" in text(admin, "/connections/")
    admin.post("/connections/crm/pause/", {"do": "resume"})
    assert Connection.objects.get().is_active


def test_check__webhook_and_generic_crm(
    admin: Client, webhook_connection: Connection, crm_connection: Connection
) -> None:
    for slug in ("hook", "crm"):
        shown = admin.post(f"/connections/{slug}/check/", follow=True).content.decode()
        assert "answers and lets us in" in shown, slug
