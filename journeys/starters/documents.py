"""The documents of the journeys to start from. Each builder is given the connection that takes CRM actions.

They use the names of the common event catalogue. Mails to win somebody are marketing and need consent; what
answers something the person did is service. Where a journey has a goal, everybody stays long enough to be
seen reaching it.
"""

from typing import Any, Final

from django.utils.translation import gettext as _

Document = dict[str, Any]
Steps = list[Document]

ORDER: Final = "Order Completed"
VIEWED: Final = "Product Viewed"
REVIEWED: Final = "Product Reviewed"
SINCE_ENTRY: Final = {"since": "entry"}


def welcome(crm: str) -> Document:
    return _journey(
        {"event": "Signed Up"},
        _mail("hello", "welcome", name=_("Say welcome"), of="service"),
        _wait("settle", "P2D"),
        {
            "id": "ordered",
            "kind": "wait_until",
            "name": _("Until the first order"),
            "if": _ordered(),
            "timeout": "P3D",
            "then": [_mail("thanks", "first-order", name=_("Thank for the first order"), of="service")],
            "else": [
                _mail("help", "first-steps", name=_("Help with the first steps")),
                _wait("time", "P14D"),
            ],
        },
        reentry={"policy": "never"},
    )


def third_visit(crm: str) -> Document:
    here = [_same("path")]
    viewed = {"event": "Page Viewed", "where": here, "count": {"op": "exactly", "value": 3}}
    return _journey(
        {
            "event": "Page Viewed",
            "where": [{"property": "path", "op": "starts_with", "value": "/products/"}],
        },
        {
            "id": "known",
            "kind": "wait_until",
            "name": _("Until we know whom to write to"),
            "if": {"known": "email"},
            "timeout": "P1D",
            "else": [_leave("stranger", _("nobody we know"))],
        },
        _mail("mail", "third-visit", name=_("Offer help")),
        _wait("time", "P7D"),
        condition=viewed | {"during": {"last": "P7D"}},
        reentry={"policy": "after_exit", "not_within": "P14D"},
        goal=_ordered(),
    )


def abandoned_cart(crm: str) -> Document:
    reminders = [
        _mail("first", "cart-reminder", name=_("Remind of the cart")),
        _wait("day", "P1D"),
        _mail("second", "cart-last-call", name=_("Remind once more")),
    ]
    return _journey(
        {"event": "Cart Updated"},
        _wait("quiet", "PT4H", name=_("Until the cart is left alone")),
        _split("test", _("Reminders"), reminders),
        _wait("time", "P3D", name=_("Time to order")),
        key="properties.cart_id",
        reentry={"policy": "after_exit", "again": "restart"},
        goal=_ordered(_same("cart_id")),
    )


def browse_abandonment(crm: str) -> Document:
    return _journey(
        {"event": VIEWED},
        _wait("quiet", "PT2H", name=_("Until they have stopped looking")),
        _mail("mail", "browse-reminder", name=_("Show it again")),
        _wait("time", "P3D", name=_("Time to order")),
        reentry={"policy": "after_exit", "not_within": "P7D", "again": "restart"},
        exit_when={"event": "Product Added", "during": SINCE_ENTRY},
        goal=_ordered(),
    )


def post_purchase(crm: str) -> Document:
    reviewed = {"event": REVIEWED, "during": SINCE_ENTRY}
    happy = {"last": REVIEWED, "had": [{"property": "rating", "op": "at_least", "value": 4}]}
    return _journey(
        {"event": ORDER},
        _wait("used", "P10D", name=_("Until it was tried")),
        _mail("ask", "review-request", name=_("Ask for a review")),
        {
            "id": "reviewed",
            "kind": "wait_until",
            "name": _("Until the review"),
            "if": reviewed,
            "timeout": "P14D",
            "then": [
                {
                    "id": "mood",
                    "kind": "branch",
                    "cases": [
                        {
                            "name": _("Four stars and more"),
                            "if": happy,
                            "steps": [_mail("thanks", "review-thanks", name=_("Thank them"), of="service")],
                        }
                    ],
                    "else": [],
                }
            ],
            "else": [_mail("again", "review-reminder", name=_("Ask once more"))],
        },
        key="properties.order_id",
    )


def bad_review(crm: str) -> Document:
    bad = [{"property": "rating", "op": "at_most", "value": 2}]
    task = {
        "subject": _("Call about a bad review"),
        "note": "{{ entry.properties.review_body|default('') }}",
    }
    return _journey(
        {"event": REVIEWED, "where": bad},
        _crm("task", crm, "create_task", task, name=_("Task for the service")),
        _mail("sorry", "review-sorry", name=_("Say that we care"), of="service"),
        _wait("time", "P30D", name=_("See whether they come back")),
        goal=_ordered(),
    )


