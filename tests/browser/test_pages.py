"""The frame and the pages about people, in a real browser with the production's content policy."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from cdp_site.web import Role
from profiles.models import Person
from tests import build
from tests.site.world import World, make_world

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("guard"),
]

SignIn = Callable[..., str]
WIDTHS = (360, 390, 768, 1360)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@pytest.fixture
def world(live_server: LiveServer) -> World:
    return make_world()


@pytest.fixture
def uwe(live_server: LiveServer) -> Person:
    """Somebody with two pages of history."""
    person = build.person(
        traits={"firstName": "Uwe", "lastName": "Jansen"},
        identities={"user_id": "K-05610", "email": "uwe@example.com"},
    )
    for number in range(70):
        build.event(person=person, at=build.NOON - timedelta(hours=number), path=f"/page-{number}")
    build.event(person=person, name="Order Completed", at=build.NOON, properties={"revenue": 270})
    return person


def pages_of(world: World) -> list[str]:
    """One page of each kind: states of a delivery and parts of a journey look alike."""
    alike = [f"/deliveries/{uuid}/" for uuid in world.deliveries[2:]]
    part = re.compile(
        r"/search/|/uses/|/moves/|/build/|/[+](people|variables)/|\?step=s"
    )  # parts of pages, and pages that look alike
    return [path for path in world.pages() if not part.search(path) and path not in alike]


@pytest.mark.parametrize("half", [0, 1])  # so that two workers share them
def test_every_page__is_accessible(
    page: Page,
    live_server: LiveServer,
    world: World,
    sign_in: SignIn,
    accessible: Callable[[], None],
    half: int,
) -> None:
    sign_in(Role.ADMIN)
    for path in ["/log-in/", *pages_of(world)][half::2]:
        page.goto(live_server.url + path)
        unfold(page)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            accessible()


def test_empty_pages__are_accessible(
    page: Page, live_server: LiveServer, sign_in: SignIn, accessible: Callable[[], None]
) -> None:
    sign_in(Role.ADMIN)
    for path in ("/", "/people/", "/people/?q=nobody", "/operations/", "/settings/audit/"):
        page.goto(live_server.url + path)
        accessible()


def test_every_page__fits_every_width(
    page: Page, live_server: LiveServer, world: World, sign_in: SignIn
) -> None:
    sign_in(Role.ADMIN)
    wide = []
    for path in pages_of(world):
        page.goto(live_server.url + path)
        unfold(page)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 844})
            needed = page.evaluate("document.documentElement.scrollWidth")
            if needed > width:
                wide.append(f"{path} needs {needed} px of {width}")
    assert wide == []


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('main details').forEach((part) => { part.open = true; })")


class TestFrame:
    def test_log_in_leads_to_the_page_that_was_asked_for(self, page: Page, live_server: LiveServer) -> None:
        user = build.user(role=Role.SERVICE)
        page.goto(f"{live_server.url}/people/?known=known")
        page.get_by_label("Username").fill(user.username)
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_contain_text("do not match")
        page.get_by_label("Username").fill(user.username)
        page.get_by_label("Password").fill(build.PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page).to_have_url(f"{live_server.url}/people/?known=known")
        expect(page.get_by_role("link", name="People", exact=True)).to_have_attribute("aria-current", "page")

    def test_log_out(self, page: Page, live_server: LiveServer, sign_in: SignIn) -> None:
        sign_in(Role.SERVICE)
        page.goto(live_server.url)
        page.get_by_role("button", name="Your account").click()
        expect(page.get_by_text("Customer service")).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()

    def test_theme_is_kept(self, page: Page, live_server: LiveServer, sign_in: SignIn) -> None:
        sign_in(Role.SERVICE)
        page.goto(live_server.url)
        ground = "getComputedStyle(document.documentElement).colorScheme"
        assert page.evaluate(ground) == "light dark"
        page.get_by_role("button", name="Switch between light and dark").click()
        assert page.evaluate(ground) == "dark"
        page.reload()
        assert page.evaluate(ground) == "dark"
        page.get_by_role("button", name="Switch between light and dark").click()
        assert page.evaluate(ground) == "light"

    def test_phones_have_a_drawer(self, page: Page, live_server: LiveServer, sign_in: SignIn) -> None:
        sign_in(Role.SERVICE)
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(live_server.url)
        expect(page.get_by_role("link", name="People", exact=True)).to_be_hidden()
        page.get_by_role("button", name="Menu").click()
        expect(page.get_by_role("link", name="People", exact=True)).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("link", name="People", exact=True)).to_be_hidden()
        page.get_by_role("button", name="Menu").click()
        page.get_by_role("link", name="People", exact=True).click()
        expect(page.get_by_role("heading", name="People", exact=True)).to_be_visible()

    def test_keyboard_reaches_the_content_first(
        self, page: Page, live_server: LiveServer, sign_in: SignIn
    ) -> None:
        sign_in(Role.SERVICE)
        page.goto(live_server.url)
        page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to content")
        expect(skip).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()

    def test_a_session_that_ended__leads_to_the_log_in(
        self, page: Page, live_server: LiveServer, sign_in: SignIn
    ) -> None:
        sign_in(Role.SERVICE)
        page.goto(f"{live_server.url}/people/")
        page.context.clear_cookies()
        page.get_by_role("radio", name="Anonymous").click()  # not `check`: the page is left at once
        expect(page).to_have_url(f"{live_server.url}/log-in/?next=%2Fpeople%2F")


class TestSearch:
    def test_slash_arrows_enter(
        self, page: Page, live_server: LiveServer, uwe: Person, sign_in: SignIn
    ) -> None:
        build.person(traits={"name": "Uwe Zweiter"}, last_seen_at=build.NOON - timedelta(days=9))
        sign_in(Role.SERVICE)
        page.goto(live_server.url)
        page.keyboard.press("/")
        field = page.get_by_role("searchbox", name="Find a person")
        expect(field).to_be_focused()
        field.type("uwe", delay=20)
        hits = page.locator("#hits a")
        expect(hits).to_have_count(2)
        page.keyboard.press("ArrowDown")
        expect(hits.nth(0)).to_be_focused()
        page.keyboard.press("ArrowDown")
        expect(hits.nth(1)).to_be_focused()
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{live_server.url}/people/{uwe.uuid}/")
        expect(page.get_by_role("heading", name="Uwe Jansen")).to_be_visible()

    def test_exact_number__and_escape(
        self, page: Page, live_server: LiveServer, uwe: Person, sign_in: SignIn
    ) -> None:
        sign_in(Role.SERVICE)
        page.goto(live_server.url)
        field = page.get_by_role("searchbox", name="Find a person")
        field.fill("K-05610")
        expect(page.locator("#hits")).to_contain_text("Customer number")
        page.keyboard.press("Escape")
        expect(page.locator("#hits a")).to_have_count(0)
        expect(field).to_have_value("")

    def test_enter_shows_the_list(
        self, page: Page, live_server: LiveServer, uwe: Person, sign_in: SignIn
    ) -> None:
        sign_in(Role.SERVICE)
        page.goto(live_server.url)
        page.get_by_role("searchbox", name="Find a person").fill("jansen")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(r"/people/\?q=jansen"))
        expect(page.get_by_role("link", name="Uwe Jansen")).to_be_visible()


class TestPeople:
    def test_list_filters_while_typing_and_grows_by_scrolling(
        self, page: Page, live_server: LiveServer, uwe: Person, sign_in: SignIn
    ) -> None:
        for number in range(110):
            build.person(identities={"anonymous_id": f"visitor-{number:03}-x"})
        sign_in(Role.SERVICE)
        page.goto(f"{live_server.url}/people/")
        rows = page.locator("#people-rows > tr:not(.more-row)")
        expect(rows).to_have_count(50)
        page.get_by_role("link", name="More people").scroll_into_view_if_needed()
        expect(rows).to_have_count(100)
        page.get_by_role("radio", name="Known").check()
        expect(rows).to_have_count(1)
        page.get_by_role("searchbox", name="Search people").type("uwe", delay=20)
        expect(page).to_have_url(re.compile("q=uwe"))
        expect(rows).to_have_count(1)

    def test_going_back_shows_whole_pages(
        self, page: Page, live_server: LiveServer, uwe: Person, sign_in: SignIn
    ) -> None:
        sign_in(Role.SERVICE)
        page.goto(f"{live_server.url}/people/")
        page.get_by_role("radio", name="Anonymous").check()
        expect(page.get_by_text("Nobody of this kind yet")).to_be_visible()
        page.get_by_role("link", name="Overview").click()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        page.go_back()
        expect(page.get_by_role("heading", name="People", exact=True)).to_be_visible()
        page.go_back()
        expect(page.get_by_role("link", name="Uwe Jansen")).to_be_visible()
        expect(page.get_by_role("navigation", name="Pages")).to_be_visible()


class TestTimeline:
    def test_grows_by_scrolling__each_day_once(
        self, page: Page, live_server: LiveServer, uwe: Person, sign_in: SignIn
    ) -> None:
        sign_in(Role.SERVICE)
        page.goto(f"{live_server.url}/people/{uwe.uuid}/")
        entries = page.locator(".entry")
        expect(entries).to_have_count(40)
        page.get_by_role("link", name="Earlier").scroll_into_view_if_needed()
        expect(entries).to_have_count(71)
        expect(page.get_by_text("First seen 23 November 2026", exact=True)).to_be_visible()
        days = page.locator(".day").all_inner_texts()
        assert len(days) == len(set(days)) == 4

    def test_filters_words_and_days(
        self, page: Page, live_server: LiveServer, uwe: Person, sign_in: SignIn
    ) -> None:
        sign_in(Role.SERVICE)
        page.goto(f"{live_server.url}/people/{uwe.uuid}/")
        entries = page.locator(".entry")
        page.get_by_role("checkbox", name="Orders").check()
        expect(entries).to_have_count(1)
        expect(entries).to_contain_text("Placed an order of 270.00")
        page.get_by_role("checkbox", name="Orders").uncheck()
        expect(entries).to_have_count(40)
        words = page.get_by_role("searchbox", name="Search the timeline")
        words.type("page-6", delay=30)
        expect(entries).to_have_count(11)
        expect(words).to_be_focused()
        words.fill("")
        page.get_by_label("Go to a day and before").fill("2026-11-21")
        expect(page.get_by_text("/page-0", exact=True)).to_have_count(0)
        expect(page.locator(".day").first).to_have_text("Saturday, 21 November")

    def test_details_unfold_by_keyboard(
        self, page: Page, live_server: LiveServer, world: World, sign_in: SignIn
    ) -> None:
        sign_in(Role.SERVICE)
        page.goto(f"{live_server.url}/people/{world.person.uuid}/?show=journeys")
        entry = page.locator(".entry", has_text="Entered the journey").first
        entry.locator("summary").focus()
        page.keyboard.press("Enter")
        expect(entry).to_contain_text("exactly 3 times in the last 7 days")
        entry.get_by_role("link", name="All decisions of this journey").click()
        expect(page.get_by_role("heading", name="What “§Third visit§” decided")).to_be_visible()

    def test_comes_first_on_phones(
        self, page: Page, live_server: LiveServer, uwe: Person, sign_in: SignIn
    ) -> None:
        sign_in(Role.SERVICE)
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(f"{live_server.url}/people/{uwe.uuid}/")
        timeline, traits = (
            page.locator(".timeline").bounding_box(),
            page.locator(".person-side").bounding_box(),
        )
        assert timeline is not None
        assert traits is not None
        assert timeline["y"] < traits["y"]

    def test_works_without_script(
        self, browser: Browser, live_server: LiveServer, uwe: Person, sign_in: SignIn
    ) -> None:
        with browser.new_context(java_script_enabled=False) as context:
            sign_in(Role.SERVICE, into=context)
            page = context.new_page()
            page.goto(f"{live_server.url}/people/{uwe.uuid}/")
            page.get_by_role("link", name="Earlier").click()
            expect(page.locator(".entry")).to_have_count(31)
            page.get_by_role("link", name="Back to the latest").click()
            page.get_by_role("checkbox", name="Orders").check()
            page.get_by_role("button", name="Filter").click()
            expect(page.locator(".entry")).to_have_count(1)

    def test_times_are_those_of_the_browser(
        self, browser: Browser, live_server: LiveServer, uwe: Person, sign_in: SignIn
    ) -> None:
        with browser.new_context(timezone_id="Asia/Tokyo") as context:
            sign_in(Role.SERVICE, into=context)
            page = context.new_page()
            page.goto(live_server.url)  # the first page leaves the zone in a cookie
            page.goto(f"{live_server.url}/people/{uwe.uuid}/")
            expect(page.locator(".entry time").first).to_have_text("21:00")


class TestOperations:
    def test_dead_letters_are_replayed(self, page: Page, live_server: LiveServer, sign_in: SignIn) -> None:
        build.dead_letter(error="first fault")
        build.dead_letter(error="second fault")
        sign_in(Role.ADMIN)
        page.goto(f"{live_server.url}/operations/")
        page.get_by_role("checkbox", name="Tick all on this page").check()
        page.get_by_role("button", name="Replay ticked").click()
        expect(page.get_by_role("status").last).to_contain_text("2 messages went back to the inbox.")
        expect(page.get_by_text("No dead letters")).to_be_visible()

    def test_dropping_asks_first(self, page: Page, live_server: LiveServer, sign_in: SignIn) -> None:
        build.dead_letter(error="the fault")
        sign_in(Role.ADMIN)
        page.goto(f"{live_server.url}/operations/")
        page.get_by_role("checkbox", name="Tick all on this page").check()
        page.once("dialog", lambda dialog: dialog.dismiss())
        page.get_by_role("button", name="Drop ticked").click()
        expect(page.get_by_text("the fault")).to_be_visible()
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Drop ticked").click()
        expect(page.get_by_role("status").last).to_contain_text("1 message was dropped.")


class TestSettings:
    def test_token_is_shown_and_revoked(self, page: Page, live_server: LiveServer, sign_in: SignIn) -> None:
        sign_in(Role.MARKETER)
        page.goto(f"{live_server.url}/settings/")
        page.get_by_role("button", name="Make a token for me").click()
        expect(page.locator("#new-token")).to_have_text(re.compile(r"^wf_[\w-]{40,}$"))
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name=re.compile("^Revoke")).click()
        expect(page.get_by_text("No token yet")).to_be_visible()

    def test_somebody_is_added_and_shut_out(
        self, page: Page, live_server: LiveServer, sign_in: SignIn
    ) -> None:
        sign_in(Role.ADMIN)
        page.goto(f"{live_server.url}/settings/")
        page.get_by_text("Add somebody").click()
        page.get_by_label("User name").fill("mia")
        page.get_by_label("Role", exact=True).select_option("service")
        page.get_by_role("button", name="Add to the team").click()
        expect(page.locator("#new-password")).to_be_visible()
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Shut out mia").click()
        expect(page.get_by_role("button", name="Let in mia")).to_be_visible()
