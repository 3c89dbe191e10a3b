"""Journeys to start from: complete ones, proven by stories, that become a draft to change.

Whoever takes one gets a copy; nothing here is kept up to date by itself.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from journeys.domain.outline import steps_in
from journeys.starters import documents
from journeys.starters.texts import TEXTS, Text

__all__ = ["STARTERS", "TEXTS", "Needs", "Starter", "Text", "needs_of", "starter_of"]

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """One journey to start from."""

    slug: str
    name: Promise
    why: Promise  # what it is good for
    icon: str
    document: Callable[[str], Document]  # from the slug of the connection that takes CRM actions


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a document takes from outside."""

    events: Sequence[str]  # names
    traits: Sequence[str]
    templates: Sequence[str]  # slugs
    connections: Sequence[str]  # slugs


STARTERS: Final[Sequence[Starter]] = (
    Starter(
        slug="welcome",
        name=gettext_lazy("Welcome"),
        why=gettext_lazy("A friendly beginning, and help for those who do not know where to start."),
        icon="hand",
        document=documents.welcome,
    ),
    Starter(
        slug="third-visit",
        name=gettext_lazy("Third visit to the same page"),
        why=gettext_lazy("Who comes back a third time within a week is thinking about it: offer help."),
        icon="eye",
        document=documents.third_visit,
    ),
    Starter(
        slug="abandoned-cart",
        name=gettext_lazy("Abandoned cart"),
        why=gettext_lazy("Two reminders for each cart that is left alone, until it is ordered."),
        icon="shopping-cart",
        document=documents.abandoned_cart,
    ),
    Starter(
        slug="browse-abandonment",
        name=gettext_lazy("Looked, but did not choose"),
        why=gettext_lazy("A reminder of what was looked at and not put into the cart, once a week at most."),
        icon="glasses",
        document=documents.browse_abandonment,
    ),
    Starter(
        slug="post-purchase",
        name=gettext_lazy("After the purchase"),
        why=gettext_lazy("Ask for a review once the order was tried, and thank for a good one."),
        icon="package-check",
        document=documents.post_purchase,
    ),
    Starter(
        slug="bad-review",
        name=gettext_lazy("Bad review"),
        why=gettext_lazy("A task for the service and a word to the customer, before they are gone."),
        icon="frown",
        document=documents.bad_review,
    ),
    Starter(
        slug="win-back",
        name=gettext_lazy("Win-back"),
        why=gettext_lazy("Ninety days after the last order: two tries to have them back."),
        icon="undo-2",
        document=documents.win_back,
    ),
    Starter(
        slug="birthday",
        name=gettext_lazy("Birthday"),
        why=gettext_lazy("Best wishes at nine in the morning, by each person's own clock."),
        icon="cake",
        document=documents.birthday,
    ),
    Starter(
        slug="vip-hand-over",
        name=gettext_lazy("VIP hand-over to sales"),
        why=gettext_lazy("Who spent a thousand within a year gets a person to talk to."),
        icon="gem",
        document=documents.vip_hand_over,
    ),
    Starter(
        slug="price-drop",
        name=gettext_lazy("Price drop"),
        why=gettext_lazy("Tell those who put it on their wish list that it has become cheaper."),
        icon="tag",
        document=documents.price_drop,
    ),
)


def starter_of(slug: str) -> Starter | None:
    """The journey of that name to start from."""
    return next((one for one in STARTERS if one.slug == slug), None)


def needs_of(document: Mapping[str, Any]) -> Needs:
    """What must be there for a journey to do anything."""
    steps = [step.part for step in steps_in(document)]
    return Needs(
        events=sorted({*_named(document, "event"), *_named(document, "last", beside="had")}),
        traits=sorted({*_named(document, "trait"), *_named(document, "date")}),
        templates=list(dict.fromkeys(step["template"] for step in steps if step.get("template"))),
        connections=sorted({step["connection"] for step in steps if step.get("connection")}),
    )


def _named(value: Any, key: str, *, beside: str = "") -> Iterator[str]:
    """The texts below a key, wherever it stands; with `beside`, only where that key stands beside it."""
    if isinstance(value, Mapping):
        if isinstance(value.get(key), str) and (not beside or beside in value):
            yield value[key]
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _named(inner, key, beside=beside)
