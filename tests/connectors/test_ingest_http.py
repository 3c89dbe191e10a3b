"""The door over real HTTP: in front of Django's handler, and with the store away."""

import http.client
import json
import socket
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp_site import wakeup
from connectors import keys
from connectors.models import Source
from profiles.models import Inbox
from tests import build
from tests.connectors.doors import basic, call, door_server

TRACK = {"event": "Product Viewed", "anonymousId": "a1"}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    yield
    wakeup.stop()


@pytest.fixture
def door(transactional_db: None) -> Iterator[str]:
    with door_server() as address:
        yield address


def send(
    door: str, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    target = urlsplit(door)
    line = http.client.HTTPConnection(target.hostname or "", target.port, timeout=60)
    with closing(line):
        line.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = line.getresponse()
        return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()


# -- in front of the handler ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/track", "/v1/track/", "//v1/track"])
def test_door__takes_messages(door: str, path: str) -> None:
    source = build.source()
    status, headers, body = send(
        door,
        "POST",
        path,
        json.dumps(TRACK).encode(),
        Authorization=basic(source.write_key),
        Origin="http://a",
    )
    assert (status, json.loads(body)) == (200, {"success": True})
    assert headers["content-type"] == "application/json"
    assert int(headers["content-length"]) == len(body)
    assert headers["access-control-allow-origin"] == "http://a"
    assert Inbox.objects.get().source_id == source.pk


def test_door__refuses(door: str) -> None:
    status, _headers, body = send(door, "POST", "/v1/track", b"{}")
    assert (status, json.loads(body)["code"]) == (401, "no_write_key")
    assert send(door, "GET", "/v1/track")[0] == 405
    assert send(door, "OPTIONS", "/v1/track", Origin="http://a")[0] == 204


def test_door__lets_everything_else_through(door: str) -> None:
    status, headers, _body = send(door, "GET", "/people/")
    assert (status, headers["location"]) == (302, "/log-in/?next=/people/")
    status, headers, body = send(door, "GET", "/wayfare.js")
    assert (status, headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert b"sendBeacon" in body


# -- faults --------------------------------------------------------------------------------------------


@contextmanager
def store_away() -> Iterator[None]:
    """The database cannot be reached by anybody in this process."""
    address = connection.settings_dict["HOST"], connection.settings_dict["PORT"]
    connection.close()
    with socket.socket() as free:  # nobody listens on it
        free.bind(("127.0.0.1", 0))
        connection.settings_dict.update(HOST="127.0.0.1", PORT=str(free.getsockname()[1]))
        try:
            yield
        finally:
            connection.close()
            connection.settings_dict.update(HOST=address[0], PORT=address[1])


@pytest.fixture
def source(transactional_db: None) -> Source:
    return build.source()


def answer_of(client: Client, key: str) -> tuple[int, dict[str, Any]]:
    response = call(client, "/v1/track", TRACK, key=key)
    return response.status_code, json.loads(response.content) | dict(response.headers)


def test_store_away__known_and_unknown_keys_are_asked_to_come_again(client: Client, source: Source) -> None:
    assert answer_of(client, source.write_key)[0] == 200
    with store_away():
        for key in (source.write_key, "never-seen", source.write_key):
            status, answer = answer_of(client, key)
            assert (status, answer["code"]) == (503, "store_away")
            assert int(answer["Retry-After"]) > 0
    assert answer_of(client, source.write_key)[0] == 200
    assert answer_of(client, "never-seen")[0] == 401
    assert Inbox.objects.count() == 2


def test_store_away__a_key_is_known_however_long_it_lasts(
    client: Client, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert keys.door_of(source.write_key) is not None
    with store_away():
        monkeypatch.setattr(keys, "_KNOWN_FOR", -1.0)  # every look is a new one
        known = keys.door_of(source.write_key)
        assert known is not None
        assert known.source_id == source.pk


def test_server_hung_up__the_next_call_is_taken(client: Client, source: Source) -> None:
    assert answer_of(client, source.write_key)[0] == 200
    mine = connection.connection.info.backend_pid
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [mine])
    finally:
        other.close()
    assert answer_of(client, source.write_key)[0] == 200
    assert Inbox.objects.count() == 2


def test_insert_fails__503_and_the_connection_is_of_use_again(client: Client, source: Source) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE profiles_inbox ADD CONSTRAINT broken CHECK (lane < 0)")
    try:
        assert answer_of(client, source.write_key)[0] == 503
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE profiles_inbox DROP CONSTRAINT broken")
    assert answer_of(client, source.write_key)[0] == 200


def test_keys__a_source_made_a_moment_ago_works(
    client: Client, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert keys.door_of("soon") is None
    Source.objects.filter(pk=source.pk).update(write_key="soon")
    monkeypatch.setattr(keys, "_UNKNOWN_FOR", -1.0)
    assert keys.door_of("soon") is not None


def test_keys__guessing_does_not_fill_the_memory(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_MOST", 5)
    assert keys.door_of(source.write_key) is not None
    for number in range(40):
        assert keys.door_of(f"guess-{number}") is None
    assert len(keys._entries) <= 6
    assert source.write_key in keys._entries


@pytest.mark.parametrize("key", ["", "a b", "a\0", "a:b", "ü", "x" * 65])
def test_keys__impossible_ones_are_not_asked_for(key: str) -> None:
    assert keys.door_of(key) is None  # without a database


# -- any bytes -----------------------------------------------------------------------------------------

VALID = json.dumps({"batch": [TRACK | {"type": "track", "properties": {"a": [1, 2.5, None]}}] * 2}).encode()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good body with some bytes changed, cut off or repeated."""
    body = bytearray(VALID)
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(body)))
        body[place : place + draw(st.integers(0, 8))] = draw(st.binary(max_size=8))
    return bytes(body)


BODIES = st.one_of(st.binary(), damaged(), st.text().map(str.encode))


@pytest.mark.django_db
@given(
    body=BODIES,
    is_packed=st.booleans(),
    path=st.sampled_from(["/v1/batch", "/v1/track", "/v1/import", "/v1/identify", "/beacon/v1/batch"]),
    encoding=st.sampled_from(["", "gzip", "br"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes__get_an_answer_of_ours(
    client: Client, known_source: Source, body: bytes, is_packed: bool, path: str, encoding: str
) -> None:
    if is_packed:
        pack = zlib.compressobj(wbits=31)
        body = pack.compress(body) + pack.flush()
    response = call(client, path, body, key=known_source.write_key, headers={"Content-Encoding": encoding})
    assert response.status_code in (200, 400, 413)
    answer = json.loads(response.content)
    assert answer.get("success") is True or {"code", "message"} == set(answer)


@pytest.fixture
def known_source(db: None) -> Source:
    return build.source()


@pytest.mark.django_db
@given(header=st.text(st.characters(codec="latin-1", exclude_categories=["Cc"])), query=st.text(max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_head__gets_an_answer_of_ours(client: Client, header: str, query: str) -> None:
    for name in ("Authorization", "X-Write-Key", "X-Forwarded-For", "Content-Encoding"):
        value = f"Basic {header}" if name == "Authorization" else header
        response = client.generic(
            "POST", "/v1/track", b"{}", headers={name: value}, query_params={"writeKey": query}
        )
        assert response.status_code in (400, 401)
