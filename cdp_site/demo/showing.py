"""The demonstration from beginning to end."""

import base64
import secrets
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Final

import httpx
from django.conf import settings
from django.db import connections
from django.utils import timezone
from django.utils.translation import gettext as _

from cdp_site.demo.client import Api, Door, Unexpected, new_http
from cdp_site.demo.customers import Customers
from cdp_site.demo.furnishing import Keys, furnish
from cdp_site.demo.orders import NoOrders, Order, fetch_orders, sample_of
from cdp_site.demo.place import empty_database
from cdp_site.demo.product import Product
from cdp_site.demo.report import Finding, Report
from cdp_site.demo.sites import Crm, Shop, Site
from cdp_site.demo.sites.serving import Reply, Request
from cdp_site.demo.story import Story
from journeys.domain.definition import parse_journey
from journeys.domain.nodes import Wait
from journeys.models import Journey

Say = Callable[[str], None]

STORY_SECONDS: Final = 120.0  # for the story's end, its compressed waits included
_PAUSE: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where everything can be looked at."""

    product: str
    shop: str
    crm: str


def show(*, once: bool, say: Say) -> bool:
    """Run the demonstration; without `once` serve until told to stop. Give whether everything held."""
    began_at = time.monotonic()
    tell, say = say, _timed(say, since=began_at)
    report = Report()
    orders = sample_or_none(report, say=say)
    with ExitStack() as stack:
        say(_("Making an empty database"))
        empty_database()
        product_url = settings.BASE_URL
        crm = Crm(
            token=secrets.token_urlsafe(24),
            callback_url=f"{product_url}/hooks/crm",
            callback_secret="whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
        )
        crm_site = stack.enter_context(_site(crm.answer, port=settings.PORT + 2))
        keys = furnish(
            values={
                "DEMO_CRM_URL": crm_site.url,
                "DEMO_CRM_TOKEN": crm.token,
                "DEMO_CRM_SECRET": crm.callback_secret,
            }
        )
        shop = Shop(
            product_url=product_url,
            write_key=keys.browser,
            crm_url=crm_site.url,
            seconds_to_order=_seconds_to_order(),
        )
        shop_site = stack.enter_context(_site(shop.answer, port=settings.PORT + 1))
        connections.close_all()
        say(_("Starting the product at %(url)s") % {"url": product_url})
        log = settings.WAYFARE_DATA / "demo.log"
        product = stack.enter_context(Product(directory=settings.BASE_DIR, log=log, url=product_url))
        _act(report, keys=keys, crm=crm, shop_url=shop_site.url, orders=orders, say=say)
        say(_("Done"))
        for line in report.lines():
            tell(line)
        if not once:
            places = Places(product=product_url, shop=shop_site.url, crm=crm_site.url)
            _tell_places(places, keys=keys, say=tell)
            _serve(product)
    return report.is_good


def _timed(say: Say, *, since: float) -> Say:
    """Put the seconds since the beginning in front of what is said."""
    return lambda line: say(f"{time.monotonic() - since:5.0f} s  {line}")


def sample_or_none(report: Report, *, say: Say) -> Sequence[Order]:
    """The sample of real orders; without them the rest goes on, and the report says so."""
    say(_("Fetching the orders of real customers"))
    try:
        return sample_of(fetch_orders(settings.WAYFARE_DATA / "downloads"))
    except NoOrders as error:
        report.troubles.append(_("No real customers: %(reason)s") % {"reason": error})
        return ()


def _act(report: Report, *, keys: Keys, crm: Crm, shop_url: str, orders: Sequence[Order], say: Say) -> None:
    """Drive the product over HTTP, and look at what came of it."""
    with new_http() as http:
        api = Api(settings.BASE_URL, keys.token, http)
        story = Story(
            shop=Door(settings.BASE_URL, keys.browser, http), api=api, crm=crm, http=http, shop_url=shop_url
        )
        customers = Customers(door=Door(settings.BASE_URL, keys.backend, http), api=api, orders=orders)
        real: list[Finding] = []
        try:
            say(_("Six people visit the shop"))
            story.begin()
            if orders:
                sent = customers.tell(now=timezone.now())
                say(_("Imported %(count)s messages of real customers") % {"count": f"{sent:,}"})
            say(_("Two of the six click in their mails, and one orders"))
            story.go_on()
            if orders:
                customers.wait()
                say(_("Looking at each of the real customers"))
                real = list(customers.findings())
            say(_("Waiting for the end of the story"))
            story.end(seconds=STORY_SECONDS)
            report.add(_("The story"), story.findings())
        except (Unexpected, httpx.HTTPError) as error:
            report.troubles.append(str(error))
        if real:
            report.add(_("The real customers"), real)


def _seconds_to_order() -> int:
    """How long the published journey waits for an order: its only wait of a fixed length."""
    document = Journey.objects.get(slug="third-visit").draft
    waits = [step for step in parse_journey(document).walk() if isinstance(step, Wait)]
    return int(waits[0].length.total_seconds())


def _site(answer: Callable[[Request], Reply], *, port: int) -> Site:
    """Next to the product's port where that is free, so that the address is the same each time."""
    try:
        return Site(answer, port=port)
    except (OSError, OverflowError):
        return Site(answer)


def _tell_places(places: Places, *, keys: Keys, say: Say) -> None:
    say("")
    say(_("The product   %(url)s") % {"url": places.product})
    for name, password in keys.passwords.items():
        say(_("  log in as   %(name)-10s %(password)s") % {"name": name, "password": password})
    say(_("The shop      %(url)s   live the story yourself") % {"url": places.shop})
    say(_("The CRM       %(url)s   what it was told") % {"url": places.crm})
    say(_("API token     %(token)s") % {"token": keys.token})
    say("")
    say(_("Ctrl-C ends everything."))


def _serve(product: Product) -> None:
    """Keep serving until told to stop, or the product has ended by itself."""
    with _told_to_stop() as is_told:
        while not is_told() and product.is_running:
            time.sleep(_PAUSE)


@contextmanager
def _told_to_stop() -> Iterator[Callable[[], bool]]:
    told: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        told.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(told)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
