"""The HTTP door: each shape that a real client sends, and each answer that a real client depends on."""

import gzip
import json
from typing import Any

import msgspec
import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django.fixtures import Settings

from connectors import limits
from connectors.domain.call import MAX_WIRE
from connectors.models import Source
from profiles.domain.envelope import Envelope, open_envelope
from profiles.models import DeadLetter, Inbox
from tests import build
from tests.connectors.doors import basic, call

pytestmark = pytest.mark.django_db

TRACK = {"type": "track", "event": "Product Viewed", "anonymousId": "a1", "messageId": "m1"}
ORIGIN = "https://shop.example"


@pytest.fixture
def source() -> Source:
    return build.source(slug="shop")


@pytest.fixture
def backend() -> Source:
    return build.source(slug="backend", trust="server")


def taken() -> list[dict[str, Any]]:
    """The messages in the inbox, oldest first, with the type that their path named."""
    found = []
    for row in Inbox.objects.order_by("id"):
        envelope = open_envelope(bytes(row.body))
        for raw in envelope.messages:
            message = msgspec.json.decode(raw)
            found.append(message | ({"type": envelope.type} if envelope.type else {}))
    return found


def envelope() -> Envelope:
    return open_envelope(bytes(Inbox.objects.get().body))


def is_success(response: HttpResponse) -> bool:
    return response.status_code == 200 and json.loads(response.content) == {"success": True}


def refusal(response: Any) -> tuple[int, str]:
    body = json.loads(response.content)
    assert set(body) == {"code", "message"}, body
    assert body["message"].endswith(".")
    return response.status_code, body["code"]


# -- calls ---------------------------------------------------------------------------------------------

SINGLE: dict[str, dict[str, Any]] = {
    "identify": {"userId": "u1", "traits": {"email": "ada@example.com"}},
    "track": {"userId": "u1", "event": "Order Completed", "properties": {"revenue": 1.50}},
    "page": {"anonymousId": "a1", "name": None, "category": None},
    "screen": {"anonymousId": "a1", "name": "Home"},
    "group": {"userId": "u1", "groupId": "g1", "traits": {}},
    "alias": {"userId": "u1", "previousId": "a1"},
}


@pytest.mark.parametrize("kind", SINGLE)
@pytest.mark.parametrize("path", ["/v1/{}", "/v1/{}/"])
def test_single_calls__with_any_slashes_and_without_a_redirect(
    client: Client, source: Source, kind: str, path: str
) -> None:
    assert is_success(call(client, path.format(kind), SINGLE[kind], key=source.write_key))
    (message,) = taken()
    assert message == {**SINGLE[kind], "type": kind}
    row = Inbox.objects.get()
    assert row.source_id == source.pk


@pytest.mark.parametrize("kind", SINGLE)
def test_short_paths(client: Client, source: Source, kind: str) -> None:
    assert is_success(call(client, f"/v1/{kind[0]}", SINGLE[kind], key=source.write_key))
    assert taken()[0]["type"] == kind


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch"])
def test_batches(client: Client, source: Source, path: str) -> None:
    batch = [{"type": kind, **fields} for kind, fields in SINGLE.items()]
    assert is_success(call(client, path, {"batch": batch}, key=source.write_key))
    assert sorted(taken(), key=str) == sorted(batch, key=str)
    assert all((row.lane >= 8) == (path == "/v1/import") for row in Inbox.objects.all())


def test_batch__of_nothing(client: Client, source: Source) -> None:
    assert is_success(call(client, "/v1/batch", {"batch": []}, key=source.write_key))
    assert taken() == []


def test_historical_source__everything_is_history(client: Client) -> None:
    old = build.source(is_historical=True)
    call(client, "/v1/track", TRACK, key=old.write_key)
    assert Inbox.objects.get().lane >= 8


def test_body__is_kept_as_the_client_wrote_it(client: Client, source: Source) -> None:
    body = b' { "event" : "x","userId":"1", "properties":{"price": 1.50, "name":"\\u00fc"} } '
    assert is_success(call(client, "/v1/track", body, key=source.write_key))
    assert bytes(envelope().messages[0]) == body.strip()


