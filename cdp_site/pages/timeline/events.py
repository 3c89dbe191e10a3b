"""One sentence for an event, by its name. Properties follow Segment's e-commerce and email events.

A name without a sentence of its own is told as it is. Values of customers are escaped when filled in.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from markupsafe import Markup

from cdp_site.jinja import money, plain

Data = Mapping[str, Any]  # name, path, revenue, properties, context
LONGEST = 90  # of a value inside a sentence; the details have all of it


def fill(message: str, values: Mapping[str, object] | None = None) -> Markup:
    """Fill values, escaped and shortened, into a translated sentence that may hold markup."""
    return Markup(message) % {key: shortened(value) for key, value in (values or {}).items()}


def shortened(value: object) -> object:
    """Cut a long text; anything else stays as it is."""
    if isinstance(value, str) and not isinstance(value, Markup) and len(value) > LONGEST:
        return f"{value[:LONGEST]}…"
    return value


def event_sentence(data: Data) -> Markup:
    """Say what somebody did."""
    made = _SENTENCES.get(data["name"])
    said = made(data) if made else None
    return said or fill(_("Did <b>%(event)s</b>"), {"event": data["name"]})


def first_of(properties: Data, *keys: str) -> str:
    """The first of these properties that holds something to read."""
    found = (properties.get(key) for key in keys)
    return next(
        (plain(value) for value in found if isinstance(value, str | int | Decimal) and value != ""), ""
    )


def _page(data: Data) -> Markup:
    path = data["path"] or first_of(data["properties"], "path", "url")
    title = first_of(data["properties"], "title", "name")
    if path:
        return fill(_("Viewed page <code>%(path)s</code>"), {"path": path})
    return fill(_("Viewed page <b>%(title)s</b>"), {"title": title}) if title else fill(_("Viewed a page"))


def _screen(data: Data) -> Markup:
    name = first_of(data["properties"], "name", "title")
    return fill(_("Opened screen <b>%(name)s</b>"), {"name": name}) if name else fill(_("Opened a screen"))


def _identified(data: Data) -> Markup:
    keys = ", ".join(sorted(data["properties"]))
    if not keys:
        return fill(_("Was recognised"))
    return fill(_("Gave details: <b>%(traits)s</b>"), {"traits": keys})


def _group(data: Data) -> Markup:
    properties = data["properties"]
    traits = properties.get("traits")
    name = first_of(traits if isinstance(traits, Mapping) else {}, "name") or first_of(properties, "groupId")
    return fill(_("Joined the group <b>%(group)s</b>"), {"group": name})


def _aliased(data: Data) -> Markup:
    return fill(_("Was joined with <code>%(id)s</code>"), {"id": first_of(data["properties"], "previousId")})


def _product(data: Data) -> str:
    properties = data["properties"]
    return first_of(properties, "name", "product_name", "product", "title", "sku", "product_id", "category")


def _amount(data: Data) -> str:
    properties = data["properties"]
    amount = next(
        (
            properties[key]
            for key in ("revenue", "total", "value", "amount")
            if _is_number(properties.get(key))
        ),
        data["revenue"],
    )
    currency = properties.get("currency")
    return money(amount, currency if isinstance(currency, str) else "") if _is_number(amount) else ""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _looked(data: Data) -> Markup | None:
    product = _product(data)
    return fill(_("Looked at <b>%(product)s</b>"), {"product": product}) if product else None


def _added(data: Data) -> Markup:
    product = _product(data) or _("something")
    return fill(_("Put <b>%(product)s</b> into the cart"), {"product": product})


def _removed(data: Data) -> Markup:
    product = _product(data) or _("something")
    return fill(_("Took <b>%(product)s</b> out of the cart"), {"product": product})


def _cart(data: Data) -> Markup:
    amount = _amount(data)
    if not amount:
        return fill(_("Changed the cart"))
    return fill(_("Changed the cart, now <b>%(amount)s</b>"), {"amount": amount})


def _checkout(data: Data) -> Markup:
    amount = _amount(data)
    if not amount:
        return fill(_("Went to the checkout"))
    return fill(_("Went to the checkout with <b>%(amount)s</b>"), {"amount": amount})


def _ordered(data: Data) -> Markup:
    amount = _amount(data)
    items = data["properties"].get("products")
    if amount and isinstance(items, list) and items:
        text = ngettext(
            "Placed an order of <b>%(amount)s</b> for %(count)s item",
            "Placed an order of <b>%(amount)s</b> for %(count)s items",
            len(items),
        )
        return fill(text, {"amount": amount, "count": len(items)})
    if amount:
        return fill(_("Placed an order of <b>%(amount)s</b>"), {"amount": amount})
    return fill(_("Placed an order"))


def _refunded(data: Data) -> Markup:
    amount = _amount(data)
    if not amount:
        return fill(_("Got an order refunded"))
    return fill(_("Got <b>%(amount)s</b> refunded"), {"amount": amount})


def _order_cancelled(data: Data) -> Markup:
    return fill(_("Cancelled an order"))


def _searched(data: Data) -> Markup | None:
    words = first_of(data["properties"], "query", "q", "words")
    return fill(_("Searched for <b>%(words)s</b>"), {"words": words}) if words else None


def _mail(data: Data) -> str:
    return first_of(data["properties"], "subject", "template", "email_subject", "campaign_name") or _(
        "a mail"
    )


def _clicked(data: Data) -> Markup:
    return fill(_("Clicked a link in <b>%(mail)s</b>"), {"mail": _mail(data)})


def _opened(data: Data) -> Markup:
    return fill(_("Opened <b>%(mail)s</b>"), {"mail": _mail(data)})


def _delivered(data: Data) -> Markup:
    return fill(_("Received <b>%(mail)s</b>"), {"mail": _mail(data)})


def _sent(data: Data) -> Markup:
    return fill(_("Was sent <b>%(mail)s</b>"), {"mail": _mail(data)})


def _bounced(data: Data) -> Markup:
    return fill(_("The address refused <b>%(mail)s</b>"), {"mail": _mail(data)})


def _spam(data: Data) -> Markup:
    return fill(_("Reported <b>%(mail)s</b> as spam"), {"mail": _mail(data)})


def _unsubscribed(data: Data) -> Markup:
    return fill(_("Unsubscribed from emails"))


def _signed_up(data: Data) -> Markup:
    return fill(_("Registered"))


def _signed_in(data: Data) -> Markup:
    return fill(_("Logged in"))


def _signed_out(data: Data) -> Markup:
    return fill(_("Logged out"))


_SENTENCES: Final[dict[str, Callable[[Data], Markup | None]]] = {
    "Page Viewed": _page,
    "Screen Viewed": _screen,
    "Identified": _identified,
    "Group Joined": _group,
    "Aliased": _aliased,
    "Product Viewed": _looked,
    "Product Clicked": _looked,
    "Product Added": _added,
    "Product Removed": _removed,
    "Products Searched": _searched,
    "Cart Updated": _cart,
    "Checkout Started": _checkout,
    "Order Completed": _ordered,
    "Order Refunded": _refunded,
    "Order Cancelled": _order_cancelled,
    "Email Sent": _sent,
    "Email Delivered": _delivered,
    "Email Opened": _opened,
    "Email Link Clicked": _clicked,
    "Email Bounced": _bounced,
    "Email Marked as Spam": _spam,
    "Unsubscribed": _unsubscribed,
    "Email Unsubscribed": _unsubscribed,
    "Signed Up": _signed_up,
    "Signed In": _signed_in,
    "Signed Out": _signed_out,
}
