"""The whole story in a browser: a visitor lives it in the demo's shop, service reads it on the profile."""

import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from cdp_site.demo.sites import Shop, Site
from cdp_site.web import Role
from profiles.models import Identity
from tests.end_to_end import story
from tests.end_to_end.product import Clock, Product, running_product

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def product(
    live_server: LiveServer,
    transactional_db: None,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    tmp_path: Path,
) -> Iterator[Product]:
    """A product with the story's journey, reached by browsers."""
    settings.BASE_URL = live_server.url
    with running_product(
        clock=Clock.installed(monkeypatch), settings=settings, directory=tmp_path
    ) as product:
        story.publish(product)
        yield product


@pytest.fixture
def shop(product: Product, live_server: LiveServer) -> Iterator[str]:
    """The demo's shop, on an origin of its own; its CRM page is the CRM's address."""
    made = Shop(
        product_url=live_server.url,
        write_key=product.shop.write_key,
        crm_url=product.crm.url,
        seconds_to_order=45,
    )
    with Site(made.answer) as site:
        yield site.url


@pytest.fixture
def quiet(page: Page) -> Iterator[None]:
    """Fail on errors in the console."""
    bad: list[str] = []
    page.on("console", lambda message: bad.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: bad.append(str(error)))
    yield
    assert bad == []


def visit_three_times(page: Page, shop: str) -> None:
    page.goto(shop)
    page.get_by_role("button", name="Yes").click()
    for number in range(1, 4):
        sent(page, lambda: page.get_by_role("link", name="Trail tent").click())
        expect(page.locator("[data-views]")).to_have_text(str(number))
        page.get_by_role("link", name="Back to the shelf").click()


def sent(page: Page, act: Callable[[], None]) -> None:
    """Do something and wait until the product has taken what the snippet tells of it."""
    with page.expect_response(lambda response: "/v1/batch" in response.url) as taken:
        act()
    assert taken.value.status == HTTPStatus.OK


def register(page: Page, *, consent: bool = True) -> None:
    page.get_by_role("link", name="Register").first.click()
    page.get_by_label("Name").fill("Robin Lind")
    page.get_by_label("Email").fill("Robin@example.com")
    page.get_by_label("Write to me").set_checked(consent)
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_text("Robin Lind")).to_be_visible()


@pytest.mark.usefixtures("quiet")
def test_story__lived_in_the_shop_and_read_on_the_profile(
    product: Product,
    shop: str,
    page: Page,
    live_server: LiveServer,
    sign_in: Callable[[Role], str],
) -> None:
    visit_three_times(page, shop)
    register(page)
    arrive(product, "robin@example.com")
    assert [mail.recipients for mail in product.mails.mails] == [("robin@example.com",)]

    page.get_by_role("link", name="Trail tent").click()
    sent(page, lambda: page.get_by_role("button", name="Order").click())
    expect(page.get_by_text("it is on its way")).to_be_visible()
    product.settle()

    assert product.actions() == [("create_deal", "robin@example.com")]
    sign_in(Role.SERVICE)
    page.goto(f"{live_server.url}/people/?q=robin%40example.com")
    page.get_by_role("link", name="Robin Lind").first.click()
    timeline = page.get_by_role("main")
    for said in (
        "Trail tent",
        "Entered the journey Third-visit",
        "Still thinking, Robin Lind?",
        "Placed an order of 249.00 EUR",
        "Reached the goal of Third-visit",
        "A deal went to CRM",
    ):
        expect(timeline).to_contain_text(said)


@pytest.mark.usefixtures("quiet")
def test_story__who_does_not_order_is_called_and_the_panel_follows(
    product: Product, shop: str, page: Page
) -> None:
    visit_three_times(page, shop)
    register(page)
    arrive(product, "robin@example.com")
    done = page.locator(".steps .done")
    expect(done).to_have_count(3)
    expect(page.locator("[data-left]")).to_be_visible()

    product.pass_time(days=2, minutes=1)

    assert product.actions() == [("create_task", "robin@example.com")]
    page.get_by_role("button", name="Begin again").click()
    expect(done).to_have_count(0)
    expect(page.get_by_role("button", name="Yes")).to_be_visible()


@pytest.mark.usefixtures("quiet")
def test_story__who_is_not_remembered_is_somebody_else_on_each_page(
    product: Product, shop: str, page: Page
) -> None:
    page.goto(shop)
    page.get_by_role("button", name="No").click()
    for _ in range(3):
        page.goto(f"{shop}/products/trail-tent")
        page.goto(shop)
    product.settle()

    assert product.crm.requests == []
    assert page.context.cookies(shop) == []


def arrive(product: Product, user: str) -> None:
    """Wait until the snippet's last messages are there, and decide them."""
    for _ in range(100):
        product.settle()
        if Identity.objects.filter(kind="user_id", value=user).exists():
            return
        time.sleep(0.1)
    pytest.fail(f"{user} never arrived")
