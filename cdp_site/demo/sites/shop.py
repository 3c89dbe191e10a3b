"""A shop with our snippet in it, where a person lives the story in a browser.

It knows nothing of the product but its address and a write key. What happens in it, views, registering,
orders, is told by the snippet; a panel beside the shelf says what to do next and where to look.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cdp_site.demo.sites.serving import NOT_FOUND, Pages, Reply, Request

_FILES: Final = Path(__file__).parent / "files"
_TYPES: Final = {"shop.css": "text/css", "shop.js": "text/javascript"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """Something on the shelf."""

    slug: str
    name: str | Promise
    price: int  # euros
    words: str | Promise

    @property
    def path(self) -> str:
        return f"/products/{self.slug}"


SHELF: Final = (
    Product(
        slug="trail-tent",
        name=_("Trail tent"),
        price=249,
        words=_("Stands in four minutes, dries in an hour, and sleeps two who like each other."),
    ),
    Product(
        slug="wool-blanket",
        name=_("Wool blanket"),
        price=89,
        words=_("Woven from the wool of one valley. Warm when wet, and it smells of nothing."),
    ),
    Product(
        slug="larch-lantern",
        name=_("Larch lantern"),
        price=59,
        words=_("A wooden light for the table in the garden. One charge lasts a summer week."),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """The shop's pages.

    Args:
        product_url: where the product answers.
        write_key: of a public source.
        crm_url: where the demo's CRM shows itself.
        seconds_to_order: how long the journey waits for an order.
    """

    product_url: str
    write_key: str
    crm_url: str
    seconds_to_order: int
    _pages: Pages = field(default_factory=Pages)

    def answer(self, request: Request) -> Reply:
        """Answer one request."""
        name = request.path.strip("/")
        if name in _TYPES:
            return Reply(body=(_FILES / name).read_text(), type=f"{_TYPES[name]}; charset=utf-8")
        if name == "":
            return self._page("shelf.html", {"shelf": SHELF})
        if name == "register":
            return self._page("register.html", {})
        found = next((product for product in SHELF if product.path == request.path), None)
        return self._page("product.html", {"product": found}) if found else NOT_FOUND

    def _page(self, template: str, values: Mapping[str, Any]) -> Reply:
        story = {
            "product": self.product_url,
            "crm": self.crm_url,
            "seconds": self.seconds_to_order,
        }
        shown = {"url": self.product_url, "key": self.write_key, "story": json.dumps(story), **values}
        policy = (
            f"default-src 'self'; script-src 'self' {self.product_url}; connect-src {self.product_url};"
            " img-src 'self' data:; base-uri 'none'; form-action 'self'"
        )
        return Reply(
            body=self._pages.render(template, shown),
            # No page out of the browser's cache: each visit is told anew.
            headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"},
        )
