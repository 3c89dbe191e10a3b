"""The story the product exists for, as a journey and as the messages that people's browsers send."""

from typing import Any

from tests import build
from tests.end_to_end.product import Message, Product

TENT = "/products/trail-tent"
BODY = (
    "<mjml><mj-body><mj-section><mj-column><mj-text>Hello {{ person.name }},</mj-text>"
    '<mj-button href="https://shop.example/products/trail-tent">Look again</mj-button>'
    '<mj-text><a href="{{ unsubscribe_url }}">No more mails</a></mj-text>'
    "</mj-column></mj-section></mj-body></mjml>"
)
JOURNEY: dict[str, Any] = {
    "language": 1,
    "entry": {
        "on": {"event": "Page Viewed", "where": [{"property": "path", "op": "is", "value": TENT}]},
        "if": {
            "event": "Page Viewed",
            "where": [{"property": "path", "op": "is", "value": TENT}],
            "count": {"op": "exactly", "value": 3},
            "during": {"last": "P7D"},
        },
    },
    "goal": {
        "if": {"event": "Order Completed", "during": {"since": "entry"}},
        "steps": [
            {
                "id": "deal",
                "kind": "crm",
                "connection": "crm",
                "action": "create_deal",
                "fields": {"amount": "{{ event.properties.revenue }}"},
            }
        ],
    },
    "steps": [
        {
            "id": "registered",
            "kind": "wait_until",
            "if": {"known": "email"},
            "timeout": "P1D",
            "else": [{"id": "stranger", "kind": "exit", "reason": "did not register"}],
        },
        {"id": "mail", "kind": "send", "channel": "email", "template": "tent", "class": "marketing"},
        {"id": "time", "kind": "wait", "for": "P2D"},
        {
            "id": "call",
            "kind": "crm",
            "connection": "crm",
            "action": "create_task",
            "fields": {"subject": "Call {{ person.name }}"},
        },
    ],
}


def publish(product: Product) -> None:
    """Put the template and the journey in place."""
    build.template(slug="tent", subject="Still thinking, {{ person.name }}?", body=BODY)
    product.publish("third-visit", JOURNEY)


def visit(device: str, *, user: str = "", path: str = TENT, **extra: Any) -> Message:
    message: Message = {"type": "page", "anonymousId": device, "properties": {"path": path}, **extra}
    return {**message, "userId": user} if user else message


def agree(device: str, *, to_mails: bool = True) -> Message:
    """Answer the question whether mails are welcome."""
    consent = {"categoryPreferences": {"email_marketing": to_mails}}
    return {
        "type": "track",
        "event": "Consent Updated",
        "anonymousId": device,
        "context": {"consent": consent},
    }


def register(device: str, *, user: str) -> Message:
    traits = {"name": user.capitalize(), "email": f"{user}@example.com"}
    return {"type": "identify", "anonymousId": device, "userId": user, "traits": traits}


def order(device: str, *, user: str, revenue: float = 249) -> Message:
    properties = {"order_id": "L-1", "revenue": revenue, "currency": "EUR"}
    return {
        "type": "track",
        "event": "Order Completed",
        "anonymousId": device,
        "userId": user,
        "properties": properties,
    }
