"""What every registered channel promises, against a destination on the wire, and the fake with them."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from pytest_django.fixtures import Settings
from standardwebhooks import Webhook

from connectors.channels.email import EMAIL
from connectors.channels.vendors.channel import VendorKind
from connectors.channels.webhook import WEBHOOK
from connectors.domain.message import (
    Channel,
    ChannelKind,
    DeliveryError,
    Draft,
    Fault,
    MailSource,
    Message,
    MessageClass,
    Recipient,
)
from connectors.registry import CHANNELS
from connectors.rendering import shared_renderer
from tests import sinks
from tests.connectors.fakes import FAKE, FakeChannel

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PERSON = uuid4()
SECRETS = (sinks.CRM_TOKEN, sinks.WEBHOOK_SECRET, sinks.WEBHOOK_SECRET.removeprefix("whsec_"))
# The CRMs of vendors have a contract of their own: tests/connectors/test_vendor_contract.py.
PLAIN = {name: kind for name, kind in CHANNELS.items() if not isinstance(kind, VendorKind)}
KINDS = {**PLAIN, FAKE.name: FAKE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A channel with a destination that can be told what to do."""

    kind: ChannelKind
    channel: Channel
    arrived: Callable[[], list[bytes]]  # what the destination got, byte for byte
    refuse: Callable[[], None]  # for good
    be_busy: Callable[[], None]  # for now
    lost: Callable[[], Channel]  # opened to a place where nobody listens


@pytest.fixture(params=sorted(KINDS))
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    kind = KINDS[request.param]
    made = {"email": _mail_bench, "webhook": _webhook_bench, "crm": _crm_bench, "fake": _fake_bench}[
        kind.name
    ]
    bench: Bench = made(kind, request)
    yield bench
    bench.channel.close()


def _mail_bench(kind: ChannelKind, request: pytest.FixtureRequest) -> Bench:
    server: sinks.MailServer = request.getfixturevalue("mail_server")
    settings: Settings = request.getfixturevalue("settings")

    def lost() -> Channel:
        settings.EMAIL_PORT = sinks.free_port()
        return kind.open({}, "")

    return Bench(
        kind=kind,
        channel=kind.open({}, ""),
        arrived=lambda: [mail.raw for mail in server.mails],
        refuse=lambda: setattr(server, "answers", {"ada": "550 5.7.1 no"}),
        be_busy=lambda: setattr(server, "answers", {"ada": "451 4.2.1 later"}),
        lost=lost,
    )


def _webhook_bench(kind: ChannelKind, request: pytest.FixtureRequest) -> Bench:
    server: sinks.HttpServer = request.getfixturevalue("http_server")
    settings = {"url": f"{server.url}/in", "type": "journey.message"}
    return _http_bench(kind, server, settings, place="url", secret=sinks.WEBHOOK_SECRET)


def _crm_bench(kind: ChannelKind, request: pytest.FixtureRequest) -> Bench:
    server: sinks.Crm = request.getfixturevalue("crm")
    settings = kind.read_settings({"base_url": server.url}) | {"system": "crm"}
    return _http_bench(kind, server, settings, place="base_url", secret=sinks.CRM_TOKEN)


def _http_bench(
    kind: ChannelKind, server: sinks.HttpServer, settings: dict[str, Any], *, place: str, secret: str
) -> Bench:
    return Bench(
        kind=kind,
        channel=kind.open(settings, secret),
        arrived=lambda: [request.body for request in server.requests],
        refuse=lambda: server.script.append(sinks.Answer(status=422)),
        be_busy=lambda: server.script.append(sinks.Answer(status=503)),
        lost=lambda: kind.open({**settings, place: f"http://127.0.0.1:{sinks.free_port()}"}, secret),
    )


def _fake_bench(kind: ChannelKind, request: pytest.FixtureRequest) -> Bench:
    channel = FakeChannel({}, "")
    return Bench(
        kind=kind,
        channel=channel,
        arrived=lambda: channel.sent,
        refuse=lambda: channel.fail(DeliveryError("no", permanent=True)),
        be_busy=lambda: channel.fail(DeliveryError("later", permanent=False)),
        lost=_lost_fake,
    )


def _lost_fake() -> Channel:
    channel = FakeChannel({}, "")
    channel.fail(DeliveryError("nobody there", permanent=False, fault=Fault.DESTINATION))
    return channel


def draft(*, message_class: MessageClass = MessageClass.MARKETING, body: str = "", **changes: Any) -> Draft:
    fields: dict[str, Any] = {
        "id": uuid4(),
        "recipient": Recipient(
            id=PERSON,
            address="ada@example.com",
            identities={"user_id": "42", "email": "ada@example.com", "crm": "c-9"},
        ),
        "action": "create_deal",
        "mail": MailSource(
            subject="Hi {{ person.firstName }}",
            body=body or '<p>Hi {{ person.firstName }}</p><a href="https://shop.example/?a=1">Shop</a>',
        ),
        "fields": {"title": "Deal of {{ person.firstName }}", "amount": "{{ event.revenue }}"},
        "variables": {"person": {"firstName": "Ädä"}, "event": {"revenue": 249.5}, "now": NOW.isoformat()},
        "origin": {"journey": "welcome", "run": 7, "step": "s1"},
        "decided_at": NOW,
    }
    return Draft(message_class=message_class, **{**fields, **changes})


