"""Take the README's pictures from a running demo.

    .venv/bin/python docs/take_pictures.py http://localhost:8000 marketer PASSWORD

The demo prints address and password. Needs chromium; CHROMIUM names it where it is not /usr/bin/chromium.
"""

import os
import sys
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, sync_playwright

PICTURES = Path(__file__).parent / "pictures"
SIZE: ViewportSize = {"width": 1280, "height": 900}


def main(url: str, user: str, password: str) -> None:
    """Log in and take one picture of each page that the README shows."""
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            args=["--no-sandbox", "--disable-gpu", "--no-first-run"],
        )
        page = browser.new_page(viewport=SIZE, color_scheme="light", timezone_id="UTC")
        log_in(page, url, user=user, password=password)
        page.goto(f"{url}/people/?q=ada%40example.com")
        page.get_by_role("link", name="Ada Berg").first.click()
        page.wait_for_load_state("networkidle")
        page.screenshot(path=PICTURES / "timeline.png")
        page.goto(f"{url}/journeys/third-visit/")
        page.wait_for_load_state("networkidle")
        page.get_by_role("button", name="Show all of it").click()
        page.screenshot(path=PICTURES / "journey.png")
        page.goto(f"{url}/segments/+new/?from=at-risk")
        write_rule(page)
        page.screenshot(path=PICTURES / "segment.png")
        browser.close()


def write_rule(page: Page) -> None:
    """Those at risk who spent much, or looked around lately."""
    rule = page.get_by_role("region", name="Conditions")
    rule.get_by_role("button", name="Remove this condition").last.click()
    rule.get_by_role("button", name="Group", exact=True).click()
    group = rule.get_by_role("group", name="Group of conditions")
    group.get_by_label("Kind of condition").select_option(label="Total")
    group.get_by_label("Property", exact=True).fill("revenue")
    group.get_by_label("Event", exact=True).fill("Order Completed")
    group.get_by_label("Value", exact=True).fill("200")
    group.get_by_label("How long").fill("365")
    group.get_by_role("button", name="Event", exact=True).click()
    visit = group.locator(".rule-row").nth(1)
    visit.get_by_label("Event", exact=True).fill("Page Viewed")
    visit.get_by_label("Times").fill("5")
    visit.get_by_label("How long").fill("90")
    page.get_by_label("Name of the segment").fill("Good customers we may lose")
    page.wait_for_load_state("networkidle")
    page.locator(".count-people summary").first.click()
    page.locator(".toast").wait_for(state="detached")
    page.mouse.move(0, 0)


def log_in(page: Page, url: str, *, user: str, password: str) -> None:
    page.goto(f"{url}/log-in/")
    page.locator("[name=username]").fill(user)
    page.locator("[name=password]").fill(password)
    page.locator("[name=password]").press("Enter")
    page.wait_for_load_state("networkidle")


if __name__ == "__main__":
    main(*sys.argv[1:])