def test_envelope__says_what_the_request_said(client: Client, source: Source) -> None:
    body = {"batch": [TRACK], "sentAt": "2026-11-23T12:00:00Z", "context": {"app": {"name": "x"}}}
    call(client, "/v1/batch", body, key=source.write_key)
    opened = envelope()
    assert opened.sent_at == "2026-11-23T12:00:00Z"
    assert msgspec.json.decode(opened.context) == {"app": {"name": "x"}}


def test_ip__of_browsers_only(client: Client, source: Source, backend: Source, settings: Settings) -> None:
    headers = {"X-Forwarded-For": "198.51.100.9, 203.0.113.5"}
    call(client, "/v1/track", TRACK, key=source.write_key, headers=headers)
    assert envelope().ip == "127.0.0.1"
    Inbox.objects.all().delete()
    call(client, "/v1/track", TRACK, key=backend.write_key)
    assert envelope().ip is None
    Inbox.objects.all().delete()
    settings.TRUSTED_PROXIES = 1
    call(client, "/v1/track", TRACK, key=source.write_key, headers=headers)
    assert envelope().ip == "203.0.113.5"


# -- what real clients send ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "", "image/png"],
)
def test_any_content_type_is_json(client: Client, source: Source, content_type: str) -> None:
    body = {"batch": [TRACK], "writeKey": source.write_key}
    assert is_success(call(client, "/v1/batch", body, content_type=content_type))
    assert taken() == [TRACK]


def test_gzip__as_rudders_node_client_says_it(client: Client, source: Source) -> None:
    body = gzip.compress(json.dumps({"batch": [TRACK], "timestamp": "x", "sentAt": None}).encode())
    response = call(
        client,
        "/v1/batch",
        body,
        key=source.write_key,
        content_type="application/x-www-form-urlencoded",
        headers={"Content-Encoding": "gzip"},
    )
    assert is_success(response)
    assert taken() == [TRACK]


def test_gzip__on_any_path_and_unannounced(client: Client, source: Source) -> None:
    body = gzip.compress(json.dumps(TRACK).encode())
    assert is_success(call(client, "/v1/track", body, key=source.write_key))
    assert taken() == [TRACK]


def test_a_legal_rudder_batch_of_four_megabytes(client: Client, source: Source) -> None:
    one = TRACK | {"properties": {"filler": "x" * 31_000}}
    body = json.dumps({"batch": [one] * 130}).encode()
    assert 3_900_000 < len(body) < MAX_WIRE
    assert is_success(call(client, "/v1/batch", body, key=source.write_key))
    assert len(taken()) == 130


KEY_PLACES = {
    "basic": ({"headers": {"Authorization": "{basic}"}}, ""),
    "header": ({"headers": {"X-Write-Key": "{key}"}}, ""),
    "jitsu's header": ({"headers": {"X-Write-Key": "{key}:secret"}}, ""),
    "query": ({}, "?writeKey={key}"),
}


@pytest.mark.parametrize("place", KEY_PLACES)
@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch", "/beacon/v1/batch"])
def test_key__outside_the_body(client: Client, source: Source, place: str, path: str) -> None:
    extra, query = KEY_PLACES[place]
    body = TRACK if path == "/v1/track" else {"batch": [TRACK]}
    masked = {**body, "writeKey": "test:***"}  # as Jitsu writes it: what stands outside is believed
    headers = {
        name: text.format(basic=basic(source.write_key), key=source.write_key)
        for name, text in extra.get("headers", {}).items()
    }
    response = call(client, path + query.format(key=source.write_key), masked, headers=headers)
    assert is_success(response)


@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch"])
def test_key__in_the_body(client: Client, source: Source, path: str) -> None:
    body = TRACK if path == "/v1/track" else {"batch": [TRACK]}
    assert is_success(call(client, path, {**body, "writeKey": source.write_key}, content_type="text/plain"))


def test_key__the_outer_one_is_believed(client: Client, source: Source) -> None:
    body = {**TRACK, "writeKey": source.write_key}
    assert refusal(call(client, "/v1/track", body, key="unknown")) == (401, "unknown_write_key")


