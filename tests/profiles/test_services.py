"""Messages go into the inbox whole, or not at all."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import Error, connection, transaction
from pytest_django import DjangoAssertNumQueries

from cdp_site import wakeup
from profiles.domain.envelope import open_envelope
from profiles.domain.lanes import Rejected
from profiles.domain.messages import Fault
from profiles.models import DeadLetter, Inbox
from profiles.services import accept, accept_messages
from profiles.store.intake import waiting_rows

NOW = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)


def waiting() -> list[tuple[int, int, datetime, bytes]]:
    rows = Inbox.objects.order_by("id").values_list("lane", "source_id", "received_at", "body")
    return [(lane, source, at, bytes(body)) for lane, source, at, body in rows]


def rejected(code: str = "missing_event") -> Rejected:
    return Rejected(index=0, fault=Fault(code=code, message="A fault."), body=b'{"messages":[3]}')


@pytest.mark.django_db
class TestInTransaction:
    def test_accept__one_row_a_lane(self) -> None:
        accept(source_id=3, received_at=NOW, lanes={1: b"one", 15: b'\x00\xff"two'})
        assert waiting() == [(1, 3, NOW, b"one"), (15, 3, NOW, b'\x00\xff"two')]

    def test_accept__nothing(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        with django_assert_num_queries(0):
            accept(source_id=3, received_at=NOW, lanes={})
        assert waiting() == []

    def test_accept__keeps_refused_messages_aside(self) -> None:
        accept(source_id=3, received_at=NOW, lanes={1: b"one"}, rejected=[rejected(), rejected("x")])
        letters = DeadLetter.objects.order_by("id")
        assert [(one.stage, one.source_id, one.code, one.error) for one in letters] == [
            ("door", 3, "missing_event", "A fault."),
            ("door", 3, "x", "A fault."),
        ]
        assert [(bytes(one.body), one.received_at) for one in letters] == [(b'{"messages":[3]}', NOW)] * 2
        assert len(waiting()) == 1

    def test_accept__of_an_outer_transaction_goes_with_it(self) -> None:
        with transaction.atomic():
            accept(source_id=3, received_at=NOW, lanes={1: b"one"})
            transaction.set_rollback(True)
        assert waiting() == []

    def test_accept_messages__ours(self) -> None:
        message = {"type": "track", "event": "Email Opened", "_person": "6f3c", "messageId": "d1:opened"}
        assert accept_messages(source_id=3, messages=[message], received_at=NOW) == []
        (lane, source, at, body) = waiting()[0]
        assert (source, at) == (3, NOW)
        assert lane < 8
        assert b'"_person":"6f3c"' in bytes(open_envelope(body).messages[0])

    def test_accept_messages__history_has_lanes_of_its_own(self) -> None:
        message = {"type": "page", "userId": "u1"}
        accept_messages(source_id=3, messages=[message], received_at=NOW, is_historical=True)
        assert waiting()[0][0] >= 8

    def test_accept_messages__says_what_it_refused(self) -> None:
        messages: list[dict[str, Any]] = [{"type": "track", "userId": "u1"}, {"type": "page", "userId": "u1"}]
        refused = accept_messages(source_id=3, messages=messages, received_at=NOW)
        assert [(one.index, one.fault.code) for one in refused] == [(0, "missing_event")]
        assert DeadLetter.objects.get().code == "missing_event"
        assert len(waiting()) == 1

    @pytest.mark.parametrize("text", ["\0", "\ud800", "\udc00\ud800", "a\0b\ud83d"])
    def test_accept_messages__text_that_postgresql_cannot_hold(self, text: str) -> None:
        message = {"type": "track", "userId": "u1", "event": "x", "properties": {"note": text}}
        accept_messages(source_id=3, messages=[message], received_at=NOW)
        body = bytes(open_envelope(waiting()[0][3]).messages[0])
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s::jsonb #>> '{properties,note}'", [body.decode()])
            assert "\ufffd" in cursor.fetchone()[0]

    def test_waiting_rows__never_fewer_than_there_are(self) -> None:
        assert waiting_rows() == 0
        for _ in range(3):
            accept(source_id=3, received_at=NOW, lanes={1: b"one", 2: b"two"})
        assert waiting_rows() == 6
        Inbox.objects.order_by("id")[:1].get().delete()
        assert waiting_rows() == 5


@pytest.mark.django_db(transaction=True)
class TestDurable:
    @pytest.fixture(autouse=True)
    def quiet(self) -> Iterator[None]:
        yield
        wakeup.stop()

    def test_accept__is_there_for_everybody_on_return(self) -> None:
        accept(source_id=3, received_at=NOW, lanes={1: b"\x00one", 2: b"two"})
        other = connection.copy()
        try:
            with other.cursor() as cursor:
                cursor.execute("SELECT lane, body, received_at FROM profiles_inbox ORDER BY lane")
                found = [(lane, bytes(body), at) for lane, body, at in cursor.fetchall()]
        finally:
            other.close()
        assert found == [(1, b"\x00one", NOW), (2, b"two", NOW)]

    def test_accept__all_or_nothing(self) -> None:
        with pytest.raises(Error):
            accept(source_id=2**40, received_at=NOW, lanes={1: b"one"}, rejected=[rejected()])
        assert not Inbox.objects.exists()
        assert not DeadLetter.objects.exists()

    def test_accept__after_the_server_hung_up(self) -> None:
        accept(source_id=3, received_at=NOW, lanes={1: b"one"})
        mine = connection.connection.info.backend_pid
        other = connection.copy()
        try:
            with other.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [mine])
        finally:
            other.close()
        accept(source_id=3, received_at=NOW, lanes={1: b"two"})
        assert [body for *_, body in waiting()] == [b"one", b"two"]