def message(content: Mapping[str, Any], *, id_: UUID | None = None, attempt: int = 1) -> Message:
    return Message(id=id_ or uuid4(), attempt=attempt, at=datetime.now(UTC), content=content)


def send(bench: Bench, content: Mapping[str, Any], **options: Any) -> Any:
    return bench.channel.send(message(content, **options), hand_over=lambda: None)


def prepared(bench: Bench, **options: Any) -> dict[str, Any]:
    return bench.channel.prepare(draft(**options), render=shared_renderer())


def test_kinds__names_and_settings() -> None:
    for name, kind in CHANNELS.items():
        assert kind.name == name
        assert str(kind.label)
        assert kind.sent_event


def test_prepare__content_is_json_without_secrets(bench: Bench) -> None:
    content = prepared(bench)
    text = json.dumps(content)
    assert json.loads(text) == content
    assert "Ädä" in json.dumps(content, ensure_ascii=False)
    assert not any(secret in text for secret in SECRETS)


def test_prepare__a_template_at_fault_is_permanent(bench: Bench) -> None:
    with pytest.raises(DeliveryError) as caught:
        prepared(bench, body="{{ person.nothing }}", fields={"x": "{{ person.nothing }}"})
    assert caught.value.permanent
    assert "nothing" in caught.value.reason


def test_send__arrives_and_gives_a_receipt(bench: Bench) -> None:
    receipt = send(bench, prepared(bench))
    (arrived,) = bench.arrived()
    assert arrived
    assert json.dumps(dict(receipt.response))


def test_send__every_attempt_sends_the_same_bytes(bench: Bench) -> None:
    content, id_ = prepared(bench), uuid4()
    send(bench, content, id_=id_, attempt=1)
    again = bench.kind.open({}, "") if bench.kind.name == "email" else bench.channel
    again.send(message(json.loads(json.dumps(content)), id_=id_, attempt=2), hand_over=lambda: None)
    again.close()
    first, second = bench.arrived()
    assert first == second


def test_send__hands_over_before_the_destination_can_have_it(bench: Bench) -> None:
    seen: list[int] = []
    bench.channel.send(message(prepared(bench)), hand_over=lambda: seen.append(len(bench.arrived())))
    assert seen == [0]


def test_send__refused_for_good(bench: Bench) -> None:
    content = prepared(bench)
    bench.refuse()
    with pytest.raises(DeliveryError) as caught:
        send(bench, content)
    assert caught.value.permanent
    assert caught.value.reason


def test_send__refused_for_now(bench: Bench) -> None:
    content = prepared(bench)
    bench.be_busy()
    with pytest.raises(DeliveryError) as caught:
        send(bench, content)
    assert not caught.value.permanent


def test_send__nobody_there(bench: Bench) -> None:
    with pytest.raises(DeliveryError) as caught:
        bench.lost().send(message(prepared(bench)), hand_over=lambda: None)
    assert (caught.value.permanent, caught.value.fault) == (False, Fault.DESTINATION)


def test_request_of__describes_without_secrets(bench: Bench) -> None:
    text = json.dumps(bench.channel.request_of(message(prepared(bench))))
    assert not any(secret in text for secret in SECRETS)


def test_close__twice_is_no_harm(bench: Bench) -> None:
    send(bench, prepared(bench))
    bench.channel.close()
    bench.channel.close()


# What one channel promises beyond the others.


def test_webhook__the_plain_verifier_accepts_it(http_server: sinks.HttpServer) -> None:
    channel = WEBHOOK.open({"url": http_server.url, "type": "x.y"}, sinks.WEBHOOK_SECRET)
    made = draft()
    sent = message(channel.prepare(made, render=shared_renderer()), id_=made.id)
    channel.send(sent, hand_over=lambda: None)
    channel.close()
    (request,) = http_server.requests
    body = Webhook(sinks.WEBHOOK_SECRET).verify(request.body, dict(request.headers))
    assert request.headers["webhook-id"] == str(made.id)
    assert body["type"] == "x.y"
    assert body["data"]["person"] == {
        "id": str(PERSON),
        "identities": {"user_id": "42", "email": "ada@example.com", "crm": "c-9"},
    }
    assert body["data"]["fields"] == {"title": "Deal of Ädä", "amount": 249.5}
    assert (body["data"]["journey"], body["data"]["run"], body["data"]["step"]) == ("welcome", 7, "s1")


