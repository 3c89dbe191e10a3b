"""The pages of people, through the door."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from cdp_site.web import Role
from profiles.models import Person
from tests import build
from tests.site.world import make_world

pytestmark = pytest.mark.django_db
FRAME = 3  # session, user, roles
ZONE = 1  # the company's, as long as the browser has not told its own


@pytest.fixture
def service(client: Client) -> Client:
    client.force_login(build.user(role=Role.SERVICE))
    return client


def page(person: Person, query: str = "") -> str:
    return reverse("person", args=[person.uuid]) + query


class TestList:
    def test_shows_people_with_their_identifiers(self, service: Client) -> None:
        person = build.person(
            traits={"name": "Ann Lee"}, identities={"email": "ann@example.com", "user_id": "K-1"}
        )
        html = service.get(reverse("profiles:people-list")).content.decode()
        assert "Ann Lee" in html
        assert "ann@example.com" in html
        assert page(person) in html
        assert "1 person" in html

    def test_without_people__says_what_to_do(self, service: Client) -> None:
        assert b"Connect a source" in service.get(reverse("profiles:people-list")).content

    def test_search_without_hits__says_so(self, service: Client) -> None:
        html = service.get(reverse("profiles:people-list"), {"q": "<b>x</b>"}).content.decode()
        assert "Nobody matches “&lt;b&gt;x&lt;/b&gt;”" in html

    def test_pages_lead_on_to_everybody(self, service: Client) -> None:
        for number in range(120):
            build.person(identities={"user_id": f"K-{number:03}"})
        path, seen = reverse("profiles:people-list"), set[str]()
        for _ in range(3):
            html = service.get(path, headers={"HX-Request": "true"}).content.decode()
            seen |= {f"K-{number:03}" for number in range(120) if f"K-{number:03}" in html}
            _, _, rest = html.partition('hx-get="')
            path = rest.partition('"')[0].replace("&amp;", "&")
        assert len(seen) == 120
        assert path == ""

    @pytest.mark.parametrize(
        "query", ["?before=x", "?before=-1", "?before=" + "9" * 40, "?known=zebra", "?q=" + "x" * 5000]
    )
    def test_nonsense_in_the_address_breaks_nothing(self, service: Client, query: str) -> None:
        assert service.get(reverse("profiles:people-list") + query).status_code == 200

    def test_number_of_queries(
        self, service: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for number in range(60):
            build.person(identities={"user_id": str(number)})
        with django_assert_num_queries(FRAME + ZONE + 3):
            service.get(reverse("profiles:people-list"))
        with django_assert_num_queries(FRAME + ZONE + 5):
            service.get(reverse("profiles:people-list"), {"q": "5"})

    def test_suggestions(self, service: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        person = build.person(traits={"name": "Ann Lee"}, identities={"email": "ann@example.com"})
        with django_assert_num_queries(FRAME + ZONE + 3):
            html = service.get(reverse("profiles:people-search"), {"q": "ann"}).content.decode()
        assert page(person) in html
        assert service.get(reverse("profiles:people-search"), {"q": " "}).content.strip() == b""


class TestPerson:
    def test_shows_everything_known(self, service: Client) -> None:
        world = make_world()
        html = service.get(page(world.person)).content.decode()
        for words in (
            "§Uwe§ §Jansen§",
            "§K-1§",
            "§VIP§",
            "Placed an order",
            "Entered the journey",
            "Was sent the email",
            "An earlier profile became part of this one",
            "stopped on an error",
        ):
            assert words in html

    def test_somebody_of_whom_nothing_is_known(self, service: Client) -> None:
        html = service.get(page(build.person())).content.decode()
        assert "Somebody unknown" in html
        assert "Nothing has happened yet." in html

    def test_merged_people_lead_to_the_survivor(self, service: Client) -> None:
        old, new = build.person(), build.person()
        build.merged(old=old, new=new)
        assert service.get(page(old)).headers["Location"] == page(new)

    def test_unknown_people_are_not_found(self, service: Client) -> None:
        assert (
            service.get(reverse("person", args=["00000000-0000-0000-0000-000000000000"])).status_code == 404
        )

    def test_values_are_no_markup(self, service: Client) -> None:
        nasty = "<img src=x onerror=alert(1)>"
        person = build.person(traits={"name": nasty, nasty: nasty}, identities={"user_id": nasty})
        build.event(person=person, name=nasty, properties={nasty: [nasty, {"a": nasty}]})
        assert "<img" not in service.get(page(person)).content.decode()

    def test_number_of_queries__does_not_grow(
        self, service: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        world = make_world()
        for size in (0, 60):
            for number in range(size):
                build.event(person=world.person, at=build.NOON - timedelta(minutes=number))
                build.membership(segment=build.segment(), person=world.person)
            with django_assert_num_queries(FRAME + ZONE + 11):
                service.get(page(world.person))

    def test_more_of_the_timeline__costs_only_the_timeline(
        self, service: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        world = make_world()
        with django_assert_num_queries(FRAME + ZONE + 4):
            html = service.get(page(world.person), headers={"HX-Request": "true"}).content.decode()
        assert "<h1>" not in html


class TestTimelineOnThePage:
    def test_a_day_that_is_cut_by_a_page_has_one_heading(self, service: Client) -> None:
        person = build.person()
        for number in range(50):
            build.event(person=person, at=build.NOON - timedelta(minutes=number), path=f"/{number}")
        first = service.get(page(person)).content.decode()
        link = first.partition('class="more" hx-get="')[2].partition('"')[0].replace("&amp;", "&")
        second = service.get(link, headers={"HX-Request": "true"}).content.decode()
        assert first.count('class="day"') == 1
        assert second.count('class="day"') == 0
        assert "/49</code>" in second
        assert "First seen" in second

    def test_days_are_those_of_the_reader(self, service: Client) -> None:
        person = build.person()
        build.event(person=person, at=build.NOON.replace(year=2024, hour=23))
        assert "Saturday, 23 November 2024" in service.get(page(person)).content.decode()
        service.cookies["zone"] = "Asia/Tokyo"
        assert "Sunday, 24 November 2024" in service.get(page(person)).content.decode()

    def test_going_to_a_day__shows_it_and_what_came_before(self, service: Client) -> None:
        person = build.person()
        for days in (0, 1, 2):
            build.event(person=person, at=build.NOON - timedelta(days=days), path=f"/day-{days}")
        html = service.get(page(person, "?on=2026-11-22")).content.decode()
        assert "/day-0" not in html
        assert "/day-1" in html
        assert "/day-2" in html

    @pytest.mark.parametrize(
        "query", ["?on=2026-02-31", "?on=9999-12-31", "?on=x", "?after=x", "?day=x", "?show=x"]
    )
    def test_nonsense_in_the_address_breaks_nothing(self, service: Client, query: str) -> None:
        person = build.person()
        build.event(person=person)
        assert service.get(page(person, query)).status_code == 200

    def test_filters_that_fit_nothing_say_so(self, service: Client) -> None:
        person = build.person()
        build.event(person=person)
        assert b"Nothing fits" in service.get(page(person, "?show=orders")).content

    def test_filters_are_kept_on_the_way_back_in_time(self, service: Client) -> None:
        person = build.person()
        for number in range(50):
            build.event(person=person, name="Order Completed", at=build.NOON - timedelta(minutes=number))
        html = service.get(page(person, "?show=orders&words=order")).content.decode()
        assert "show=orders&amp;words=order&amp;after=" in html


class TestWhy:
    def test_shows_each_decision_with_its_reasons(self, service: Client) -> None:
        world = make_world()
        html = service.get(reverse("person-why", args=[world.person.uuid, "third-visit"])).content.decode()
        assert "exactly 3 times" in html
        assert "seen: 3 times" in html

    def test_nothing_is_said_twice(self, service: Client) -> None:
        """What the ledger tells of, it tells alone; what is asked now is told where it differs."""
        step = {"id": "x", "kind": "exit"}
        entry = {"on": {"event": "Cart"}, "if": {"trait": "plan", "op": "is", "value": "gold"}}
        journey = build.journey(slug="j", document={"language": 1, "entry": entry, "steps": [step]})
        person = build.person()
        address = reverse("person-why", args=[person.uuid, "j"])
        at = timezone.now() - timedelta(hours=1)
        for hour in range(2):
            build.event(person=person, name="Cart", at=at - timedelta(hours=hour))
        html = service.get(address).content.decode()
        assert html.count("2 times") == 1
        assert html.count('class="reasons"') == 1
        build.decision(journey=journey, person=person, at=at, outcome="not_entered", reason="filter")
        html = service.get(address).content.decode()
        assert "2 times" not in html
        assert html.count("its conditions did not hold") == 2  # by the ledger, and an hour before

    def test_nothing_decided(self, service: Client) -> None:
        build.journey(slug="welcome")
        html = service.get(reverse("person-why", args=[build.person().uuid, "welcome"])).content.decode()
        assert "Nothing was decided about this person" in html

    def test_number_of_queries(
        self, service: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        world = make_world()
        with django_assert_num_queries(FRAME + ZONE + 10):
            service.get(reverse("person-why", args=[world.person.uuid, "third-visit"]))
