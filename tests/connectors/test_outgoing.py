"""Calls over HTTP: where they may go, how long they take, what an answer means."""

import socket
import time
from datetime import UTC, datetime, timedelta

import pytest
from pytest_django.fixtures import Settings

from connectors.domain.message import DeliveryError, Fault
from connectors.outgoing import KEPT_BYTES, Answer, Caller, raise_unless_taken, retry_after
from tests import sinks

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def post(url: str, *, seconds: float = 5.0) -> Answer:
    caller = Caller(seconds=seconds)
    try:
        return caller.post(url, headers={"Content-Type": "application/json"}, body=b'{"a":1}')
    finally:
        caller.close()


def failure(url: str, *, seconds: float = 5.0) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        post(url, seconds=seconds)
    return caught.value


def test_post__answer_and_request(http_server: sinks.HttpServer) -> None:
    http_server.script.append(sinks.Answer(status=201, headers={"X-Id": "7"}, body=b"made"))
    answer = post(f"{http_server.url}/deals?x=1")
    assert (answer.status, answer.headers["x-id"], answer.body) == (201, "7", b"made")
    (request,) = http_server.requests
    assert (request.path, request.body, request.headers["user-agent"]) == (
        "/deals?x=1",
        b'{"a":1}',
        "Wayfare",
    )


def test_post__the_connection_is_kept(http_server: sinks.HttpServer) -> None:
    caller = Caller()
    for _ in range(3):
        assert caller.post(http_server.url, headers={}, body=b"x").status == 200
    caller.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433", "127.1"])
def test_post__private_addresses_are_refused(
    http_server: sinks.HttpServer, settings: Settings, host: str
) -> None:
    settings.WAYFARE_ALLOW_PRIVATE_DESTINATIONS = False
    error = failure(f"http://{host}:{http_server.port}/")
    assert error.permanent
    assert "private network" in error.reason
    assert http_server.requests == []


def test_post__redirects_are_not_followed(http_server: sinks.HttpServer) -> None:
    http_server.script.append(sinks.Answer(status=302, headers={"Location": f"{http_server.url}/elsewhere"}))
    assert post(http_server.url).status == 302
    assert len(http_server.requests) == 1


def test_post__nobody_listens(own_network: None) -> None:
    error = failure(f"http://127.0.0.1:{sinks.free_port()}/")
    assert (error.permanent, error.fault) == (False, Fault.DESTINATION)


def test_post__unknown_name(own_network: None) -> None:
    error = failure("http://nowhere.invalid/")
    assert (error.permanent, error.fault) == (False, Fault.DESTINATION)


@pytest.mark.parametrize(
    "answer",
    [
        sinks.Answer(seconds_before=30),
        sinks.Answer(body=b"x" * 100, seconds_a_byte=0.2),
        sinks.Answer(is_cut=True),
    ],
    ids=["silent", "dripping", "cut"],
)
def test_post__ends_in_time(http_server: sinks.HttpServer, answer: sinks.Answer) -> None:
    http_server.script.append(answer)
    started = time.monotonic()
    error = failure(http_server.url, seconds=1.0)
    assert (error.permanent, error.fault) == (False, Fault.DESTINATION)
    assert time.monotonic() - started < 10


def test_post__a_server_that_never_accepts(own_network: None) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(1)
        error = failure(f"http://127.0.0.1:{deaf.getsockname()[1]}/", seconds=0.5)
    assert error.fault is Fault.DESTINATION


def test_post__keeps_the_beginning_of_a_long_answer(http_server: sinks.HttpServer) -> None:
    http_server.script.append(sinks.Answer(body=b"x" * (KEPT_BYTES * 3)))
    assert len(post(http_server.url).body) == KEPT_BYTES


@pytest.mark.parametrize(
    ("status", "permanent", "fault"),
    [
        (301, True, Fault.MESSAGE),
        (400, True, Fault.MESSAGE),
        (401, False, Fault.DESTINATION),
        (403, False, Fault.DESTINATION),
        (404, True, Fault.MESSAGE),
        (408, False, Fault.DESTINATION),
        (409, False, Fault.MESSAGE),
        (410, True, Fault.GONE),
        (413, True, Fault.MESSAGE),
        (422, True, Fault.MESSAGE),
        (425, False, Fault.MESSAGE),
        (429, False, Fault.DESTINATION),
        (500, False, Fault.DESTINATION),
        (503, False, Fault.DESTINATION),
    ],
)
def test_raise_unless_taken(status: int, permanent: bool, fault: Fault) -> None:
    answer = Answer(status=status, headers={"retry-after": "7"}, body=b"why\0not")
    with pytest.raises(DeliveryError) as caught:
        raise_unless_taken(answer, now=NOW)
    assert (caught.value.permanent, caught.value.fault) == (permanent, fault)
    assert caught.value.retry_after == timedelta(seconds=7)
    assert caught.value.response == {"status": status, "body": "whynot"}


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_raise_unless_taken__success(status: int) -> None:
    raise_unless_taken(Answer(status=status, headers={}, body=b""), now=NOW)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Mon, 23 Nov 2026 12:01:00 GMT", 60),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
    ],
)
def test_retry_after(text: str, seconds: int | None) -> None:
    assert retry_after(text, now=NOW) == (None if seconds is None else timedelta(seconds=seconds))
