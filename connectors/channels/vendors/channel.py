"""The channel that all vendors share: deliveries become work, and one call takes as much as it can.

Contacts are updated by the id the CRM once gave, and made or found by a key of ours where there is none or
it is known no more, so that no repetition makes a second one. What concerns a contact waits for it.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from django.utils.translation import gettext, gettext_lazy

from connectors.channels.vendors.api import KEPT_BYTES, Api, Login, Reply, UnknownContact, codes, pace_of
from connectors.connection_settings import SettingsError, SettingsReader
from connectors.domain.message import (
    ChannelKind,
    DeliveryError,
    Draft,
    Json,
    Message,
    Receipt,
    Renderer,
    SupportsText,
)
from connectors.domain.setting import Form, Setting
from connectors.domain.vendor import (
    ON_CONTACTS,
    Action,
    Contact,
    Made,
    Outcome,
    VendorField,
    Work,
    contact_of,
    is_source,
)
from connectors.outgoing import Caller

SECONDS = 10.0  # for one call; a piece of work takes up to four

Call = Callable[[Api, Sequence[Work]], list[Outcome]]

_PACE = Setting(
    name="calls_a_second",
    label=gettext_lazy("Calls a second"),
    help=gettext_lazy("At most so many leave one machine, so that other programs find room too."),
    default="8",
    form=Form.NUMBER,
)


class Vendor(Protocol):
    """How one vendor's API is spoken to."""

    name: str

    def __init__(self, settings: Mapping[str, Json]) -> None: ...

    def update_contacts(self, api: Api, works: Sequence[Work]) -> list[Outcome]:
        """Change contacts by the CRM's own ids, all in one call; None for those it knows no more."""

    def upsert_contacts(self, api: Api, works: Sequence[Work]) -> list[Outcome]:
        """Make or change contacts by our key, all in one call; no key is given twice."""

    def make(self, api: Api, work: Work, *, contact: str) -> Made:
        """Make a deal, a task, a note, a place on a list.

        Raises:
            UnknownContact: the CRM does not know the contact by this id.
            DeliveryError: it failed.
        """

    def judge(self, reply: Reply) -> DeliveryError | None:
        """Say what an answer means that is a failure in this vendor's words; None for any other."""

    def contact_fields(self, api: Api) -> list[VendorField]:
        """Name the fields of contacts that can be written."""

    def warnings(self, api: Api) -> list[str]:
        """Say in sentences what this account lacks for us to work with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorKind(ChannelKind):
    """A line of the registry for a vendor's CRM."""

    vendor: type[Vendor]
    login: Callable[[Mapping[str, Json], str], Login]  # settings, secret
    most: int  # contacts that one call takes
    mapping: Mapping[str, str]  # what a new connection begins with


def vendor_kind(
    *,
    name: str,
    label: SupportsText,
    vendor: type[Vendor],
    login: Callable[[Mapping[str, Json], str], Login],
    most: int,
    actions: Sequence[Action],
    mapping: Mapping[str, str],
    asks: Sequence[Setting],
    more_secrets: tuple[str, ...] = (),
) -> VendorKind:
    """Make the line of the registry; the first secret among `asks` is the one that must be there."""

    def open_one(settings: Mapping[str, Json], secret: str) -> VendorChannel:
        return VendorChannel(kind, settings, secret)

    kind = VendorKind(
        name=name,
        label=label,
        writes_to="",
        is_repeatable=True,
        needs_connection=True,
        sent_event="CRM Action Sent",
        secret=next(one.name for one in asks if one.is_secret),
        more_secrets=more_secrets,
        new_secret=None,
        actions=tuple(action.value for action in actions),
        batches={action.value: most for action in ON_CONTACTS} if most > 1 else {},
        asks=(*asks, _PACE),
        read_settings=lambda raw: _read(raw, asks=kind.asks, mapping=mapping),
        open=open_one,
        vendor=vendor,
        login=login,
        most=most,
        mapping=mapping,
    )
    return kind


def _read(raw: Mapping[str, Json], *, asks: Sequence[Setting], mapping: Mapping[str, str]) -> dict[str, Json]:
    reader = SettingsReader(raw)
    found: dict[str, Json] = {one.name: reader.take(one) for one in asks}
    found["mapping"] = reader.pairs("mapping", default=mapping)
    reader.finish()
    if not is_source(str(found["contact_value"])):
        raise SettingsError("contact_value", _no_source())
    for name, path in found["mapping"].items():
        if not is_source(path):
            raise SettingsError(f"mapping.{name}", _no_source())
    return found


def _no_source() -> str:
    return gettext("This is name, email, phone, user_id, id, or begins with traits. or identities.")


