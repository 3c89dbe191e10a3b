"""Rules to start from: what shops and services ask for first, in the names of the common event catalogue.

Whoever takes one gets a copy to change; nothing here is kept up to date by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

_ORDER: Final = "Order Completed"
_VIEWED: Final = "Product Viewed"
_ADDED: Final = "Product Added"
_REVIEW: Final = "Product Reviewed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """One rule to start from."""

    slug: str
    name: Promise
    why: Promise  # what it is good for
    icon: str
    condition: Any


def _ordered(**more: Any) -> dict[str, Any]:
    return {"event": _ORDER, **more}


def _never(event: str, **more: Any) -> dict[str, Any]:
    return {"event": event, **more, "count": {"op": "exactly", "value": 0}}


def _spent(amount: int, *, days: int) -> dict[str, Any]:
    return {
        "total": "sum",
        "event": _ORDER,
        "property": "revenue",
        "during": {"last": f"P{days}D"},
        "op": "at_least",
        "value": amount,
    }


STARTERS: Final[Sequence[Starter]] = (
    Starter(
        slug="vip",
        name=gettext_lazy("VIP customers"),
        why=gettext_lazy("Those who carry the business: thank them, ask them, never bore them."),
        icon="gem",
        condition={
            "all": [
                _spent(1000, days=365),
                _ordered(count={"op": "at_least", "value": 3}, during={"last": "P365D"}),
            ]
        },
    ),
    Starter(
        slug="big-spenders",
        name=gettext_lazy("Big spenders of 90 days"),
        why=gettext_lazy("Who spends much right now, old customers and new ones."),
        icon="coins",
        condition={"all": [_spent(500, days=90)]},
    ),
    Starter(
        slug="newcomers",
        name=gettext_lazy("First order in the last 30 days"),
        why=gettext_lazy("A good second experience decides whether they come back."),
        icon="sprout",
        condition={
            "all": [
                _ordered(during={"last": "P30D"}),
                _never(_ORDER, during={"before_last": "P30D"}),
            ]
        },
    ),
    Starter(
        slug="at-risk",
        name=gettext_lazy("At risk"),
        why=gettext_lazy("Regular customers who have become quiet, before they are gone."),
        icon="heart-crack",
        condition={
            "all": [
                _ordered(count={"op": "at_least", "value": 2}),
                _never(_ORDER, during={"last": "P90D"}),
                _ordered(during={"last": "P365D"}),
            ]
        },
    ),
    Starter(
        slug="lapsed",
        name=gettext_lazy("Lapsed customers"),
        why=gettext_lazy("Bought once, but not for a year: win them back or let them rest."),
        icon="moon",
        condition={"all": [_ordered(), _never(_ORDER, during={"last": "P365D"})]},
    ),
    Starter(
        slug="cart-abandoners",
        name=gettext_lazy("Cart abandoners"),
        why=gettext_lazy("Put something into the cart in the last 3 days and did not order within a day."),
        icon="shopping-cart",
        condition={
            "all": [
                {
                    "sequence": [
                        {"event": _ADDED},
                        {"event": _ORDER, "within": "PT24H", "not": True},
                    ],
                    "during": {"last": "P3D"},
                }
            ]
        },
    ),
    Starter(
        slug="window-shoppers",
        name=gettext_lazy("Window shoppers"),
        why=gettext_lazy("Look at many products and have never bought one."),
        icon="glasses",
        condition={
            "all": [
                {"event": _VIEWED, "count": {"op": "at_least", "value": 5}, "during": {"last": "P14D"}},
                _never(_ORDER),
                _never(_ADDED, during={"last": "P14D"}),
            ]
        },
    ),
    Starter(
        slug="viewed-and-left",
        name=gettext_lazy("Looked, but did not buy it"),
        why=gettext_lazy("Viewed a product and did not order it in the week after."),
        icon="eye",
        condition={
            "all": [
                {
                    "sequence": [
                        {"event": _VIEWED},
                        {
                            "event": _ORDER,
                            "where": [
                                {
                                    "property": "product_id",
                                    "op": "is",
                                    "same_as": {"step": 0, "property": "product_id"},
                                }
                            ],
                            "within": "P7D",
                            "not": True,
                        },
                    ],
                    "during": {"last": "P30D"},
                }
            ]
        },
    ),
    Starter(
        slug="birthday",
        name=gettext_lazy("Birthday this week"),
        why=gettext_lazy("Today or in the next 7 days, by each person's own calendar."),
        icon="cake",
        condition={
            "all": [{"trait": "birthday", "op": "anniversary", "value": {"within_next": "P7D"}}],
        },
    ),
    Starter(
        slug="category-fans",
        name=gettext_lazy("Fans of a category"),
        why=gettext_lazy("Came back to one category again and again. Choose which."),
        icon="star",
        condition={
            "all": [
                {
                    "event": _VIEWED,
                    "where": [{"property": "category", "op": "is", "value": "Tents"}],
                    "count": {"op": "at_least", "value": 3},
                    "during": {"last": "P30D"},
                }
            ]
        },
    ),
    Starter(
        slug="unhappy-reviewers",
        name=gettext_lazy("Reviewers in a bad mood"),
        why=gettext_lazy("The last review was a bad one: a call helps more than a newsletter."),
        icon="frown",
        condition={
            "all": [
                {"last": _REVIEW, "had": [{"property": "rating", "op": "at_most", "value": 2}]},
                {"event": _REVIEW, "during": {"last": "P60D"}},
            ]
        },
    ),
    Starter(
        slug="mobile-only",
        name=gettext_lazy("Mobile only"),
        why=gettext_lazy("Were here on a phone in the last 30 days and on nothing else."),
        icon="smartphone",
        condition={
            "all": [
                {
                    "event": "*",
                    "where": [{"context": "device.type", "op": "is", "value": "mobile"}],
                    "during": {"last": "P30D"},
                },
                _never(
                    "Page Viewed",
                    where=[{"context": "device.type", "op": "one_of", "value": ["desktop", "tablet"]}],
                    during={"last": "P30D"},
                ),
            ]
        },
    ),
    Starter(
        slug="never-opened",
        name=gettext_lazy("Never opened"),
        why=gettext_lazy("Got five mails and more and opened none: write less, or ask why."),
        icon="mail-x",
        condition={
            "all": [
                {
                    "engagement": "delivered",
                    "channel": "email",
                    "count": {"op": "at_least", "value": 5},
                    "during": {"last": "P180D"},
                },
                {
                    "engagement": "opened",
                    "channel": "email",
                    "count": {"op": "exactly", "value": 0},
                    "during": {"last": "P180D"},
                },
            ]
        },
    ),
    Starter(
        slug="trial-ending",
        name=gettext_lazy("On trial for a week"),
        why=gettext_lazy("Have tried it for at least 7 days without a break: time for an offer."),
        icon="hourglass",
        condition={
            "all": [
                {
                    "has_been": {"trait": "status", "op": "is", "value": "trial"},
                    "for": {"op": "at_least", "value": "P7D"},
                }
            ]
        },
    ),
    Starter(
        slug="reachable",
        name=gettext_lazy("May be written to"),
        why=gettext_lazy("Everybody with an email address who agreed to marketing."),
        icon="mail-check",
        condition={
            "all": [{"known": "email"}, {"consent": "email_marketing", "is": "granted"}],
        },
    ),
)


def starter_of(slug: str) -> Starter | None:
    """The rule of that name to start from."""
    return next((one for one in STARTERS if one.slug == slug), None)