def win_back(crm: str) -> Document:
    def until_order(step_id: str, then: str, other: Steps) -> Document:
        return {
            "id": step_id,
            "kind": "wait_until",
            "name": _("Until they order again"),
            "if": {"event": ORDER, "during": {"since": "entry"}},
            "timeout": "P14D",
            "then": [_leave(then, _("came back"))],
            "else": other,
        }

    return _journey(
        {"event": ORDER},
        _wait("quiet", "P90D", name=_("Ninety days without an order")),
        _mail("first", "win-back", name=_("Say that we miss them")),
        until_order("answer", "back", [_mail("second", "win-back-offer", name=_("Make an offer"))]),
        until_order("last", "late", []),
        reentry={"policy": "after_exit", "again": "restart"},
    )


def birthday(crm: str) -> Document:
    return _journey(
        {"date": "birthday", "every": "year", "at": "09:00"},
        _mail("wishes", "birthday", name=_("Best wishes")),
        _wait("time", "P14D", name=_("Time to use the present")),
        reentry={"policy": "after_exit", "not_within": "P300D"},
        goal=_ordered(),
    )


def vip_hand_over(crm: str) -> Document:
    spent = {
        "total": "sum",
        "event": ORDER,
        "property": "revenue",
        "during": {"last": "P365D"},
        "op": "at_least",
        "value": 1000,
    }
    task = {"subject": _("Welcome a new VIP customer in person")}
    return _journey(
        {"event": ORDER},
        {"id": "mark", "kind": "set_trait", "name": _("Mark them"), "set": {"vip": True}},
        _crm("task", crm, "create_task", task, name=_("Task for sales")),
        {
            "id": "morning",
            "kind": "wait",
            "name": _("A good hour"),
            "until": {"from": "09:00", "to": "17:00", "days": ["mon", "tue", "wed", "thu", "fri"]},
        },
        _mail("mail", "vip-welcome", name=_("Introduce their contact"), of="service"),
        condition=spent,
        reentry={"policy": "never"},
    )


def price_drop(crm: str) -> Document:
    return _journey(
        {"event": "Product Added to Wishlist"},
        {
            "id": "drop",
            "kind": "wait_until",
            "name": _("Until the price drops"),
            "if": {"event": "Price Dropped", "where": [_same("product_id")], "during": SINCE_ENTRY},
            "timeout": "P90D",
            "else": [_leave("never", _("the price stayed"))],
        },
        _mail("mail", "price-drop", name=_("Tell the new price")),
        _wait("time", "P3D", name=_("Time to order")),
        key="properties.product_id",
        goal=_ordered(_same("product_id")),
    )


def _journey(
    on: Document,
    *steps: Document,
    condition: Document | None = None,
    key: str = "",
    reentry: Document | None = None,
    goal: Document | None = None,
    exit_when: Document | None = None,
) -> Document:
    entry = {"on": on, "if": condition, "key": key, "reentry": reentry}
    parts = {
        "language": 1,
        "entry": {name: part for name, part in entry.items() if part},
        "goal": goal,
        "exit_when": exit_when,
        "steps": list(steps),
    }
    return {name: part for name, part in parts.items() if part is not None}


def _mail(step_id: str, template: str, *, name: str, of: str = "marketing") -> Document:
    return {
        "id": step_id,
        "kind": "send",
        "name": name,
        "channel": "email",
        "template": template,
        "class": of,
    }


def _crm(step_id: str, connection: str, action: str, fields: Document, *, name: str) -> Document:
    return {
        "id": step_id,
        "kind": "crm",
        "name": name,
        "connection": connection,
        "action": action,
        "fields": fields,
    }


def _wait(step_id: str, length: str, *, name: str = "") -> Document:
    step = {"id": step_id, "kind": "wait", "for": length}
    return {**step, "name": name} if name else step


def _split(step_id: str, name: str, steps: Steps) -> Document:
    """Nine in ten take the steps; one is held out, so that results can tell what the steps are good for."""
    variants = [{"name": name, "share": 90, "steps": steps}]
    return {"id": step_id, "kind": "split", "salt": step_id, "variants": variants, "hold_out": 10}


def _leave(step_id: str, reason: str) -> Document:
    return {"id": step_id, "kind": "exit", "reason": reason}


def _ordered(*where: Document) -> Document:
    return {"event": ORDER, "during": SINCE_ENTRY, **({"where": list(where)} if where else {})}


def _same(name: str) -> Document:
    return {"property": name, "op": "is", "same_as": {"entry": f"properties.{name}"}}
