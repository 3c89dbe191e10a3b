"""Where a call's key is, how its body is unpacked and read."""

import base64
import gzip
import json
import zlib
from contextlib import suppress
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.domain.call import (
    CALLS,
    MAX_MESSAGES,
    MAX_UNPACKED,
    CallRefused,
    key_in_head,
    read_call,
    unpack,
)


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


KEYS = {
    "basic user": (basic("K:"), "", "", "K"),
    "basic without a colon": (basic("K"), "", "", "K"),
    "basic with a password": (basic("K:secret"), "", "", "K"),
    "basic stands first": (basic("K:"), "H", "writeKey=Q", "K"),
    "scheme in any case": (basic("K:").replace("Basic", "bASIC"), "", "", "K"),
    "header": ("", "H", "", "H"),
    "header with jitsu's secret": ("", "H:secret", "", "H"),
    "header before query": ("", "H", "writeKey=Q", "H"),
    "query": ("", "", "writeKey=Q", "Q"),
    "query among others": ("", "", "a=1&writeKey=Q%2D1&b", "Q-1"),
    "bearer says nothing": ("Bearer K", "", "", None),
    "broken basic": ("Basic !!!", "H", "", "H"),
    "empty user": (basic(":x"), "", "writeKey=Q", "Q"),
    "nothing": ("", "", "", None),
    "query without it": ("", "", "writekey=Q", None),
    "empty in query": ("", "", "writeKey=", None),
}


@pytest.mark.parametrize(("authorization", "header", "query", "key"), KEYS.values(), ids=list(KEYS))
def test_key_in_head(authorization: str, header: str, query: str, key: str | None) -> None:
    assert key_in_head(authorization=authorization, header=header, query=query) == key


def refused(body: bytes, *, encoding: str = "gzip") -> CallRefused:
    with pytest.raises(CallRefused) as caught:
        unpack(body, encoding=encoding)
    return caught.value


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP ", "", "identity"])
def test_unpack__gzip_with_or_without_the_header(encoding: str) -> None:
    assert unpack(gzip.compress(b'{"a":1}'), encoding=encoding) == b'{"a":1}'


@pytest.mark.parametrize("encoding", ["", "identity", "gzip"])
def test_unpack__plain(encoding: str) -> None:
    assert unpack(b'{"a":1}', encoding=encoding) == b'{"a":1}'


def test_unpack__several_members() -> None:
    assert unpack(gzip.compress(b"[1,") + gzip.compress(b"2]"), encoding="gzip") == b"[1,2]"


def test_unpack__stops_at_the_limit() -> None:
    bomb = gzip.compress(b"0" * (MAX_UNPACKED + 1))
    assert len(bomb) < 20_000
    assert refused(bomb).status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    many = gzip.compress(b"0" * (MAX_UNPACKED // 2)) * 3
    assert refused(many).status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert len(unpack(gzip.compress(b"0" * MAX_UNPACKED), encoding="gzip")) == MAX_UNPACKED


def test_unpack__broken_streams() -> None:
    whole = gzip.compress(b'{"a":1}' * 100)
    assert refused(whole[:-9]).code == "unreadable"
    assert refused(whole[:20] + b"xxxx" + whole[24:]).code == "unreadable"
    assert refused(whole + b"trailing").code == "unreadable"


def test_unpack__other_encodings() -> None:
    assert refused(zlib.compress(b"{}"), encoding="deflate").code == "unsupported_encoding"
    assert refused(b"{}", encoding="br").status == HTTPStatus.BAD_REQUEST


@given(st.binary(max_size=200))
def test_unpack__any_bytes_get_an_answer(data: bytes) -> None:
    for body in (data, b"\x1f\x8b" + data, b"\x1f\x8b\x08\x00" + data):
        with suppress(CallRefused):  # any other exception fails
            assert isinstance(unpack(body, encoding="gzip"), bytes)


def test_read_call__batch() -> None:
    call = read_call(
        b'{"batch":[ {"a": 1} ,2],"writeKey":" K ","sentAt":"2026","context":{"x":1},"_more":[]}', kind=None
    )
    assert [bytes(raw) for raw in call.messages] == [b'{"a": 1}', b"2"]
    assert (call.write_key, call.sent_at, call.context) == ("K", "2026", b'{"x":1}')


def test_read_call__single() -> None:
    call = read_call(b' {"event":"x","writeKey":"K"}\n', kind="track")
    assert [bytes(raw) for raw in call.messages] == [b'{"event":"x","writeKey":"K"}']
    assert (call.write_key, call.sent_at, call.context) == ("K", None, b"null")


@pytest.mark.parametrize("sent_at", [None, True, [1], {"a": 1}])
def test_read_call__a_strange_sent_at_says_nothing(sent_at: object) -> None:
    body = json.dumps({"batch": [], "sentAt": sent_at, "writeKey": sent_at}).encode()
    call = read_call(body, kind=None)
    assert (call.sent_at, call.write_key) == (None, None)


UNREADABLE = {
    "nothing": b"",
    "half": b'{"batch":[',
    "list": b"[]",
    "text": b'"x"',
    "form": b"batch=1",
    "no batch": b"{}",
    "batch of another kind": b'{"batch":{}}',
    "null batch": b'{"batch":null}',
    "context of another kind": b'{"batch":[],"context":[]}',
    "number out of range in context": b'{"batch":[],"context":{"a":1e999}}',
    "not a number": b'{"batch":[NaN]}',
    "context too deep": b'{"batch":[],"context":{"a":' + b"[" * 9_000 + b"]" * 9_000 + b"}}",
    "too deep and never closed": b'{"batch":' + b"[" * 50_000,
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=list(UNREADABLE))
def test_read_call__unreadable(body: bytes) -> None:
    with pytest.raises(CallRefused) as caught:
        read_call(body, kind=None)
    assert (caught.value.status, caught.value.code) == (400, "unreadable")


def test_read_call__limits() -> None:
    for body in (b" " * (MAX_UNPACKED + 1), b'{"batch":[' + b"1," * MAX_MESSAGES + b"1]}"):
        with pytest.raises(CallRefused) as caught:
            read_call(body, kind=None)
        assert caught.value.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    with pytest.raises(CallRefused) as caught:
        read_call(b'{"batch":[],"context":{"x":"' + b"x" * 40_000 + b'"}}', kind=None)
    assert caught.value.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_calls__each_has_its_type() -> None:
    assert CALLS["v1/identify"] == CALLS["v1/i"] == "identify"
    assert CALLS["v1/batch"] is None
    assert CALLS["v1/import"] is None
    assert {kind for kind in CALLS.values() if kind} == {
        "identify",
        "track",
        "page",
        "screen",
        "group",
        "alias",
    }