def test_crm__wire_format_and_idempotency(crm: sinks.Crm) -> None:
    kind = CHANNELS["crm"]
    channel = kind.open(kind.read_settings({"base_url": crm.url}) | {"system": "crm"}, sinks.CRM_TOKEN)
    made = draft()
    content = channel.prepare(made, render=shared_renderer())
    receipts = [
        channel.send(message(content, id_=made.id, attempt=attempt), hand_over=lambda: None)
        for attempt in (1, 2)
    ]
    channel.close()
    assert [receipt.external_id for receipt in receipts] == ["deals-1", "deals-1"]
    request = crm.requests[0]
    assert request.path == "/deals"
    assert request.headers["idempotency-key"] == str(made.id)
    assert request.json == {
        "action": "create_deal",
        "delivery_id": str(made.id),
        "contact": {
            "person_id": str(PERSON),
            "user_id": "42",
            "email": "ada@example.com",
            "external_id": "c-9",
        },
        "journey": "welcome",
        "run": 7,
        "step": "s1",
        "fields": {"title": "Deal of Ädä", "amount": 249.5},
    }


def test_crm__unknown_action(crm: sinks.Crm) -> None:
    channel = CHANNELS["crm"].open({"base_url": crm.url, "system": "crm"}, "")
    with pytest.raises(DeliveryError, match="make_coffee") as caught:
        channel.prepare(draft(action="make_coffee"), render=shared_renderer())
    assert caught.value.permanent


def test_email__headers_and_parts(mail_server: sinks.MailServer, settings: Settings) -> None:
    settings.DEFAULT_FROM_EMAIL = "Shop <shop@news.example>"
    channel = EMAIL.open({"reply_to": "help@news.example"}, "")
    made = draft()
    channel.send(
        message(channel.prepare(made, render=shared_renderer()), id_=made.id), hand_over=lambda: None
    )
    channel.close()
    (mail,) = mail_server.mails
    parsed = mail.parsed
    assert (mail.sender, mail.recipients) == ("shop@news.example", ("ada@example.com",))
    assert parsed["Subject"] == "Hi Ädä"
    assert parsed["From"] == "Shop <shop@news.example>"
    assert parsed["Reply-To"] == "help@news.example"
    assert parsed["Message-ID"] == f"<{made.id}@news.example>"
    assert parsed["Date"].datetime == NOW
    unsubscribe = parsed["List-Unsubscribe"]
    assert unsubscribe.startswith(f"<{settings.BASE_URL}/u/")
    assert unsubscribe.endswith(">")
    assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    html, text = mail.part("text/html"), mail.part("text/plain")
    assert f'href="{settings.BASE_URL}/c/' in html
    assert "shop.example" not in html
    assert f'<img src="{settings.BASE_URL}/o/' in html
    assert text.startswith("Hi Ädä\n")
    assert f"Shop ({settings.BASE_URL}/c/" in text


def test_email__only_marketing_has_unsubscribe_headers(mail_server: sinks.MailServer) -> None:
    channel = EMAIL.open({}, "")
    content = channel.prepare(draft(message_class=MessageClass.SERVICE), render=shared_renderer())
    assert "List-Unsubscribe" not in content["headers"]


def test_email__the_unsubscribe_link_is_not_tracked() -> None:
    channel = EMAIL.open({}, "")
    body = '<a href="{{ unsubscribe_url }}">stop</a> <a href="{{ preferences_url }}">choose</a>'
    content = channel.prepare(draft(body=body), render=shared_renderer())
    assert content["html"].count("/u/") == 2
    assert "/c/" not in content["html"]


def test_email__without_a_mail_server_it_stays_in_the_outbox_page(settings: Settings) -> None:
    settings.EMAIL_URL = ""
    channel = EMAIL.open({}, "")
    receipt = channel.send(
        message(channel.prepare(draft(), render=shared_renderer())), hand_over=lambda: None
    )
    assert receipt.via == "outbox page"


@pytest.mark.parametrize(
    ("address", "permanent", "fault"),
    [
        ("bounce@example.com", True, Fault.ADDRESS),
        ("spam@example.com", True, Fault.MESSAGE),
        ("busy@example.com", False, Fault.MESSAGE),
    ],
)
def test_email__what_a_refusal_means(
    mail_server: sinks.MailServer, address: str, permanent: bool, fault: Fault
) -> None:
    channel = EMAIL.open({}, "")
    content = channel.prepare(
        draft(recipient=Recipient(id=PERSON, address=address)), render=shared_renderer()
    )
    with pytest.raises(DeliveryError) as caught:
        channel.send(message(content), hand_over=lambda: None)
    assert (caught.value.permanent, caught.value.fault) == (permanent, fault)
    assert address not in caught.value.reason


def test_email__no_answer_after_the_text_is_an_unknown_outcome(mail_server: sinks.MailServer) -> None:
    mail_server.answer_to_data = "hang up"
    channel = EMAIL.open({}, "")
    with pytest.raises(DeliveryError) as caught:
        channel.send(message(channel.prepare(draft(), render=shared_renderer())), hand_over=lambda: None)
    assert caught.value.fault is Fault.UNKNOWN


def test_email__many_over_one_connection(mail_server: sinks.MailServer) -> None:
    channel = EMAIL.open({}, "")
    for _ in range(3):
        channel.send(message(channel.prepare(draft(), render=shared_renderer())), hand_over=lambda: None)
    channel.close()
    assert len(mail_server.mails) == 3
