"""The past of the real customers as messages: their orders, and visits around them.

Orders are the file's. Visits are made up, since the file has none, and say so: each carries
`"generated": true`. Message ids follow from the file's lines, so that a repeated import counts nothing
twice while equal lines stay orders of their own.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from cdp_site.demo.orders import Order, instant_of

Message = dict[str, Any]

ORDERED = "Order Completed"
VIEWED = "Page Viewed"
_MINUTES_BEFORE = (25, 4)  # an order is preceded by a look at a list and one at a record
_SHELVES = ("rock", "jazz", "classical", "soundtracks", "new-releases")


def user_of(customer: str) -> str:
    """The customer's number as the shop's own systems know it."""
    return f"cdnow-{customer}"


def messages_of(orders: Sequence[Order], *, now: datetime) -> Iterator[Message]:
    """Tell the customers' past, each one's messages in the order of time.

    The visits before a customer's first order are anonymous; registering with that order makes them
    theirs.
    """
    last_day = max(order.on for order in orders)
    by_customer: dict[str, list[Order]] = defaultdict(list)
    for order in orders:
        by_customer[order.customer].append(order)
    for customer, own in by_customer.items():
        yield from _customer(customer, own, last_day=last_day, now=now)


def visits_in(orders: Sequence[Order]) -> int:
    """How many visits `messages_of` makes up for these orders."""
    return len(orders) * len(_MINUTES_BEFORE)


def _customer(customer: str, orders: Sequence[Order], *, last_day: date, now: datetime) -> Iterator[Message]:
    device = {"anonymousId": f"cdnow-device-{customer}"}
    known = device | {"userId": user_of(customer)}
    who = device
    ordered = sorted(orders, key=lambda order: (order.on, order.line))
    for order in ordered:
        at = instant_of(order, last_day=last_day, now=now)
        for number, minutes in enumerate(_MINUTES_BEFORE):
            yield _visit(order, number, at=at - timedelta(minutes=minutes), who=who)
        if who is device:
            who = known
            yield _registration(order, at=at - timedelta(minutes=1), who=known)
        yield _order(order, at=at, who=known)


def _visit(order: Order, number: int, *, at: datetime, who: Message) -> Message:
    shelf = _SHELVES[(order.line + number) % len(_SHELVES)]
    path = f"/products/{shelf}" if number == 0 else f"/products/{shelf}/{order.line % 400}"
    return who | {
        "type": "page",
        "messageId": f"cdnow-visit-{order.line}-{number}",
        "timestamp": at.isoformat(),
        "properties": {"path": path, "generated": True},
    }


def _registration(order: Order, *, at: datetime, who: Message) -> Message:
    return who | {
        "type": "identify",
        "messageId": f"cdnow-identify-{order.customer}",
        "timestamp": at.isoformat(),
        "traits": {"customerNumber": order.customer, "cohort": f"{order.on:%Y-%m}", "origin": "CDNOW"},
    }


def _order(order: Order, *, at: datetime, who: Message) -> Message:
    return who | {
        "type": "track",
        "event": ORDERED,
        "messageId": f"cdnow-order-{order.line}",
        "timestamp": at.isoformat(),
        "properties": {
            "order_id": f"cdnow-{order.line}",
            "revenue": float(order.amount),
            "currency": "USD",
            "quantity": order.quantity,
        },
    }
