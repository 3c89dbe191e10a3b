"""What the stories of somebody who writes rules have in common."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Locator, Page, expect

SignIn = Callable[..., str]
WANTED: dict[str, Any] = {
    "all": [
        {
            "event": "Product Viewed",
            "where": [{"property": "category", "op": "is", "value": "Tents"}],
            "count": {"op": "at_least", "value": 2},
            "during": {"last": "P30D"},
        },
        {
            "any": [
                {
                    "sequence": [
                        {"event": "Product Added"},
                        {"event": "Order Completed", "within": "PT24H"},
                    ]
                },
                {
                    "total": "sum",
                    "event": "Order Completed",
                    "property": "revenue",
                    "during": {"last": "P90D"},
                    "op": "at_least",
                    "value": 200,
                },
            ]
        },
    ]
}


def count_of(page: Page) -> Locator:
    return page.locator("#count-number")


def settled(page: Page) -> None:
    """Wait for the answers that are on their way."""
    page.wait_for_load_state("networkidle")
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)


@dataclass(frozen=True, slots=True)
class Hand:
    """Somebody who has a keyboard and nothing else."""

    page: Page

    def to(self, name: str, role: str = "button", *, backwards: bool = False) -> None:
        """Tab on until a control of that name has the focus."""
        for _step in range(80):
            self.page.keyboard.press("Shift+Tab" if backwards else "Tab")
            tag, label = self.page.evaluate(
                "(() => { const e = document.activeElement; return [e.tagName, "
                "e.getAttribute('aria-label') || e.textContent.trim()] })()"
            )
            if label == name and (role == "button") == (tag in ("BUTTON", "SUMMARY")):
                return
        raise AssertionError(f"no {name} by Tab")

    def press(self, name: str, *, backwards: bool = False) -> None:
        self.to(name, backwards=backwards)
        self.page.keyboard.press("Enter")

    def write(self, text: str) -> None:
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text, delay=20)

    def fill(self, name: str, text: str) -> None:
        self.to(name, "field")
        self.write(text)
