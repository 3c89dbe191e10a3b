"""An order reaches HubSpot without a journey, what sales do there comes back, and nothing goes round."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings

from cdp_site.pages.feed_forms import PROPOSED
from cdp_site.pipeline.feeds import save_feed
from connectors import vault
from connectors.domain.feed import FeedAction
from connectors.models import Connection, Delivery
from connectors.services import ConnectionDraft, FeedDraft, save_connection
from profiles.models import Event
from tests import build, sinks
from tests.connectors.crms import TOKEN, HubSpotCrm
from tests.end_to_end.product import Product

SECRET = "client-secret-1"


@pytest.fixture
def hubspot(product: Product) -> Iterator[HubSpotCrm]:
    """HubSpot, connected and fed with what matters."""
    server = HubSpotCrm()
    with sinks.http_server(server):
        draft = ConnectionDraft(
            name="HubSpot",
            kind="hubspot",
            settings={"base_url": server.url, "token": TOKEN, "calls_a_second": "1000"},
        )
        connection, _made = save_connection("hubspot", draft=draft, actor="mia")
        actions = [
            FeedAction(
                event="Order *", action="create_deal", fields={"amount": "{{ event.properties.revenue }}"}
            ),
            FeedAction(event="", action="upsert_contact"),
        ]
        condition = {
            "language": 1,
            "if": {"any": [*PROPOSED["any"], {"event": "deal.*"}, {"event": "contact.*"}]},
        }
        save_feed(
            connection,
            FeedDraft(condition=condition, actions=actions, is_active=True),
            actor="mia",
            now=product.clock.now,
        )
        build.source(slug="hubspot", kind="hubspot", trust="server", secret=vault.seal(SECRET))
        yield server


def tells(product: Product, *changes: dict[str, Any]) -> str:
    """Have HubSpot tell of changes; gives the outcome."""
    body, stamp = json.dumps(changes), str(int(product.clock.now.timestamp() * 1000))
    signed = f"POST{settings.BASE_URL}/hooks/hubspot{body}{stamp}".encode()
    signature = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    headers = {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": stamp}
    answer = product.client.post("/hooks/hubspot", body, content_type="application/json", headers=headers)
    assert answer.status_code == 200, answer.content
    return str(answer.json()["outcome"])


def change(product: Product, kind: str, object_id: str, name: str, value: str) -> dict[str, Any]:
    return {
        "eventId": time.monotonic_ns(),
        "subscriptionType": f"{kind}.propertyChange",
        "objectId": int(object_id),
        "propertyName": name,
        "propertyValue": value,
        "occurredAt": int(product.clock.now.timestamp() * 1000),
    }


def test_crm__an_order_becomes_a_deal_and_its_stage_a_trait(product: Product, hubspot: HubSpotCrm) -> None:
    ada = {"email": "ada@example.com", "firstName": "Ada"}
    product.tell({"type": "identify", "userId": "ada", "traits": ada}, source=product.backend)
    product.tell(
        {"type": "page", "userId": "ada", "name": "Lamp"},
        {"type": "track", "userId": "ada", "event": "Product Added"},
        {"type": "track", "userId": "ada", "event": "Order Completed", "properties": {"revenue": 99}},
        source=product.backend,
    )
    product.settle()

    (contact,) = hubspot.contacts
    assert hubspot.contacts[contact]["firstname"] == "Ada"
    (deal_id,) = hubspot.things
    assert (hubspot.things[deal_id]["amount"], hubspot.things[deal_id]["contact"]) == ("99", contact)
    assert product.person(contact, kind="hubspot") == product.person("ada")

    echo = change(product, "contact", contact, "firstname", "Ada")
    won = change(product, "deal", deal_id, "dealstage", "closedwon")
    assert tells(product, echo) == "echo"
    assert tells(product, won, change(product, "contact", contact, "hubspot_owner_id", "7")) == "stored"
    product.settle()

    person = product.person("ada")
    assert (person.traits["hubspot_stage"], person.traits["hubspot_owner"]) == ("closedwon", "7")
    assert Event.objects.filter(name__name="deal.stage_changed", person_id=person.pk).count() == 1
    assert Delivery.objects.filter(state="sent").count() == Delivery.objects.count() == 2
    assert Connection.objects.get(slug="hubspot").is_active
