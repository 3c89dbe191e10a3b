from pathlib import Path

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from connectors import suppression
from connectors.models import Suppression
from connectors.queries import reach_of, suppressed_scopes
from connectors.services import suppress
from tests import build

pytestmark = pytest.mark.django_db
ADA, EVE = "ada@example.com", "eve@example.com"


def test_suppressed_scopes__by_address_and_scope() -> None:
    suppress(ADA, channel="email", reason="bounced")
    suppress(ADA, channel="email", reason="unsubscribed", scope="marketing")
    suppress("+491701234567", channel="phone", reason="by_hand")
    found = suppressed_scopes({" ADA@example.com", EVE}, channel="email")
    assert found == {" ADA@example.com": frozenset({"all", "marketing"})}
    assert suppressed_scopes({"+491701234567"}, channel="email") == {}


def test_suppress__twice_is_once() -> None:
    for _ in range(2):
        suppress(ADA, channel="email", reason="bounced")
    assert Suppression.objects.filter(channel="email").count() == 1


def test_suppress__keeps_no_address() -> None:
    suppress(ADA, channel="email", reason="bounced")
    assert not [row for row in Suppression.objects.all() if "ada" in row.address_hash]


def test_suppressed_scopes__nobody_was_ever_suppressed(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(2):
        assert suppressed_scopes({ADA, EVE}, channel="email") == {}
    with django_assert_num_queries(0):
        assert suppressed_scopes(set(), channel="email") == {}


def test_suppressed_scopes__the_key_was_lost(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    suppress(ADA, channel="email", reason="bounced")
    settings.WAYFARE_DATA = settings.WAYFARE_DATA / "elsewhere"
    assert suppressed_scopes({EVE}, channel="email") == {EVE: frozenset({"marketing"})}
    assert "no marketing" in caplog.text


def test_key__is_made_once_and_readable_by_the_owner_alone(settings: Settings) -> None:
    first = suppression.hash_of(ADA, channel="email")
    assert suppression.hash_of(ADA, channel="email") == first
    file = Path(settings.WAYFARE_DATA) / "suppression_key"
    assert file.stat().st_mode & 0o077 == 0


def test_reach_of__many_people_in_few_queries(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    suppress("p1@example.com", channel="email", reason="bounced")
    people = [
        build.person(identities={"email": f"p{number}@example.com"}, consent={"email_marketing": True})
        for number in range(30)
    ]
    old = build.person(merged_into=people[3])
    with django_assert_max_num_queries(6):
        found = reach_of([old.pk, *(person.pk for person in people)], writes_to="email")
    assert found[people[0].pk].address == "p0@example.com"
    assert found[people[0].pk].consent == {"email_marketing": True}
    assert found[people[1].pk].suppressed == {"all"}
    assert found[old.pk].address == "p3@example.com"