def test_key__unknown_missing_or_switched_off(client: Client, source: Source) -> None:
    assert refusal(call(client, "/v1/track", TRACK)) == (401, "no_write_key")
    assert refusal(call(client, "/v1/track", TRACK, key="nobody's")) == (401, "unknown_write_key")
    assert refusal(call(client, "/v1/track", TRACK, key="x" * 65)) == (401, "unknown_write_key")
    hook = build.source(kind="crm")
    assert refusal(call(client, "/v1/track", TRACK, key=hook.write_key)) == (401, "unknown_write_key")
    Source.objects.filter(pk=source.pk).update(is_active=False)
    assert refusal(call(client, "/v1/track", TRACK, key=source.write_key)) == (401, "unknown_write_key")
    assert not DeadLetter.objects.exists()


def test_text__that_postgresql_cannot_hold(client: Client, source: Source) -> None:
    body = b'{"event":"a\\u0000b","userId":"1","properties":{"x":"\\ud800","y":"\xff"}}'
    assert is_success(call(client, "/v1/track", body, key=source.write_key))
    (message,) = taken()
    assert message["event"] == "a\ufffdb"
    assert message["properties"] == {"x": "\ufffd", "y": "\ufffd"}


# -- refusing ------------------------------------------------------------------------------------------


def test_batch__a_bad_item_never_costs_the_others(client: Client, source: Source) -> None:
    good = [TRACK, {"type": "page", "userId": "u1"}]
    bad = [
        {"type": "track", "userId": "u1"},
        3,
        {"type": "page"},
        {"type": "track", "event": "x", "userId": 1, "properties": {"f": "x" * 33_000}},
    ]
    response = call(
        client,
        "/v1/batch",
        {"batch": [bad[0], good[0], bad[1], bad[2], good[1], bad[3]]},
        key=source.write_key,
    )
    assert response.status_code == 200
    answer = json.loads(response.content)
    assert answer["success"] is True
    assert [(one["index"], one["code"]) for one in answer["rejected"]] == [
        (0, "missing_event"),
        (2, "invalid_message"),
        (3, "no_user_anon_id"),
        (5, "event_too_large"),
    ]
    assert all(set(one) == {"index", "code", "message"} for one in answer["rejected"])
    assert sorted(taken(), key=str) == sorted(good, key=str)
    letters = DeadLetter.objects.order_by("id")
    assert [letter.code for letter in letters] == [one["code"] for one in answer["rejected"]]
    kept = [msgspec.json.decode(open_envelope(bytes(letter.body)).messages[0]) for letter in letters]
    assert kept == bad
    assert {(letter.stage, letter.source_id) for letter in letters} == {("door", source.pk)}


def test_batch__a_message_nested_too_deeply_costs_the_others_nothing(client: Client, source: Source) -> None:
    deep = '{"type":"page","userId":"u2","properties":{"a":' + "[" * 5000 + "]" * 5000 + "}}"
    body = f'{{"batch":[{json.dumps(TRACK)},{deep},{json.dumps(TRACK)}],"sentAt":"x"}}'.encode()
    answer = json.loads(call(client, "/v1/batch", body, key=source.write_key).content)
    assert [one["index"] for one in answer["rejected"]] == [1]
    assert taken() == [TRACK, TRACK]
    assert DeadLetter.objects.get().code == "invalid_message"


def test_batch__of_bad_items_alone(client: Client, source: Source) -> None:
    response = call(client, "/v1/batch", {"batch": [3]}, key=source.write_key)
    assert response.status_code == 200
    assert len(json.loads(response.content)["rejected"]) == 1
    assert taken() == []


def test_single__bad_is_told_and_kept_aside(client: Client, source: Source) -> None:
    assert refusal(call(client, "/v1/track", {"userId": "u1"}, key=source.write_key)) == (
        400,
        "missing_event",
    )
    letter = DeadLetter.objects.get()
    kept = open_envelope(bytes(letter.body))
    assert (letter.code, kept.type, bytes(kept.messages[0])) == (
        "missing_event",
        "track",
        b'{"userId": "u1"}',
    )


def test_single__too_large(client: Client, source: Source) -> None:
    body = TRACK | {"properties": {"filler": "x" * 33_000}}
    assert refusal(call(client, "/v1/track", body, key=source.write_key)) == (413, "event_too_large")
    assert DeadLetter.objects.get().code == "event_too_large"


