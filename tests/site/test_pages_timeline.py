"""The timeline: complete, in order, in pages that lose and double nothing, in a fixed number of queries."""

import random
from datetime import timedelta
from decimal import Decimal

import pytest
from pytest_django import DjangoAssertNumQueries

from cdp_site.pages.timeline import Cursor, Entry, Group, Source, Wanted, entries_of, line_of
from cdp_site.pages.timeline.entries import Cursor as EntryCursor
from cdp_site.pages.timeline.groups import TOLD_BY_DELIVERIES
from connectors.registry import CHANNELS
from profiles.models import Person
from profiles.queries import person_ids_of
from tests import build

pytestmark = pytest.mark.django_db


def everything(person: Person, *, page: int, wanted: Wanted | None = None) -> list[Entry]:
    """Read a whole timeline page by page."""
    people, found = person_ids_of(person), list[Entry]()
    wanted = wanted or Wanted()
    while True:
        entries = entries_of(people, wanted=wanted, limit=page)
        found += entries
        if len(entries) < page:
            return found
        wanted = Wanted(groups=wanted.groups, words=wanted.words, after=entries[-1].cursor)


@pytest.fixture
def crowded() -> Person:
    """Somebody with entries of all kinds, many of them at the same instants, some from before a merge."""
    person, old = build.person(), build.person()
    journey, segment, template = build.journey(), build.segment(), build.template()
    dice = random.Random(7)
    for _ in range(60):
        at = build.NOON - timedelta(hours=dice.randrange(12))
        build.event(person=dice.choice([person, old]), at=at)
        if dice.random() < 0.4:
            build.decision(journey=journey, person=person, at=at)
        if dice.random() < 0.3:
            build.delivery(person=dice.choice([person, old]), at=at, template=template)
        if dice.random() < 0.2:
            build.membership(segment=segment, person=person, entered_at=at, left_at=at)
        if dice.random() < 0.2:
            build.consent_change(person=person, at=at)
    build.merged(old=old, new=person)
    return person


