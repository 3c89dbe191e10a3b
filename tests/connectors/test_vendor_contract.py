"""What every vendor's CRM promises, over the wire against one that speaks as the vendor documents.

One table of vendors, one test a promise.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from connectors.channels.vendors.api import forget_tokens
from connectors.channels.vendors.channel import VendorChannel, VendorKind
from connectors.domain.message import DeliveryError, Fault, Message, Receipt, Recipient
from connectors.domain.vendor import Action
from connectors.registry import CHANNELS
from connectors.rendering import shared_renderer
from tests import sinks
from tests.connectors.crms import TOKEN, HubSpotCrm, PipedriveCrm, SalesforceCrm, VendorCrm
from tests.connectors.test_channel_contract import draft

VENDORS = {name: kind for name, kind in CHANNELS.items() if isinstance(kind, VendorKind)}
THINGS = {
    "hubspot": {"create_deal": "deals", "create_task": "tasks", "add_note": "notes"},
    "salesforce": {"create_deal": "Opportunity", "create_task": "Task", "add_note": "Task"},
    "pipedrive": {"create_deal": "deals", "create_task": "activities", "add_note": "notes"},
}
SERVERS: dict[str, type[VendorCrm]] = {
    "hubspot": HubSpotCrm,
    "salesforce": SalesforceCrm,
    "pipedrive": PipedriveCrm,
}
SETTINGS: dict[str, dict[str, str]] = {
    "hubspot": {"token": TOKEN},
    "salesforce": {"client_id": "c1", "client_secret": TOKEN, "contact_value": "email"},
    "pipedrive": {"token": TOKEN, "deal_field": PipedriveCrm.deal_field},
}
NAME_FIELD = {"hubspot": "firstname", "salesforce": "FirstName", "pipedrive": "first"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    kind: VendorKind
    crm: VendorCrm
    channel: VendorChannel

    def prepared(
        self, *, action: str = "upsert_contact", email: str = "ada@example.com", **changes: Any
    ) -> Any:
        known = {"email": email, "user_id": "42", **changes.pop("identities", {})}
        made = draft(
            action=action,
            recipient=Recipient(id=uuid4(), address="", identities=known),
            **{"fields": {}, **changes},
        )
        return self.channel.prepare(made, render=shared_renderer())

    def named(self, name: str) -> Any:
        """A contact with its own address whose first name is told the CRM."""
        fields = {NAME_FIELD[self.kind.name]: name}
        return message(self.prepared(email=f"{name}@example.com", fields=fields))

    def send(self, content: Any, **options: Any) -> Receipt:
        return self.channel.send(message(content, **options), hand_over=lambda: None)

    def fails(self, content: Any, **options: Any) -> DeliveryError:
        with pytest.raises(DeliveryError) as caught:
            self.send(content, **options)
        return caught.value


def message(content: Any, **options: Any) -> Message:
    return Message(**{"id": uuid4(), "attempt": 1, "at": datetime.now(UTC), "content": content, **options})


@pytest.fixture(params=sorted(VENDORS))
def bench(request: pytest.FixtureRequest, own_network: None) -> Iterator[Bench]:
    kind = VENDORS[request.param]
    forget_tokens()
    with ExitStack() as stack:
        server = SERVERS[kind.name]()
        stack.enter_context(sinks.http_server(server))
        given = {"base_url": server.url, "calls_a_second": "10000", **SETTINGS[kind.name]}
        settings = kind.read_settings(given)
        secrets = {name: settings.pop(name, "") for name in (kind.secret, *kind.more_secrets)}
        secret = json.dumps(secrets) if kind.more_secrets else secrets[kind.secret]
        channel = kind.open({**settings, "system": kind.name}, secret)
        assert isinstance(channel, VendorChannel)
        yield Bench(kind=kind, crm=server, channel=channel)
        channel.close()


def test_contact__made_once_however_often_it_is_told(bench: Bench) -> None:
    content, id_ = bench.prepared(), uuid4()
    receipts = [bench.send(content, id=id_, attempt=attempt) for attempt in (1, 2)]
    receipts.append(bench.send(bench.prepared()))
    assert len(bench.crm.contacts) == 1
    assert {receipt.external_id for receipt in receipts} == set(bench.crm.contacts)
    assert "ada@example.com" in json.dumps(bench.crm.contacts)


def test_contact__known_by_its_id_keeps_it(bench: Bench) -> None:
    known = bench.crm.contact()
    receipt = bench.send(bench.prepared(identities={bench.kind.name: known}))
    assert (receipt.external_id, list(bench.crm.contacts)) == (known, [known])


def test_contact__gone_there_is_found_by_our_key(bench: Bench) -> None:
    receipt = bench.send(bench.prepared(identities={bench.kind.name: "77"}))
    assert [receipt.external_id] == list(bench.crm.contacts)


def test_contact__nothing_to_find_it_by(bench: Bench) -> None:
    with pytest.raises(DeliveryError, match="this person has none") as caught:
        bench.prepared(email="")
    assert caught.value.permanent


@pytest.mark.parametrize("action", ["create_deal", "create_task", "add_note"])
def test_thing__made_once_though_the_answer_was_lost(bench: Bench, action: str) -> None:
    fields = {"title": "Tent"} if action == "create_deal" else {"body": "Call {{ person.firstName }}"}
    content, id_ = bench.prepared(action=action, fields=fields), uuid4()
    bench.send(bench.prepared())  # the contact is there
    bench.send(content, id=id_)
    (thing,) = bench.crm.made(THINGS[bench.kind.name][action])
    receipt = bench.send(content, id=id_, attempt=2)
    (again,) = bench.crm.made(THINGS[bench.kind.name][action])
    assert again == thing
    assert [thing["contact"]] == list(bench.crm.contacts)
    assert bench.crm.things[receipt.external_id] == thing
    assert ("Tent" if action == "create_deal" else "Call Ädä") in json.dumps(thing, ensure_ascii=False)


def test_thing__for_a_contact_gone_there(bench: Bench) -> None:
    bench.send(bench.prepared(action="create_task", identities={bench.kind.name: "77"}))
    (task,) = bench.crm.made(THINGS[bench.kind.name]["create_task"])
    assert [task["contact"]] == list(bench.crm.contacts)


def test_list__joined_once(bench: Bench) -> None:
    if Action.ADD_TO_LIST not in bench.kind.actions:
        with pytest.raises(DeliveryError, match="add_to_list"):
            bench.prepared(action="add_to_list")
        return
    content = bench.prepared(action="add_to_list", fields={"list": "l1"})
    bench.send(content)
    bench.send(content, attempt=2)
    (contact,) = bench.crm.contacts
    assert bench.crm.places == {("l1", contact)}


def test_field__changed_alone(bench: Bench) -> None:
    name = NAME_FIELD[bench.kind.name]
    known = bench.crm.contact(phone="1", **{name: "Ada"})
    bench.send(
        bench.prepared(action="update_field", fields={name: "Eve"}, identities={bench.kind.name: known})
    )
    assert bench.crm.contacts[known][name] == "Eve"
    assert bench.crm.contacts[known]["phone"] == "1"


def test_batch__each_record_has_its_own_outcome(bench: Bench) -> None:
    sent = [bench.named(name) for name in ("ada", "bad", "eve", "silent")]
    before = len(bench.crm.requests)
    ada, bad, eve, silent = bench.channel.send_many(sent, hand_over=lambda: None)
    assert isinstance(ada, Receipt)
    assert isinstance(eve, Receipt)
    assert {ada.external_id, eve.external_id} == set(bench.crm.contacts)
    assert isinstance(bad, DeliveryError)
    assert bad.permanent
    assert isinstance(silent, DeliveryError)
    assert not silent.permanent
    assert "eve@" not in json.dumps([dict(ada.response), dict(bad.response)]), "the data of somebody else"
    if bench.kind.batches:
        calls = [one for one in bench.crm.requests[before:] if "token" not in one.path]
        assert len(calls) == 1


def test_batch__one_person_twice_goes_in_two_calls(bench: Bench) -> None:
    name = NAME_FIELD[bench.kind.name]
    sent = [message(bench.prepared(fields={name: one})) for one in ("Ada", "Adele")]
    first, second = bench.channel.send_many(sent, hand_over=lambda: None)
    assert isinstance(first, Receipt)
    assert first == second or first.external_id == getattr(second, "external_id", None)
    assert [one[name] for one in bench.crm.contacts.values()] == ["Adele"]


def test_batch__refused_as_a_whole_is_halved(bench: Bench) -> None:
    if not bench.kind.batches:
        return
    bench.send(bench.prepared())  # logged in
    bench.crm.script.append(bench.crm.refusal)
    found = bench.channel.send_many([bench.named("eve"), bench.named("bob")], hand_over=lambda: None)
    assert all(isinstance(one, Receipt) for one in found)


def test_refused__for_good_and_without_names(bench: Bench) -> None:
    content = bench.prepared()
    bench.send(content)  # logged in
    bench.crm.script.append(bench.crm.refusal)
    error = bench.fails(content)
    assert (error.permanent, error.fault) == (True, Fault.MESSAGE)
    assert "example.com" not in error.reason


def test_limit__is_waited_for(bench: Bench) -> None:
    content = bench.prepared()
    bench.send(content)
    bench.crm.script.append(bench.crm.limited)
    error = bench.fails(content)
    assert (error.permanent, error.fault) == (False, Fault.DESTINATION)
    told = timedelta(hours=1) if bench.kind.name == "salesforce" else timedelta(seconds=7)
    assert error.retry_after == told


def test_login__refused_harms_no_message(bench: Bench) -> None:
    content = bench.prepared()
    bench.send(content)
    bench.crm.script.extend([bench.crm.locked] * 3)
    error = bench.fails(content)
    assert (error.permanent, error.fault) == (False, Fault.DESTINATION)


@pytest.mark.parametrize(
    "answer",
    [
        sinks.Answer(status=500, body=b"<h1>Oops</h1>"),
        sinks.Answer(status=503, headers={"Retry-After": "3"}),
        sinks.Answer(status=200, body=b"<html>Please log in</html>"),
        sinks.Answer(status=200, body=b"[" * 100_000),
        sinks.Answer(is_cut=True),
    ],
    ids=["broken", "busy", "garbage", "deep", "cut"],
)
def test_trouble__is_tried_again(bench: Bench, answer: sinks.Answer) -> None:
    content = bench.prepared()
    bench.send(content)
    bench.crm.script.append(answer)
    error = bench.fails(content)
    assert (error.permanent, error.fault) == (False, Fault.DESTINATION)
    assert bench.send(content).external_id in bench.crm.contacts


def test_trouble__a_lost_answer_makes_nothing_twice(bench: Bench) -> None:
    content, id_ = bench.prepared(), uuid4()
    bench.send(bench.prepared(email="login@example.com"))
    bench.crm.after.append(sinks.Answer(is_cut=True))
    bench.fails(content, id=id_)
    receipt = bench.send(content, id=id_, attempt=2)
    assert len(bench.crm.contacts) == 2
    assert receipt.external_id in bench.crm.contacts


def test_account__says_what_it_has_and_lacks(bench: Bench) -> None:
    assert bench.channel.check() == []
    assert bench.channel.contact_fields()


def test_secrets__stay_out_of_what_is_kept(bench: Bench) -> None:
    content = bench.prepared()
    kept = [content, bench.channel.request_of(message(content)), dict(bench.send(content).response)]
    assert TOKEN not in json.dumps(kept)


# What one vendor promises beyond the others.


@pytest.fixture
def salesforce(own_network: None) -> Iterator[SalesforceCrm]:
    forget_tokens()
    with sinks.http_server(SalesforceCrm()) as server:
        assert isinstance(server, SalesforceCrm)
        yield server


@pytest.mark.parametrize(
    ("refresh", "grant"), [("", "client_credentials"), ("r-1", "refresh_token")], ids=["app", "person"]
)
def test_salesforce__logs_in_again_when_its_session_ends(
    salesforce: SalesforceCrm, refresh: str, grant: str
) -> None:
    kind = VENDORS["salesforce"]
    given = {"base_url": salesforce.url, "client_id": "c1", "client_secret": TOKEN, "calls_a_second": "10000"}
    settings = kind.read_settings(given)
    channel = kind.open(settings, json.dumps({"client_secret": TOKEN, "refresh_token": refresh}))
    content = {"action": "upsert_contact", "contact": {"id": "", "key": "p1", "fields": {}}, "fields": {}}
    sent = message({**content, "decided_at": datetime.now(UTC).isoformat()})
    channel.send(sent, hand_over=lambda: None)
    salesforce.sessions += 1  # ended there
    channel.send(sent, hand_over=lambda: None)
    channel.close()
    assert [form["grant_type"] for form in salesforce.forms] == [grant, grant]
    assert len(salesforce.contacts) == 1


def test_hubspot__an_account_without_our_property_is_told(own_network: None) -> None:
    server = HubSpotCrm()
    server.properties = frozenset({"email"})
    with sinks.http_server(server):
        kind = VENDORS["hubspot"]
        settings = kind.read_settings({"base_url": server.url, "token": TOKEN})
        channel = kind.open(settings, TOKEN)
        assert isinstance(channel, VendorChannel)
        said = channel.check()
        channel.close()
    assert ["deals" in one or "tasks" in one or "notes" in one for one in said] == [True, True, True]


def test_pipedrive__makes_no_deal_it_could_make_twice(own_network: None) -> None:
    crm = PipedriveCrm()
    known = crm.contact()
    with sinks.http_server(crm) as server:
        kind = VENDORS["pipedrive"]
        channel = kind.open(kind.read_settings({"base_url": server.url, "token": TOKEN}), TOKEN)
        content = {"action": "create_deal", "contact": {"id": known, "key": "", "fields": {}}, "fields": {}}
        sent = message({**content, "decided_at": datetime.now(UTC).isoformat()})
        with pytest.raises(DeliveryError, match="field for our id") as caught:
            channel.send(sent, hand_over=lambda: None)
        channel.close()
    assert caught.value.permanent
