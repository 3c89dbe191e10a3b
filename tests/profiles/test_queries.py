"""Finding and listing people."""

from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from profiles.domain.naming import Naming, naming_of
from profiles.models import Person
from profiles.queries import (
    Known,
    people_count,
    people_found,
    people_newest_first,
    person_by_identity,
    person_of,
)
from tests import build

pytestmark = pytest.mark.django_db


def found(text: str) -> list[int]:
    return [line.id for line in people_found(text, limit=10)]


@pytest.fixture
def uwe() -> Person:
    return build.person(
        traits={"firstName": "Uwe", "lastName": "Jansen", "company": "Nordwind GmbH"},
        identities={
            "user_id": "K-05610",
            "email": "uwe.jansen@example.com",
            "phone": "+4915112345678",
            "anonymous_id": "a7f3b1d0",
        },
    )


class TestSearch:
    @pytest.mark.parametrize(
        "text",
        [
            "uwe",
            "UWE JANSEN",
            "jan",
            "nordwind",
            "uwe.jansen@example.com",
            " Uwe.Jansen@Example.COM ",
            "uwe.jan",
            "uwe.jansen@exa",
            "K-05610",
            "05610",
            "example.com",
            "+49 151 12345678",
            "a7f3b1d0",
        ],
    )
    def test_finds(self, uwe: Person, text: str) -> None:
        build.person(traits={"firstName": "Zoe"}, identities={"email": "zoe@example.org"})
        assert found(text) == [uwe.pk]

    @pytest.mark.parametrize(
        "text", ["", "  ", "xyz", "wind", "a7f3", "'", "\\", "' | 'a", "&", "uwe:*", "uwe xyz", "\x00"]
    )
    def test_finds_nobody(self, uwe: Person, text: str) -> None:
        assert found(text) == []

    def test_public_id(self, uwe: Person) -> None:
        assert found(str(uwe.uuid)) == [uwe.pk]

    def test_identities_of_other_systems(self) -> None:
        person = build.person(identities={"hubspot": "51"})
        assert found("51") == [person.pk]
        assert people_found("51", limit=1)[0].exact_kind == "hubspot"

    def test_exact_identifiers_come_first(self) -> None:
        by_name = build.person(traits={"name": "51 Degrees"}, last_seen_at=build.NOON + timedelta(days=9))
        by_number = build.person(identities={"user_id": "51"})
        assert found("51") == [by_number.pk, by_name.pk]

    def test_merged_people_lead_to_the_survivor(self, uwe: Person) -> None:
        old = build.person(traits={"name": "Oldname"}, identities={"email": "old@example.com"})
        build.merged(old=old, new=uwe)
        for text in ("Oldname", "old@example.com", str(old.uuid)):
            assert found(text) == [uwe.pk]
        assert people_found("Oldname", limit=5)[0].was_merged
        assert not people_found("Uwe", limit=5)[0].was_merged

    def test_latest_seen_come_first(self) -> None:
        early = build.person(traits={"name": "Anna A"}, last_seen_at=build.NOON - timedelta(days=2))
        late = build.person(traits={"name": "Anna B"}, last_seen_at=build.NOON)
        assert found("anna") == [late.pk, early.pk]

    def test_takes_a_fixed_number_of_queries(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        for number in range(12):
            build.person(traits={"name": f"Anna {number}"}, identities={"user_id": str(number)})
        with django_assert_num_queries(3):  # by identifier, by words, the identities of those found
            assert len(people_found("anna", limit=8)) == 8
        with django_assert_num_queries(4):  # and who holds the identifier
            assert len(people_found("7", limit=8)) == 1


class TestList:
    def test_newest_first_in_pages(self) -> None:
        people = [build.person().pk for _ in range(5)]
        first = people_newest_first(limit=2)
        second = people_newest_first(limit=2, before=first[-1].id)
        assert [line.id for line in first + second] == people[::-1][:4]

    def test_leaves_merged_people_out(self) -> None:
        old, new = build.person(), build.person()
        build.merged(old=old, new=new)
        assert [line.id for line in people_newest_first(limit=9)] == [new.pk]
        assert people_count().value == 1

    def test_known_and_anonymous(self, uwe: Person) -> None:
        visitor = build.person(identities={"anonymous_id": "x1"})
        assert [line.id for line in people_newest_first(limit=9, known=Known.KNOWN)] == [uwe.pk]
        assert [line.id for line in people_newest_first(limit=9, known=Known.ANONYMOUS)] == [visitor.pk]

    def test_takes_two_queries(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        for number in range(5):
            build.person(identities={"user_id": str(number)})
        with django_assert_num_queries(2):
            people_newest_first(limit=50)


class TestOne:
    def test_by_identity__however_it_is_spelt(self, uwe: Person) -> None:
        assert person_by_identity("email", " UWE.Jansen@example.com ") == uwe
        assert person_by_identity("user_id", "nobody") is None

    def test_by_public_id__the_survivor(self, uwe: Person) -> None:
        old = build.person()
        build.merged(old=old, new=uwe)
        assert person_of(old.uuid) == uwe


@pytest.mark.parametrize(
    ("traits", "identities", "naming"),
    [
        ({"name": "Ann Lee"}, [("email", "a@b.c")], Naming(name="Ann Lee", identifier="a@b.c")),
        (
            {"firstName": "Ann", "last_name": "Lee"},
            [("user_id", "7")],
            Naming(name="Ann Lee", identifier="7"),
        ),
        (
            {"firstName": " ", "name": 7},
            [("user_id", "7"), ("email", "a@b.c")],
            Naming(name="a@b.c", identifier=""),
        ),
        ({}, [("anonymous_id", "0123456789abcdef")], Naming(name="", identifier="01234567…")),
        ({}, [("shopify", "99"), ("anonymous_id", "x")], Naming(name="99", identifier="")),
        ({}, [], Naming(name="", identifier="")),
    ],
)
def test_naming(traits: dict[str, object], identities: list[tuple[str, str]], naming: Naming) -> None:
    assert naming_of(traits=traits, identities=identities) == naming
