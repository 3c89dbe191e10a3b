"""`/wayfare.js` in a real browser, on a shop's page with a strict policy, against the real door."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Page, expect

from cdp_site import wakeup
from connectors.models import Source
from profiles.domain.envelope import open_envelope
from profiles.models import Inbox
from tests import build
from tests.connectors.doors import door_server

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<script src="/early.js"></script>
<script async src="{door}/wayfare.js" data-key="{key}" {extra}></script></head>
<body><h1>{title}</h1><a href="/next">Next</a></body></html>"""
EARLY = '(window.wayfare = window.wayfare || []).push(["track", "Early", {early: true}]);'


@dataclass
class Shop:
    """A site on another origin than ours, which pastes the snippet into its pages."""

    url: str = ""
    door: str = ""
    key: str = ""
    extra: str = ""
    early: str = ""
    titles: dict[str, str] = field(default_factory=dict)

    def page(self, path: str) -> bytes:
        title = self.titles.get(path.split("?")[0], "Shop")
        return PAGE.format(title=title, door=self.door, key=self.key, extra=self.extra).encode()

    @property
    def policy(self) -> str:
        return f"default-src 'none'; script-src 'self' {self.door}; connect-src {self.door}; base-uri 'none'"


@contextmanager
def served(shop: Shop) -> Iterator[Shop]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_script = self.path == "/early.js"
            body = shop.early.encode() if is_script else shop.page(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript" if is_script else "text/html")
            self.send_header("Content-Security-Policy", shop.policy)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    # Another host name than the door's: the shop is another site.
    shop.url = f"http://localhost:{server.server_port}"
    try:
        yield shop
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def source(transactional_db: None) -> Source:
    return build.source()


@pytest.fixture
def shop(source: Source) -> Iterator[Shop]:
    with door_server() as door, served(Shop(door=door, key=source.write_key)) as shop:
        yield shop
    wakeup.stop()


@pytest.fixture
def console(page: Page) -> list[str]:
    """What the browser complained about, refusals of the policy included."""
    said: list[str] = []
    page.on(
        "console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def arrived() -> list[dict[str, Any]]:
    """What came through the door, by the time it was made; repeated messages once."""
    found: dict[str, dict[str, Any]] = {}
    for row in Inbox.objects.all():
        for raw in open_envelope(bytes(row.body)).messages:
            message = msgspec.json.decode(raw)
            found.setdefault(message["messageId"], message)
    return sorted(found.values(), key=lambda message: message["timestamp"])


def wait_for(
    page: Page, count: int, *, of: Callable[[dict[str, Any]], bool] = lambda message: True
) -> list[dict[str, Any]]:
    """Wait until so many messages arrived."""
    for _ in range(600):  # seconds only where something hangs
        messages = [message for message in arrived() if of(message)]
        if len(messages) >= count:
            break
        page.wait_for_timeout(50)
    assert len(messages) == count, [message.get("event", message["type"]) for message in arrived()]
    return messages


def device_of(page: Page) -> str:
    return str(page.evaluate("wayfare.anonymousId()"))


def stored(page: Page) -> dict[str, Any]:
    """All that the shop's site keeps on the device."""
    return {
        "cookies": {cookie["name"]: cookie["value"] for cookie in page.context.cookies()},
        "local": page.evaluate("({...localStorage})"),
        "session": page.evaluate("({...sessionStorage})"),
    }


NOTHING: dict[str, Any] = {"cookies": {}, "local": {}, "session": {}}


def test_page__arrives_with_what_the_browser_knows(page: Page, shop: Shop, console: list[str]) -> None:
    shop.titles["/pricing"] = "Prices"
    page.goto(f"{shop.url}/pricing?utm_source=news&utm_campaign=spring&utm_medium=email")
    (message,) = wait_for(page, 1)
    assert message["type"] == "page"
    assert message["messageId"].startswith("wf-")
    properties, context = message["properties"], message["context"]
    assert (properties["path"], properties["title"]) == ("/pricing", "Prices")
    assert properties["search"].startswith("?utm_source=news")
    assert context["campaign"] == {"source": "news", "name": "spring", "medium": "email"}
    assert context["page"]["url"].startswith(f"{shop.url}/pricing")
    assert context["userAgent"] == page.evaluate("navigator.userAgent")
    assert context["timezone"] == page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    assert context["library"]["name"] == "wayfare.js"
    assert "consent" not in context
    assert console == []


def test_before_consent__nothing_is_stored(page: Page, shop: Shop, console: list[str]) -> None:
    page.goto(shop.url)
    page.evaluate("wayfare.track('Looked'); wayfare.identify('u1', {plan: 'pro'})")
    first = wait_for(page, 3)
    assert stored(page) == NOTHING
    page.goto(f"{shop.url}/again")
    messages = wait_for(page, 4)
    assert messages[-1]["anonymousId"] != first[0]["anonymousId"]
    assert "userId" not in messages[-1]
    assert stored(page) == NOTHING
    assert console == []


def test_consent_yes__the_same_visitor_comes_back(page: Page, shop: Shop, console: list[str]) -> None:
    page.goto(shop.url)
    before = device_of(page)
    page.evaluate("wayfare.consent(true); wayfare.identify('u1', {email: 'ada@example.com'})")
    messages = wait_for(page, 3)
    assert messages[1]["context"]["consent"] == {"categoryPreferences": {"analytics": True}}
    assert {message["anonymousId"] for message in messages} == {before}  # what came before it is theirs too
    kept = stored(page)
    assert kept["cookies"] == {"wayfare_id": before}
    page.goto(f"{shop.url}/again")
    again = wait_for(page, 4)[-1]
    assert again["properties"]["path"] == "/again"
    assert (again["anonymousId"], again["userId"]) == (before, "u1")
    assert again["context"]["consent"] == {"categoryPreferences": {"analytics": True}}
    assert console == []


def test_consent_no__what_was_stored_goes(page: Page, shop: Shop) -> None:
    page.goto(shop.url)
    page.evaluate("wayfare.consent('yes')")
    wait_for(page, 2)
    before = device_of(page)
    page.evaluate("wayfare.consent('no')")
    messages = wait_for(page, 3)
    assert messages[-1]["context"]["consent"] == {"categoryPreferences": {"analytics": False}}
    assert messages[-1]["anonymousId"] == before  # whose choice it is
    assert stored(page) == NOTHING
    assert device_of(page) != before


def test_consent__by_category(page: Page, shop: Shop) -> None:
    page.goto(shop.url)
    page.evaluate("wayfare.consent({email_marketing: true})")
    messages = wait_for(page, 2)
    assert messages[-1]["context"]["consent"] == {"categoryPreferences": {"email_marketing": True}}
    assert stored(page) == NOTHING  # mails are another matter than what is kept on the device
    page.evaluate("wayfare.consent({analytics: true})")
    messages = wait_for(page, 3)
    assert messages[-1]["context"]["consent"]["categoryPreferences"] == {
        "email_marketing": True,
        "analytics": True,
    }
    assert stored(page)["cookies"]


def test_calls_before_the_script__are_kept(page: Page, shop: Shop) -> None:
    shop.early = EARLY
    page.goto(shop.url)
    messages = wait_for(page, 2)
    assert {message.get("event", "page") for message in messages} == {"page", "Early"}


def test_single_page_app__each_address_is_a_page(page: Page, shop: Shop) -> None:
    page.goto(f"{shop.url}/one")
    wait_for(page, 1)
    page.evaluate("history.pushState({}, '', '/two'); document.title = 'Two'")
    messages = wait_for(page, 2)
    assert (messages[1]["properties"]["path"], messages[1]["properties"]["title"]) == ("/two", "Two")
    assert messages[1]["properties"]["referrer"] == f"{shop.url}/one"
    page.evaluate("history.replaceState({}, '', '/two#part')")
    page.go_back()
    messages = wait_for(page, 3)
    assert messages[2]["properties"]["path"] == "/one"


def test_pages_off__only_calls_are_sent(page: Page, shop: Shop) -> None:
    shop.extra = 'data-pages="off"'
    page.goto(shop.url)
    page.evaluate("history.pushState({}, '', '/two'); wayfare.page('Prices', {plan: 'pro'})")
    (message,) = wait_for(page, 1)
    assert (message["name"], message["properties"]["plan"]) == ("Prices", "pro")


def test_leaving__what_is_left_goes_by_beacon(page: Page, shop: Shop) -> None:
    page.goto(shop.url)
    wait_for(page, 1)
    page.evaluate("wayfare.track('Last Words'); location.href = '/next'")
    page.wait_for_url("**/next")
    messages = wait_for(page, 3)
    assert "Last Words" in [message.get("event") for message in messages]


def test_trouble__is_outlived_and_counts_once(page: Page, shop: Shop, source: Source) -> None:
    page.goto(shop.url)
    wait_for(page, 1)
    answers: list[int] = []
    bodies: list[dict[str, Any]] = []

    def fail_twice(route: Any) -> None:
        bodies.append(json.loads(route.request.post_data))
        answers.append(503 if len(answers) < 2 else 200)
        if answers[-1] == 200:
            route.continue_()
        elif len(answers) == 1:
            route.abort()
        else:
            headers = {
                "Access-Control-Allow-Origin": "*",
                "Access-Control-Expose-Headers": "Retry-After",
                "Retry-After": "1",
            }
            route.fulfill(status=503, headers=headers)

    page.route("**/v1/batch", fail_twice)
    page.evaluate("wayfare.track('Bought')")
    (message,) = wait_for(page, 1, of=lambda message: message.get("event") == "Bought")
    assert answers == [503, 503, 200]
    assert {body["batch"][0]["messageId"] for body in bodies} == {message["messageId"]}


def test_refused__is_not_sent_again(page: Page, shop: Shop, source: Source) -> None:
    Source.objects.filter(pk=source.pk).update(is_active=False)
    calls: list[str] = []
    page.on("request", lambda request: calls.append(request.url) if "/v1/" in request.url else None)
    page.goto(shop.url)
    page.wait_for_timeout(2500)
    assert len(calls) == 1


def test_offline__comes_with_the_next_visit(page: Page, shop: Shop) -> None:
    page.goto(shop.url)
    page.evaluate("wayfare.consent(true)")
    wait_for(page, 2)
    page.context.set_offline(True)
    page.evaluate("wayfare.track('In The Tunnel')")
    page.wait_for_timeout(200)
    assert len(arrived()) == 2
    page.context.set_offline(False)
    page.evaluate("dispatchEvent(new Event('online'))")
    wait_for(page, 1, of=lambda message: message.get("event") == "In The Tunnel")


def test_reset__is_a_new_visitor(page: Page, shop: Shop) -> None:
    page.goto(shop.url)
    page.evaluate("wayfare.consent(true); wayfare.identify('u1')")
    before = device_of(page)
    page.evaluate("wayfare.reset(); wayfare.track('Alone')")
    (message,) = wait_for(page, 1, of=lambda message: message.get("event") == "Alone")
    assert message["anonymousId"] != before
    assert "userId" not in message


def test_many__go_in_parts(page: Page, shop: Shop) -> None:
    page.goto(shop.url)
    wait_for(page, 1)
    page.evaluate("for (let n = 0; n < 60; n++) wayfare.track('Counted', {n, filler: 'x'.repeat(4000)})")
    messages = wait_for(page, 60, of=lambda message: message.get("event") == "Counted")
    assert sorted(message["properties"]["n"] for message in messages) == list(range(60))
    expect(page.locator("h1")).to_be_visible()
