"""A real Chromium, and what tests of our own pages in it share."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from django.conf import settings
from django.test import Client
from playwright.sync_api import BrowserContext, Page
from pytest_django.live_server_helper import LiveServer

from cdp_site.web import Role
from tests import build

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)


@pytest.fixture(scope="session")
def base_url() -> str:
    """None: addresses are whole. Stands in for the plugin's own fixture, which newer pytests warn about."""
    return ""


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    return {
        "executable_path": CHROMIUM,
        "args": [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ],
    }


@pytest.fixture(scope="session", autouse=True)
def orm_beside_the_browser() -> Iterator[None]:
    """Playwright keeps an event loop running, beside which Django refuses the database by default."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield


@pytest.fixture
def guard(page: Page, live_server: LiveServer) -> Iterator[None]:
    """Fail on errors in the console, and on anything that a page of ours asks of another server."""
    bad: list[str] = []
    page.on("console", lambda message: bad.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: bad.append(str(error)))
    own = (live_server.url, "data:", "about:")
    page.on("request", lambda request: None if request.url.startswith(own) else bad.append(request.url))
    yield
    assert bad == []


@pytest.fixture
def sign_in(context: BrowserContext, live_server: LiveServer) -> Callable[[Role], str]:
    """Log somebody of a role into a browser; returns their name."""

    def signed_in(role: Role, *, into: BrowserContext = context) -> str:
        user = build.user(role=role)
        client = Client()
        client.force_login(user)
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        into.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
        return user.get_username()

    return signed_in


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest, page: Page) -> str:
    """Each of the two colour schemes."""
    chosen: Literal["light", "dark"] = request.param
    page.emulate_media(color_scheme=chosen)
    return chosen


@pytest.fixture
def accessible(page: Page) -> Callable[[], None]:
    """Have axe look at the page as it is."""

    def checked() -> None:
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()

    return checked
