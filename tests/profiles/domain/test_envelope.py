"""Envelopes hold the client's own text."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from profiles.domain.envelope import open_envelope, seal_envelope

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
NAMES = st.none() | st.text()


def test_envelope__keeps_each_message_byte_for_byte() -> None:
    odd = b'{ "b" : 1.50 , "a":"\\u00fc" }'
    sealed = seal_envelope([odd, b"[1 ]"], sent_at="2026-11-23T12:00:00Z", kind="page", ip="192.0.2.1")
    opened = open_envelope(sealed)
    assert [bytes(raw) for raw in opened.messages] == [odd, b"[1 ]"]
    assert (opened.sent_at, opened.type, opened.ip) == ("2026-11-23T12:00:00Z", "page", "192.0.2.1")


def test_envelope__of_nothing_said() -> None:
    opened = open_envelope(seal_envelope([]))
    assert (opened.sent_at, opened.type, opened.ip, opened.messages) == (None, None, None, [])
    assert bytes(opened.context) == b"null"


@given(messages=st.lists(JSON), context=JSON, sent_at=NAMES, kind=NAMES, ip=NAMES)
def test_envelope__gives_back_what_was_put_in(
    messages: list[object], context: object, sent_at: str | None, kind: str | None, ip: str | None
) -> None:
    raws = [msgspec.Raw(msgspec.json.encode(message)) for message in messages]
    sealed = seal_envelope(raws, sent_at=sent_at, kind=kind, context=msgspec.json.encode(context), ip=ip)
    opened = open_envelope(sealed)
    assert [msgspec.json.decode(raw) for raw in opened.messages] == messages
    assert msgspec.json.decode(opened.context) == context
    assert (opened.sent_at, opened.type, opened.ip) == (sent_at, kind, ip)
