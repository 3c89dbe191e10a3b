"""Messages become people and events: exact counts, times, identities and histories."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from profiles import partitions
from profiles.models import (
    ConsentChange,
    DeadLetter,
    Event,
    Identity,
    IdentityLink,
    Inbox,
    Person,
    PersonMerge,
    PersonOverride,
    PersonTotal,
    TraitChange,
)
from profiles.queries import people_found
from profiles.services import drop_dead_letters, replay_dead_letters, squash_merged
from profiles.times import note_times
from tests.site.pipeline.drive import browser, drain, identify, page, person_of, put, server, track

pytestmark = pytest.mark.django_db


def test_drain__stores_an_event_whole() -> None:
    at = datetime(2026, 11, 20, 10, 30, 15, 250000, tzinfo=UTC)
    put(
        track(
            "u1",
            "Order Completed",
            properties={"revenue": 12.50, "note": 'line\nbreak\tand "quotes" \\ ü 🎁'},
            timestamp=at.isoformat(),
            context={"page": {"path": "/checkout"}, "locale": "de-DE"},
        ),
        received_at=at + timedelta(seconds=2),
    )
    assert drain() == {"stored": 1, "aside": 0, "queued": 0}
    event = Event.objects.get()
    assert (event.ts, event.name.name, event.revenue) == (at, "Order Completed", Decimal("12.5"))
    assert event.properties == {"revenue": 12.5, "note": 'line\nbreak\tand "quotes" \\ ü 🎁'}
    assert event.context["page"] == {"path": "/checkout"}
    assert event.person_id == person_of("u1").pk
    assert person_of("u1").locale == "de-DE"
    assert not Inbox.objects.exists()


def test_drain__names_page_screen_group_and_identify_calls() -> None:
    put(
        {"type": "page", "userId": "u1", "name": "Pricing", "properties": {"path": "/pricing"}},
        {"type": "screen", "userId": "u1", "name": "Home"},
        {"type": "group", "userId": "u1", "groupId": 7, "traits": {"name": "Acme"}},
        identify("u1", plan="pro"),
        {"type": "alias", "userId": "u1", "previousId": "u1"},
    )
    drain()
    stored = {event.name.name: event for event in Event.objects.select_related("name")}
    assert set(stored) == {"Page Viewed", "Screen Viewed", "Group Joined", "Identified", "Aliased"}
    assert stored["Page Viewed"].properties == {"name": "Pricing", "path": "/pricing"}
    assert stored["Page Viewed"].path == "/pricing"
    assert stored["Group Joined"].properties == {"groupId": 7, "traits": {"name": "Acme"}}
    assert stored["Identified"].properties == {"plan": "pro"}


def test_drain__a_message_counts_once() -> None:
    put(*[page("d1", messageId="m1")] * 3, source=browser())
    put(page("d1", messageId="m1"), page("d1", messageId="m2"), source=browser())
    put(page("d1", messageId="m1"), source=server())  # another source's ids are its own
    drain()
    put(page("d1", messageId="m2"), source=browser())
    drain()
    assert Event.objects.count() == 3
    assert PersonTotal.objects.get().count == 3


def test_drain__forgets_the_times_of_what_it_counts_up() -> None:
    put(page("d1", messageId="m1"), source=browser())
    drain()
    note_times(seconds=9)
    assert PersonTotal.objects.get().times == [Event.objects.get().ts]
    put(page("d1", messageId="m2"), source=browser())
    drain()
    assert PersonTotal.objects.get().times is None


def test_drain__messages_without_an_id_are_all_counted() -> None:
    put(page("d1"), page("d1"))
    drain()
    assert Event.objects.count() == 2


@pytest.mark.parametrize(
    ("timestamp", "sent_at", "expected"),
    [
        pytest.param(timedelta(days=3), timedelta(days=3), timedelta(), id="a clock three days ahead"),
        pytest.param(timedelta(days=-3), timedelta(days=-3), timedelta(), id="a clock three days late"),
        pytest.param(timedelta(days=-30), timedelta(), timedelta(days=-30), id="an import"),
        pytest.param(timedelta(days=9), None, timedelta(days=1), id="in the future without sentAt"),
        pytest.param(timedelta(hours=-1), None, timedelta(hours=-1), id="without sentAt"),
        pytest.param(None, timedelta(days=3), timedelta(), id="without a timestamp"),
    ],
)
def test_drain__corrects_the_clients_clock(
    timestamp: timedelta | None, sent_at: timedelta | None, expected: timedelta
) -> None:
    now = timezone.now()
    extra = {} if timestamp is None else {"timestamp": (now + timestamp).isoformat()}
    put(
        page("d1", **extra),
        received_at=now,
        sent_at=None if sent_at is None else now + sent_at,
    )
    drain()
    assert Event.objects.get().ts == now + expected


def test_drain__an_event_before_1970_is_kept_aside() -> None:
    put(page("d1", timestamp="1969-12-31T23:00:00Z"), page("d1", timestamp="1970-01-02T00:00:00Z"))
    assert drain() == {"stored": 1, "aside": 1, "queued": 0}
    letter = DeadLetter.objects.get()
    assert (letter.code, letter.stage) == ("before_1970", "drain")


def test_drain__old_events_get_partitions_of_their_own() -> None:
    put(
        track("u1", "Order Completed", timestamp="1997-01-01T00:00:00Z"),
        track("u1", "Order Completed", timestamp="1997-08-01T00:00:00Z"),
        is_historical=True,
    )
    drain()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM profiles_event_default")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT count(*) FROM profiles_event_1997")
        assert cursor.fetchone() == (2,)


def test_drain__registering_makes_the_anonymous_history_theirs() -> None:
    put(page("d1"), page("d1"), source=browser())
    drain()
    anonymous = person_of("d1", kind="anonymous_id")
    put(identify("u1", device="d1", email="Ada@Example.com"), source=browser())
    drain()
    person = person_of("u1")
    assert person == anonymous
    assert Event.objects.filter(person_id=person.pk).count() == 3
    assert person_of("ada@example.com", kind="email") == person
    assert person.traits == {"email": "Ada@Example.com"}


def test_drain__logging_in_elsewhere_merges_and_squashes_the_visits() -> None:
    put(identify("u1", email="ada@example.com"), track("u1", "Order Completed", properties={"revenue": 5}))
    put(page("d1"), page("d1"), source=browser())
    drain()
    visitor = person_of("d1", kind="anonymous_id")
    put(identify("u1", device="d1"), source=browser())
    drain()
    person = person_of("u1")
    assert person_of("d1", kind="anonymous_id") == person
    visitor.refresh_from_db()
    assert visitor.merged_into == person
    assert PersonMerge.objects.get().reason == "registered"
    assert PersonOverride.objects.get().new_person_id == person.pk
    totals = {total.name.name: total.count for total in PersonTotal.objects.filter(person_id=person.pk)}
    assert totals == {"Identified": 2, "Order Completed": 1, "Page Viewed": 2}
    assert squash_merged(limit=10) == 1
    assert not PersonOverride.objects.exists()
    assert Event.objects.filter(person_id=person.pk).count() == 5


def test_drain__visit_and_registration_in_one_batch_need_no_merge_record() -> None:
    put(page("d1"), identify("u1"), identify("u1", device="d1"))
    drain()
    assert Person.objects.count() == 1
    assert not PersonMerge.objects.exists()
    assert Event.objects.filter(person_id=person_of("u1").pk).count() == 3


def test_drain__chains_of_merges_lead_to_the_last() -> None:
    for user in ("a", "b", "c"):
        put(track(user, "Visit"))
    drain()
    put({"type": "alias", "previousId": "a", "userId": "b"})
    drain()
    put({"type": "alias", "previousId": "b", "userId": "c"})
    drain()
    final = person_of("c")
    assert {person_of("a"), person_of("b")} == {final}
    assert set(Person.objects.exclude(pk=final.pk).values_list("merged_into_id", flat=True)) == {final.pk}
    assert set(PersonOverride.objects.values_list("new_person_id", flat=True)) == {final.pk}
    assert squash_merged(limit=10) == 2
    assert Event.objects.filter(person_id=final.pk, name__name="Visit").count() == 3


def test_drain__a_shared_device_keeps_two_people_apart() -> None:
    put(identify("u1", device="d1"), page("d1"), identify("u2", device="d1"), page("d1"), source=browser())
    drain()
    first, second = person_of("u1"), person_of("u2")
    assert first != second
    assert Event.objects.filter(person_id=first.pk).count() == 2
    assert Event.objects.filter(person_id=second.pk).count() == 2
    assert [link.reason for link in IdentityLink.objects.order_by("id")][-1] == "login"


def test_drain__an_unused_claim_leaves_no_trace() -> None:
    put(identify("u1", email="ada@example.com"))
    drain()
    put(identify("u2", email="ada@example.com"), source=browser())
    drain()
    assert person_of("ada@example.com", kind="email") == person_of("u1")
    assert person_of("u2").traits == {"email": "ada@example.com"}
    assert not Identity.objects.filter(person=None).exists()


def test_drain__a_newer_trait_beats_an_older_identify() -> None:
    now = timezone.now()
    put({**identify("u1", plan="pro", city="Rome"), "timestamp": now.isoformat()})
    put({**identify("u1", plan="free", age=3), "timestamp": (now - timedelta(hours=2)).isoformat()})
    put({**identify("u1", city=None), "timestamp": (now + timedelta(seconds=1)).isoformat()})
    drain()
    assert person_of("u1").traits == {"plan": "pro", "age": 3}
    changes = list(TraitChange.objects.order_by("arrival", "key").values_list("key", "value"))
    assert changes == [("city", "Rome"), ("plan", "pro"), ("age", 3), ("plan", "free"), ("city", None)]


def test_drain__a_trait_is_recorded_on_change_only() -> None:
    put(
        identify("u1", plan="pro"),
        identify("u1", plan="pro"),
        identify("u1", plan=1),
        identify("u1", plan=True),
    )
    drain()
    assert list(TraitChange.objects.order_by("id").values_list("value", flat=True)) == ["pro", 1, True]


def test_drain__keeps_consent_with_its_history() -> None:
    for answer in (True, True, False):
        put(track("u1", "Asked", context={"consent": {"categoryPreferences": {"email_marketing": answer}}}))
    put(track("u1", "Asked", context={"consent": {"categoryPreferences": {"ads": "yes"}}}))
    drain()
    assert person_of("u1").consent == {"email_marketing": False}
    assert list(ConsentChange.objects.order_by("id").values_list("is_granted", flat=True)) == [True, False]


def test_drain__takes_a_zone_that_both_clocks_know() -> None:
    put(page("d1", context={"timezone": "GMT+0100"}))
    drain()
    assert person_of("d1", kind="anonymous_id").time_zone == "Etc/GMT-1"
    put(page("d1", context={"timezone": "Europe/Berlin"}), page("d1", context={"timezone": "Mars/Base"}))
    drain()
    assert person_of("d1", kind="anonymous_id").time_zone == "Europe/Berlin"


def test_drain__bisects_down_to_the_message_that_cannot_be_stored() -> None:
    messages = [track("u1", "Step", messageId=f"m{number}") for number in range(20)]
    stranger = {**track("u1", "Step"), "_person": "11111111-1111-1111-1111-111111111111"}
    put(*messages[:7], stranger, *messages[7:])
    assert drain() == {"stored": 20, "aside": 1, "queued": 0}
    letter = DeadLetter.objects.get()
    assert letter.code == "unknown_person"
    assert PersonTotal.objects.get(person_id=person_of("u1").pk).count == 20


def test_replay__puts_a_kept_message_back() -> None:
    put(page("d1", timestamp="1969-12-31T23:00:00Z"))
    drain()
    letter = DeadLetter.objects.get()
    assert replay_dead_letters([letter.pk], actor="mia") == 1
    assert replay_dead_letters([letter.pk], actor="mia") == 0
    drain()
    assert DeadLetter.objects.filter(resolved_at=None).count() == 1
    assert drop_dead_letters([DeadLetter.objects.get(resolved_at=None).pk], actor="mia") == 1
    assert not DeadLetter.objects.filter(resolved_at=None).exists()


def test_drain__refuses_one_event_name_too_many(settings) -> None:  # type: ignore[no-untyped-def]
    settings.EVENT_NAMES_PER_SOURCE = 2
    put(*[track("u1", f"Event {number}") for number in range(4)])
    assert drain() == {"stored": 2, "aside": 2, "queued": 0}
    assert set(DeadLetter.objects.values_list("code", flat=True)) == {"too_many_event_names"}


def test_drain__finds_people_by_what_they_told() -> None:
    put(identify("K-77", email="ada@example.com", firstName="Ada", lastName="Lovelace"))
    drain()
    for text in ("ada@exa", "example.com", "Lovelace ada", "K-77", "77"):
        assert [line.naming.name for line in people_found(text, limit=2)] == ["Ada Lovelace"]


def test_make_ahead__is_repeatable() -> None:
    partitions.make_ahead(now=timezone.now())
    partitions.forget()
    partitions.make_ahead(now=timezone.now())
    assert partitions.drop_old_dedup(now=timezone.now() + timedelta(days=60)) >= 2
