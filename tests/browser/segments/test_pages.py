"""The pages of segments: to be used by everybody, and on every screen."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from cdp_site.web import Role
from tests import build
from tests.browser.segments.steps import WANTED, SignIn

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("guard"),
]


@pytest.fixture
def segments(shop: str, live_server: LiveServer) -> str:
    """Segments with something in each view."""
    rich = {
        **WANTED,
        "all": [*WANTED["all"], {"none": [{"segment": "vip", "is": "left"}, {"known": "phone"}]}],
    }
    vip = build.segment(slug="vip", name="VIP")
    segment = build.segment(slug="rich", name="Rich", condition={"language": 1, "if": rich}, member_count=2)
    segment.versions.create(
        number=1, condition=segment.condition, published_at=build.NOON, published_by="mia"
    )
    for number in range(3):
        build.membership(segment=segment, person=build.person(traits={"name": f"P {number}"}))
    build.segment(slug="user", condition={"language": 1, "if": {"segment": "rich", "is": "member"}})
    assert vip.pk
    return f"{live_server.url}/segments/"


PAGES = (
    "",
    "?q=nothing",
    "+new/",
    "+new/?from=",
    "+new/?from=viewed-and-left",
    "rich/",
    "rich/growth/?with=vip",
    "rich/history/",
    "rich/edit/",
    "rich/publish/",
)


def test_accessible(
    page: Page, segments: str, sign_in: SignIn, scheme: str, accessible: Callable[[], None]
) -> None:
    sign_in(Role.MARKETER)
    for path in PAGES:
        page.goto(segments + path)
        page.wait_for_load_state("networkidle")
        accessible()


def test_no_sideways_scroll(page: Page, segments: str, sign_in: SignIn) -> None:
    sign_in(Role.MARKETER)
    for path in PAGES:
        for width in (360, 390, 768, 1024):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(segments + path)
            overhang = page.evaluate("document.body.scrollWidth - document.documentElement.clientWidth")
            assert overhang <= 0, f"{path} at {width}"
