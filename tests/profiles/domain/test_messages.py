"""What the gate lets in, what it refuses, and how times, ids and text are read."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.domain.messages import (
    MAX_BYTES,
    TYPES,
    Fault,
    Gate,
    decimal_text,
    decode,
    external_ids,
    instant,
    mend,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def admit(message: Any, **gate: Any) -> str | Fault:
    return Gate(**gate).admit(msgspec.json.encode(message))


def code(message: Any, **gate: Any) -> str:
    answer = admit(message, **gate)
    assert isinstance(answer, Fault), answer
    assert answer.message.endswith(".")
    return answer.code


def track(**fields: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Product Viewed", "anonymousId": "a1"} | fields


ACCEPTED = {
    "device": (track(), "a1"),
    "device stands before the user": (track(userId="u1"), "a1"),
    "user": (track(anonymousId=None, userId="u1"), "u1"),
    "number as id": (track(anonymousId=None, userId=42), "42"),
    "number with a point": (track(anonymousId=None, userId=42.0), "42"),
    "blocked user beside a device": (track(userId="null"), "a1"),
    "blocked device beside a user": (track(anonymousId="undefined", userId="u1"), "u1"),
    "spaces around an id": (track(anonymousId=" a1 "), "a1"),
    "extra keys": (track(_metadata={"bundled": []}, channel="web", writeKey="k", integrations={}), "a1"),
    "nulls": (track(properties=None, context=None, traits=None, timestamp=None, category=None), "a1"),
    "page": ({"type": "page", "anonymousId": "a1", "name": None, "category": None}, "a1"),
    "screen": ({"type": "screen", "anonymousId": "a1", "name": "Home"}, "a1"),
    "identify": ({"type": "identify", "userId": "u1", "traits": {"email": "a@example.com"}}, "u1"),
    "identify of rudder": (
        {"type": "identify", "userId": "u1", "context": {"traits": {"plan": "pro"}}},
        "u1",
    ),
    "group": ({"type": "group", "userId": "u1", "groupId": "g1"}, "u1"),
    "alias": ({"type": "alias", "userId": "u1", "previousId": "a1"}, "u1"),
    "alias of itself": ({"type": "alias", "userId": "u1", "previousId": "u1"}, "u1"),
    "rudder's time": (track(originalTimestamp="2026-11-23T13:39:22.602Z"), "a1"),
    "epoch": (track(timestamp=1795441162602), "a1"),
    "longest message id": (track(messageId="m" * 100), "a1"),
    "number as message id": (track(messageId=7), "a1"),
    "longest name": (track(event="e" * 200), "a1"),
}


@pytest.mark.parametrize(("message", "key"), ACCEPTED.values(), ids=list(ACCEPTED))
def test_admit__takes(message: dict[str, Any], key: str) -> None:
    assert admit(message) == key


REFUSED = {
    "no type": (track(type=None), "missing_type"),
    "empty type": (track(type=""), "missing_type"),
    "unknown type": (track(type="merge"), "unknown_type"),
    "type of another kind": (track(type=3), "unknown_type"),
    "nobody": (track(anonymousId=None), "no_user_anon_id"),
    "blocked ids only": (track(anonymousId="null", userId="0"), "no_user_anon_id"),
    "id far too long": (track(anonymousId="x" * 513), "no_user_anon_id"),
    "yes as id": (track(userId=True), "invalid_id"),
    "object as id": (track(userId={"id": 1}), "invalid_id"),
    "no event": (track(event=None), "missing_event"),
    "empty event": (track(event=""), "missing_event"),
    "event's name too long": (track(event="e" * 201), "invalid_event"),
    "number as event": (track(event=5), "invalid_event"),
    "list as properties": (track(properties=[1]), "invalid_properties"),
    "text as traits": (track(traits="x"), "invalid_traits"),
    "number as context": (track(context=1), "invalid_context"),
    "unreadable time": (track(timestamp="yesterday"), "invalid_timestamp"),
    "impossible day": (track(timestamp="2026-02-30T00:00:00Z"), "invalid_timestamp"),
    "object as time": (track(timestamp={}), "invalid_timestamp"),
    "unreadable time of rudder": (track(originalTimestamp="x"), "invalid_timestamp"),
    "message id too long": (track(messageId="m" * 101), "invalid_message_id"),
    "list as message id": (track(messageId=[]), "invalid_message_id"),
    "alias of nobody": ({"type": "alias", "userId": "u1"}, "missing_previous_id"),
    "group of nothing": ({"type": "group", "userId": "u1", "groupId": None}, "missing_group_id"),
    "a person named from outside": (track(_person="6f3c"), "person_refused"),
    "too large": (track(properties={"x": "x" * MAX_BYTES}), "event_too_large"),
    "null": (None, "invalid_message"),
    "number": (3, "invalid_message"),
    "list": ([track()], "invalid_message"),
}


@pytest.mark.parametrize(("message", "expected"), REFUSED.values(), ids=list(REFUSED))
def test_admit__refuses(message: object, expected: str) -> None:
    assert code(message) == expected


def test_admit__number_out_of_range() -> None:
    fault = Gate().admit(b'{"type":"track","event":"x","userId":"1","properties":{"a":1e999}}')
    assert isinstance(fault, Fault)
    assert fault.code == "invalid_properties"


def test_admit__nested_too_deeply() -> None:
    deep = b"[" * 15_000 + b"]" * 15_000
    fault = Gate().admit(b'{"type":"page","userId":"1","properties":{"a":' + deep + b"}}")
    assert isinstance(fault, Fault)
    assert fault.code == "invalid_message"


def test_admit__size_counts_bytes_of_the_message_alone() -> None:
    message = track(properties={"x": ""})
    room = MAX_BYTES - len(msgspec.json.encode(message))
    assert admit(track(properties={"x": "x" * room})) == "a1"
    assert code(track(properties={"x": "x" * (room + 1)})) == "event_too_large"


def test_admit__the_path_names_the_type() -> None:
    assert admit({"userId": "u1", "type": "track"}, kind="page") == "u1"
    assert code({"userId": "u1"}, kind="track") == "missing_event"


def test_admit__a_server_names_people_by_other_ids() -> None:
    message = track(anonymousId=None, context={"externalIds": [{"type": "shopify", "id": 77}]})
    assert code(message) == "no_user_anon_id"
    assert admit(message, is_server=True) == "77"


def test_admit__the_batch_names_them() -> None:
    under = {"externalIds": [{"type": "shopify", "id": "77"}]}
    assert admit(track(anonymousId=None), is_server=True, under=under) == "77"
    own = track(anonymousId=None, context={"externalIds": []})
    assert code(own, is_server=True, under=under) == "no_user_anon_id"


def test_admit__our_own_messages_name_persons_and_have_any_size() -> None:
    message = track(anonymousId=None, _person="6f3c", properties={"x": "x" * MAX_BYTES})
    assert admit(message, is_internal=True) == "6f3c"
    assert code(track(_person="6f3c"), is_server=True) == "person_refused"


FIELDS = ["type", "userId", "event", "timestamp", "context", "externalIds", "messageId", "_person"]
VALUES = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(
    st.recursive(
        VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner)
    )
)
def test_admit__any_json_gets_an_answer(value: object) -> None:
    raw = json.dumps(value).encode()
    for gate in (Gate(), Gate(kind="track", is_server=True), Gate(is_internal=True)):
        assert isinstance(gate.admit(raw), str | Fault)


def test_external_ids__usable_ones_of_users() -> None:
    context = {
        "externalIds": [
            {"type": "shopify", "id": "77", "collection": "users", "encoding": "none"},
            {"type": "account", "id": "5", "collection": "accounts"},
            {"type": "ga", "id": "null"},
            {"type": "x" * 41, "id": "1"},
            {"type": "list", "id": [1]},
            {"id": "1"},
            "text",
        ]
    }
    assert external_ids(context) == [("shopify", "77")]
    assert external_ids({"externalId": [{"type": "hubspot", "id": 9}]}) == [("hubspot", "9")]
    assert external_ids({"externalIds": {"type": "a"}}) == []
    assert external_ids(None) == []


TIMES = {
    "2026-11-23T12:00:00Z": NOON,
    "2026-11-23T12:00:00.000Z": NOON,
    "2026-11-23T13:00:00.000+01:00": NOON,
    "2026-11-23T13:00:00+0100": NOON,
    "2026-11-23 12:00:00": NOON,
    "2026-11-23T12:00:00.123456789Z": NOON + timedelta(microseconds=123456),
    "2026-11-23": NOON - timedelta(hours=12),
    "20261123T120000Z": NOON,
    " 2026-11-23T12:00:00Z ": NOON,
    "1795435200": NOON,
    "1795435200000": NOON,
    "1795435200.5": NOON + timedelta(seconds=0.5),
}


@pytest.mark.parametrize(("text", "expected"), TIMES.items())
def test_instant__reads(text: str, expected: datetime) -> None:
    assert instant(text) == expected


@pytest.mark.parametrize("number", [1795435200, 1795435200000, 1795435200.0])
def test_instant__reads_numbers(number: float) -> None:
    assert instant(number) == NOON


@pytest.mark.parametrize(
    "value", [None, "", "soon", "0001-01-01T00:00:00+14:00", 1e300, float("inf"), "9" * 17]
)
def test_instant__unreadable(value: str | float | None) -> None:
    assert instant(value) is None


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)), st.integers(-840, 840))
def test_instant__any_zone_is_brought_to_utc(naive: datetime, minutes: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    read = instant(moment.isoformat())
    assert read == moment
    assert read is not None
    assert read.tzinfo is UTC


@given(st.one_of(st.text(), st.floats(), st.integers()))
def test_instant__never_raises(value: str | float) -> None:
    assert instant(value) is None or isinstance(instant(value), datetime)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (42, "42"),
        (42.0, "42"),
        (1.5, "1.5"),
        ("x", "x"),
        (12345678901234567890123, "12345678901234567890123"),
    ],
)
def test_decimal_text(value: str | float | None, text: str | None) -> None:
    assert decimal_text(value) == text


MENDED = {
    b'"plain \\u00fc"': b'"plain \\u00fc"',
    b'"\\u0000"': b'"\\ufffd"',
    b'"\\\\u0000"': b'"\\\\u0000"',  # a backslash and the letters u0000
    b'"\\\\\\u0000"': b'"\\\\\\ufffd"',
    b'"\\ud83d\\ude00"': b'"\\ud83d\\ude00"',  # a pair is one character
    b'"\\uD83D\\uDE00"': b'"\\uD83D\\uDE00"',
    b'"\\ud83d"': b'"\\ufffd"',
    b'"\\ude00\\ud83d"': b'"\\ufffd\\ufffd"',
    b'"\\ud83d\\ud83d\\ude00"': b'"\\ufffd\\ud83d\\ude00"',
    b'"\xff"': b'"\xef\xbf\xbd"',
    b'\xef\xbb\xbf{"a":1}': b'{"a":1}',
}


@pytest.mark.parametrize(("body", "expected"), MENDED.items())
def test_mend(body: bytes, expected: bytes) -> None:
    assert mend(body) == expected


@given(st.text(alphabet=st.characters(codec=None, categories=None), max_size=30))  # surrogates included
def test_mend__leaves_text_that_postgresql_can_hold(text: str) -> None:
    mended = msgspec.json.decode(mend(json.dumps(text).encode()))
    assert "\0" not in mended
    mended.encode()  # no lone surrogate is left
    paired = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert mended == paired.replace("\0", "\ufffd")


@given(st.binary())
def test_mend__any_bytes_become_utf8(body: bytes) -> None:
    mended = mend(body)
    assert mended.decode().encode() == mended


def test_decode__keeps_objects_as_the_client_wrote_them() -> None:
    message = decode(b'{"type":"track","userId":7,"event":"x","properties":{ "price": 1.50 }}')
    assert bytes(message.properties) == b'{ "price": 1.50 }'
    assert bytes(message.traits) == b"null"
    assert (message.user, message.device) == ("7", None)


def test_types__are_those_of_the_specification() -> None:
    assert {"identify", "track", "page", "screen", "group", "alias"} == TYPES