class VendorChannel:
    """A vendor's CRM, opened for one connection."""

    def __init__(self, kind: VendorKind, settings: Mapping[str, Json], secret: str) -> None:
        self._kind = kind
        self._settings = settings
        self._system = str(settings.get("system", ""))
        self._vendor = kind.vendor(settings)
        self._caller = Caller(seconds=SECONDS, kept_bytes=KEPT_BYTES)
        self._api = Api(
            base_url=str(settings["base_url"]),
            login=kind.login(settings, secret),
            caller=self._caller,
            pace=pace_of(self._system),
            calls_a_second=float(settings["calls_a_second"]),
            judge=self._vendor.judge,
        )

    def prepare(self, draft: Draft, *, render: Renderer) -> dict[str, Json]:
        if draft.action not in self._kind.actions:
            reason = gettext("%(vendor)s knows no action “%(action)s”.") % {
                "vendor": self._vendor.name,
                "action": draft.action,
            }
            raise DeliveryError(reason, permanent=True)
        traits = (draft.variables.get("person") or {}).get("traits") or {}
        contact = contact_of(self._settings, recipient=draft.recipient, traits=traits, system=self._system)
        if not contact.id and not contact.key:
            raise DeliveryError(self._no_key(), permanent=True)
        return {
            "action": draft.action,
            "contact": {"id": contact.id, "key": contact.key, "fields": dict(contact.fields)},
            "fields": render.fields(draft.fields, variables=draft.variables),
            "decided_at": draft.decided_at.isoformat(),
        }

    def request_of(self, message: Message) -> dict[str, Json]:
        return {"method": "POST", "url": self._api.base_url, "action": message.content["action"]}

    def send(self, message: Message, *, hand_over: Callable[[], None]) -> Receipt:
        (outcome,) = self.send_many([message], hand_over=hand_over)
        if isinstance(outcome, DeliveryError):
            raise outcome
        return outcome

    def send_many(
        self, messages: Sequence[Message], *, hand_over: Callable[[], None]
    ) -> list[Receipt | DeliveryError]:
        """Send messages of one action; what becomes of one changes nothing for the others."""
        works = [_work_of(message) for message in messages]
        hand_over()
        if works[0].action in ON_CONTACTS:
            outcomes = self._settle(works)
        else:
            outcomes = [self._make(work) for work in works]
        return [_receipt(outcome) for outcome in outcomes]

    def contact_fields(self) -> list[VendorField]:
        """Name the fields of contacts that can be written.

        Raises:
            DeliveryError: the CRM does not answer, or not to us.
        """
        return self._vendor.contact_fields(self._api)

    def check(self) -> list[str]:
        return self._vendor.warnings(self._api)

    def close(self) -> None:
        self._caller.close()

    def _settle(self, works: Sequence[Work]) -> list[Made | DeliveryError]:
        found: dict[int, Made | DeliveryError] = {}
        known = [place for place, work in enumerate(works) if work.contact.id]
        for place, outcome in self._in_calls(works, known, self._vendor.update_contacts, by_id=True):
            if outcome is not None:
                found[place] = outcome
        left = [place for place in range(len(works)) if place not in found]
        keyed = [place for place in left if works[place].contact.key]
        for place, outcome in self._in_calls(works, keyed, self._vendor.upsert_contacts, by_id=False):
            found[place] = outcome or _lost(self._vendor.name)
        no_key = DeliveryError(self._no_key(), permanent=True)
        return [found.get(place, no_key) for place in range(len(works))]

    def _in_calls(
        self, works: Sequence[Work], places: Sequence[int], call: Call, *, by_id: bool
    ) -> Iterator[tuple[int, Outcome]]:
        left = list(places)
        while left:
            # A contact named twice in one call is refused, or the order of its changes is lost.
            chosen: dict[str, int] = {}
            for place in left:
                contact = works[place].contact
                if len(chosen) < self._kind.most:
                    chosen.setdefault(contact.id if by_id else contact.key.lower(), place)
            batch = list(chosen.values())
            yield from zip(batch, self._together(call, [works[place] for place in batch]), strict=True)
            left = [place for place in left if place not in chosen.values()]

    def _together(self, call: Call, works: Sequence[Work]) -> list[Outcome]:
        """Make one call for all; refused as a whole, it is halved until the one at fault stands alone."""
        try:
            return call(self._api, works)
        except DeliveryError as error:
            if len(works) == 1 or not error.permanent:
                return [error] * len(works)
        middle = len(works) // 2
        return [*self._together(call, works[:middle]), *self._together(call, works[middle:])]

    def _make(self, work: Work) -> Made | DeliveryError:
        try:
            if work.contact.id:
                try:
                    return self._vendor.make(self._api, work, contact=work.contact.id)
                except UnknownContact:
                    if not work.contact.key:
                        raise
            found = self._settle([_contact_work(work)])[0]
            if isinstance(found, DeliveryError):
                return found
            return self._vendor.make(self._api, work, contact=found.id)
        except DeliveryError as error:
            return error

    def _no_key(self) -> str:
        return gettext("%(vendor)s finds contacts by %(field)s, and this person has none.") % {
            "vendor": self._vendor.name,
            "field": self._settings["contact_key"],
        }


def _work_of(message: Message) -> Work:
    content = message.content
    action = Action(content["action"])
    contact, own = content["contact"], content["fields"]
    match action:
        case Action.UPSERT_CONTACT:
            fields = {**contact["fields"], **own}
        case Action.UPDATE_FIELD:
            fields = dict(own)
        case _:
            fields = contact["fields"]
    return Work(
        id=message.id,
        action=action,
        contact=Contact(id=contact["id"], key=contact["key"], fields=fields),
        fields=own,
        decided_at=datetime.fromisoformat(content["decided_at"]),
        may_exist=message.attempt > 1,
    )


def _contact_work(work: Work) -> Work:
    """Find or make the contact that something is to be made for, by our key."""
    return replace(work, action=Action.UPSERT_CONTACT, contact=replace(work.contact, id=""), fields={})


def _receipt(outcome: Made | DeliveryError) -> Receipt | DeliveryError:
    if isinstance(outcome, DeliveryError):
        return outcome
    told = json.dumps(outcome.told, ensure_ascii=False)[:2000]
    return Receipt(external_id=outcome.id[:200], response={"body": told})


def _lost(name: str) -> DeliveryError:
    """Accepted, and yet nothing is said of this record: it failed inside."""
    reason = gettext("%(vendor)s took the call, but says nothing about this record: %(codes)s.") % {
        "vendor": name,
        "codes": codes([]),
    }
    return DeliveryError(reason, permanent=False)