@pytest.mark.parametrize("body", [b"", b"{", b"batch=1", b"[]", b"\x1f\x8bxx", b'"x"'])
def test_unreadable(client: Client, source: Source, body: bytes) -> None:
    for path in ("/v1/batch", "/v1/track"):
        status, code = refusal(call(client, path, body, key=source.write_key))
        assert (status, code) == (400, "unreadable")
    assert taken() == []


def test_too_large__on_the_wire_and_unpacked(client: Client, source: Source) -> None:
    assert refusal(call(client, "/v1/batch", b"x" * (MAX_WIRE + 1), key=source.write_key)) == (
        413,
        "too_large",
    )
    bomb = gzip.compress(b" " * 11_000_000)
    assert refusal(call(client, "/v1/batch", bomb, key=source.write_key)) == (413, "too_large")


def test_unknown_calls_and_methods(client: Client, source: Source) -> None:
    for path in ("/v1/", "/v1/nothing", "/v1/track/more", "/beacon/v1/track"):
        assert refusal(call(client, path, TRACK, key=source.write_key)) == (404, "not_found")
    for method in (client.get, client.put, client.delete):
        response = method("/v1/track")
        assert refusal(response) == (405, "method_not_allowed")
        assert response["Allow"] == "POST, OPTIONS"


# -- browsers ------------------------------------------------------------------------------------------

PREFLIGHTS = ["authorization", "anonymousid,authorization,content-type,sentat", "content-type,x-write-key"]


@pytest.mark.parametrize("headers", PREFLIGHTS)
@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch", "/v1/i/", "/beacon/v1/batch"])
def test_preflight(client: Client, path: str, headers: str) -> None:
    response = client.options(
        path,
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": headers,
        },
    )
    assert (response.status_code, response.content) == (204, b"")
    assert response["Access-Control-Allow-Origin"] == ORIGIN
    assert response["Access-Control-Allow-Headers"] == headers
    assert "POST" in response["Access-Control-Allow-Methods"]
    assert int(response["Access-Control-Max-Age"]) > 0
    assert response["Access-Control-Expose-Headers"] == "Retry-After"


def test_answers__may_be_read_by_the_page(client: Client, source: Source) -> None:
    for body in (TRACK, {}):
        response = call(client, "/v1/track", body, key=source.write_key, headers={"Origin": ORIGIN})
        assert response["Access-Control-Allow-Origin"] == ORIGIN
        assert response["Access-Control-Expose-Headers"] == "Retry-After"
        assert response["Vary"] == "Origin"
    assert "Access-Control-Allow-Origin" not in call(client, "/v1/track", TRACK, key=source.write_key).headers


def test_door__needs_no_middleware(client: Client, source: Source, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["elsewhere.example"]
    client = Client(enforce_csrf_checks=True)
    response = call(client, "/v1/track", TRACK, key=source.write_key, headers={"Cookie": "sessionid=x"})
    assert is_success(response)
    assert not response.cookies
    assert "Content-Security-Policy" not in response.headers


# -- limits --------------------------------------------------------------------------------------------


def test_rate_limit__of_a_source(client: Client) -> None:
    source = build.source(settings={"rate_limit": 0.01})
    answers = [call(client, "/v1/track", TRACK, key=source.write_key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 429, 429]
    assert refusal(answers[-1]) == (429, "too_many_requests")
    assert int(answers[-1]["Retry-After"]) >= 1
    other = build.source()
    assert is_success(call(client, "/v1/track", TRACK, key=other.write_key))


def test_long_inbox__imports_wait_first(client: Client, source: Source, settings: Settings) -> None:
    settings.INBOX_LIMIT = 4
    for _ in range(2):
        call(client, "/v1/track", TRACK, key=source.write_key)
    limits.forget()
    assert refusal(call(client, "/v1/import", {"batch": [TRACK]}, key=source.write_key))[0] == 429
    assert is_success(call(client, "/v1/track", TRACK, key=source.write_key))
    call(client, "/v1/track", TRACK, key=source.write_key)
    limits.forget()
    response = call(client, "/v1/track", TRACK, key=source.write_key)
    assert refusal(response)[0] == 429
    assert int(response["Retry-After"]) >= 1


def test_last_message__is_noted(client: Client, source: Source) -> None:
    call(client, "/v1/track", TRACK, key=source.write_key)
    source.refresh_from_db()
    assert source.last_message_at is not None