class TestPages:
    @pytest.mark.parametrize("page", [1, 2, 7, 40])
    def test_hold_everything_once_in_order(self, crowded: Person, page: int) -> None:
        whole = everything(crowded, page=1000)
        paged = everything(crowded, page=page)
        places = [(entry.at, entry.source, entry.tie) for entry in paged]
        assert paged == whole
        assert places == sorted(places, reverse=True)
        assert len(set(places)) == len(places)
        assert {entry.source for entry in whole} == set(Source)

    def test_later_arrivals_move_nothing(self, crowded: Person) -> None:
        first = entries_of(person_ids_of(crowded), wanted=Wanted(), limit=5)
        build.event(person=crowded, at=build.NOON + timedelta(hours=1))
        second = entries_of(person_ids_of(crowded), wanted=Wanted(after=first[-1].cursor), limit=5)
        assert everything(crowded, page=1000)[1:11] == first + second

    def test_others_stay_out(self, crowded: Person) -> None:
        other = build.person()
        build.event(person=other)
        assert len(everything(other, page=10)) == 1

    def test_events_of_merged_people_are_there_before_and_after_the_squash(self, crowded: Person) -> None:
        before = everything(crowded, page=1000)
        from profiles.services import squash_merged

        squash_merged(limit=10)
        assert everything(crowded, page=1000) == before

    def test_a_decision_that_made_a_delivery_is_told_once(self) -> None:
        person, journey = build.person(), build.journey()
        delivery = build.delivery(person=person)
        build.decision(journey=journey, person=person, outcome="queued", delivery_id=delivery.pk)
        assert [entry.source for entry in everything(person, page=10)] == [Source.DELIVERY]

    def test_a_delivery_that_left_is_told_once__at_the_time_it_left(self) -> None:
        person = build.person()
        at = build.NOON + timedelta(hours=3)
        delivery = build.delivery(person=person, sent_at=at)
        build.event(person=person, name="Email Sent", at=at, properties={"delivery": str(delivery.uuid)})
        build.event(person=person, name="Email Sent", at=at, properties={"campaign": "of another system"})
        told = everything(person, page=10)
        assert [(entry.source, entry.at) for entry in told] == [(Source.DELIVERY, at), (Source.EVENT, at)]
        assert told[1].data["properties"] == {"campaign": "of another system"}

    def test_channels__their_events_are_known_here(self) -> None:
        assert {kind.sent_event for kind in CHANNELS.values()} == set(TOLD_BY_DELIVERIES)

    def test_take_a_fixed_number_of_queries(
        self, crowded: Person, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        people = person_ids_of(crowded)
        with django_assert_num_queries(2):  # the entries, and the names of the steps they stand at
            entries_of(people, wanted=Wanted(), limit=40)
        with django_assert_num_queries(3):  # and the names of events that fit the groups
            entries_of(people, wanted=Wanted(groups=frozenset(Group)), limit=40)

    def test_nobody_has_none(self) -> None:
        assert everything(build.person(), page=10) == []


class TestFilters:
    def test_groups__add_up_to_everything(self, crowded: Person) -> None:
        build.event(person=crowded, name="Order Completed")
        build.event(person=crowded, name="Email Opened")
        parts = [everything(crowded, page=9, wanted=Wanted(groups=frozenset({group}))) for group in Group]
        assert sum(map(len, parts)) == len(everything(crowded, page=1000))
        assert all(parts)

    @pytest.mark.parametrize(
        ("group", "name"),
        [
            (Group.ORDERS, "Order Completed"),
            (Group.MESSAGES, "Email Opened"),
            (Group.PROFILE, "Identified"),
            (Group.WEB, "Something else"),
        ],
    )
    def test_groups__take_events_by_name(self, group: Group, name: str) -> None:
        person = build.person()
        for one in ("Order Completed", "Email Opened", "Identified", "Something else"):
            build.event(person=person, name=one)
        found = everything(person, page=10, wanted=Wanted(groups=frozenset({group})))
        assert [entry.data["name"] for entry in found] == [name]

    def test_words__look_into_properties_and_names(self) -> None:
        person = build.person()
        build.event(person=person, name="Product Viewed", properties={"sku": "Zelt-100%"})
        build.event(person=person, name="Product Viewed", properties={"sku": "other"})
        build.delivery(person=person, template=build.template(slug="zelt-100"))
        assert len(everything(person, page=10, wanted=Wanted(words="zelt-100%"))) == 1
        assert len(everything(person, page=10, wanted=Wanted(words="ZELT-100"))) == 2

    def test_words__are_no_pattern(self) -> None:
        person = build.person()
        build.event(person=person, properties={"sku": "abc"})
        for words in ("a%c", "a_c", "\\"):
            assert everything(person, page=10, wanted=Wanted(words=words)) == []


class TestCursor:
    def test_is_read_back(self) -> None:
        cursor = Cursor(at=build.NOON + timedelta(microseconds=1), rank=3, tie=2**63 - 1)
        assert EntryCursor.read(str(cursor)) == cursor

    def test_before_1970(self) -> None:
        cursor = Cursor(at=build.NOON - timedelta(days=40_000), rank=1, tie=0)
        assert EntryCursor.read(str(cursor)) == cursor

    @pytest.mark.parametrize(
        "text",
        ["", "x", "1.2", "1.2.3.4", "-99999999999999999.1.1", "1.1.99999999999999999999", "\u0661.1.1"],
    )
    def test_nonsense_is_none(self, text: str) -> None:
        assert EntryCursor.read(text) is None


class TestSentences:
    @pytest.mark.parametrize(
        ("name", "fields", "sentence"),
        [
            ("Page Viewed", {"path": "/tents"}, "Viewed page /tents"),
            ("Page Viewed", {"properties": {"title": "Tents"}}, "Viewed page Tents"),
            ("Page Viewed", {}, "Viewed a page"),
            ("Screen Viewed", {"properties": {"name": "Home"}}, "Opened screen Home"),
            ("Identified", {"properties": {"email": "x", "plan": "y"}}, "Gave details: email, plan"),
            ("Product Viewed", {"properties": {"name": "Arc 2"}}, "Looked at Arc 2"),
            ("Product Viewed", {}, "Did Product Viewed"),
            (
                "Cart Updated",
                {"properties": {"value": 195.5, "currency": "EUR"}},
                "Changed the cart, now 195.50 EUR",
            ),
            ("Order Completed", {"revenue": Decimal("270")}, "Placed an order of 270.00"),
            (
                "Order Completed",
                {"properties": {"revenue": 1270, "currency": "EUR", "products": [1, 2]}},
                "Placed an order of 1,270.00 EUR for 2 items",
            ),
            ("Email Link Clicked", {"properties": {"subject": "Hello"}}, "Clicked a link in Hello"),
            ("Own Thing", {}, "Did Own Thing"),
        ],
    )
    def test_event(self, name: str, fields: dict[str, object], sentence: str) -> None:
        person = build.person()
        build.event(person=person, name=name, **fields)  # type: ignore[arg-type]
        (entry,) = everything(person, page=10)
        assert line_of(entry).sentence.striptags() == sentence

    def test_what_customers_wrote_is_no_markup(self) -> None:
        person = build.person()
        build.event(person=person, path="<script>alert(1)</script>")
        (entry,) = everything(person, page=10)
        assert "<script>" not in line_of(entry).sentence
        assert "&lt;script&gt;" in line_of(entry).sentence

    @pytest.mark.parametrize("odd", [None, 7, True, [1], {"a": 1}, "", "x" * 5000])
    def test_odd_properties_break_nothing(self, odd: object) -> None:
        person = build.person()
        keys = (
            "name",
            "path",
            "revenue",
            "currency",
            "products",
            "query",
            "subject",
            "groupId",
            "traits",
            "title",
            "url",
        )
        for name in (
            "Page Viewed",
            "Product Viewed",
            "Order Completed",
            "Products Searched",
            "Group Joined",
            "Email Opened",
        ):
            build.event(person=person, name=name, properties=dict.fromkeys(keys, odd))
        for entry in everything(person, page=100):
            assert 0 < len(line_of(entry).sentence) < 400

    @pytest.mark.parametrize(
        ("state", "sentence"),
        [
            ("sent", "Was sent the email Hello"),
            ("queued", "Email Hello is about to be sent"),
            ("dead", "Email Hello could not be sent"),
            ("blocked", "Email Hello was not sent: consent was never given"),
            ("cancelled", "Email Hello was cancelled: the journey had ended"),
        ],
    )
    def test_delivery(self, state: str, sentence: str) -> None:
        person = build.person()
        build.delivery(
            person=person,
            state=state,
            rendered={"subject": "Hello"},
            last_error="consent_unset" if state == "blocked" else "",
        )
        (entry,) = everything(person, page=10)
        assert line_of(entry).sentence.striptags() == sentence

    def test_decision__says_what_is_sent(self) -> None:
        person = build.person()
        step = {"id": "s1", "kind": "webhook", "connection": "erp", "fields": {}, "name": "Tell the shop"}
        journey = build.journey(name="Welcome", document=build.journey_document(step))
        build.decision(journey=journey, person=person, outcome="queued", step="s1")
        (entry,) = everything(person, page=10)
        assert line_of(entry).sentence.striptags() == "Welcome decided to send Tell the shop"

    def test_decision__names_the_step_and_the_reasons(self) -> None:
        person = build.person()
        journey = build.journey(
            name="Welcome",
            document=build.journey_document({"id": "s1", "kind": "wait", "for": "PT4H", "name": "Think"}),
        )
        needed = {"consent": "email_marketing", "is": "granted"}
        build.decision(
            journey=journey,
            person=person,
            outcome="entered",
            step="s1",
            tree={"node": "consent", "needed": needed, "seen": "granted", "held": True},
        )
        (entry,) = everything(person, page=10)
        line = line_of(entry)
        assert line.sentence.striptags() == "Entered the journey Welcome"
        assert ("Step", "Think") in line.details
        assert [(reason.needed, reason.is_held) for reason in line.why] == [
            ("has granted the consent “email_marketing”", True)
        ]
