"""HubSpot, by its CRM API v3 with the token of a private app.

What we make is written by `batch/upsert` under a property with unique values that holds our id, so that a
repeated call finds the record instead of making a second one. A batch answers 200 or 207; what it says
nothing about has failed, whatever the status.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from connectors.channels.vendors.api import (
    UNTIL_TOMORROW,
    Api,
    Login,
    Reply,
    TokenLogin,
    UnknownContact,
    part,
    refused,
    used_up,
)
from connectors.channels.vendors.channel import vendor_kind
from connectors.domain.message import DeliveryError, Json
from connectors.domain.setting import Form, Setting
from connectors.domain.vendor import Action, Made, Outcome, VendorField, Work
from connectors.outgoing import retry_after

NAME = "HubSpot"
_OBJECTS = {Action.CREATE_DEAL: "deals", Action.CREATE_TASK: "tasks", Action.ADD_NOTE: "notes"}
# Our words for what every CRM has; any other field goes out under its own name.
_WORDS: Mapping[str, Mapping[str, str]] = {
    "deals": {
        "title": "dealname",
        "stage": "dealstage",
        "close_date": "closedate",
        "owner": "hubspot_owner_id",
    },
    "tasks": {
        "subject": "hs_task_subject",
        "body": "hs_task_body",
        "due": "hs_timestamp",
        "owner": "hubspot_owner_id",
    },
    "notes": {"body": "hs_note_body", "owner": "hubspot_owner_id"},
}
_PASSING = {"RATE_LIMITS", "INTERNAL_ERROR", "SERVICE_UNAVAILABLE", "TIMEOUT"}


class HubSpot:
    name = NAME

    def __init__(self, settings: Mapping[str, Json]) -> None:
        self._settings = settings

    def update_contacts(self, api: Api, works: Sequence[Work]) -> list[Outcome]:
        inputs = [self._input(work, id_=work.contact.id, fields=work.contact.fields) for work in works]
        reply = api.call("POST", "/crm/v3/objects/contacts/batch/update", body={"inputs": inputs})
        return [_known(outcome) for outcome in _outcomes(reply, inputs)]

    def upsert_contacts(self, api: Api, works: Sequence[Work]) -> list[Outcome]:
        key = str(self._settings["contact_key"])
        inputs = [
            self._input(
                work, id_=work.contact.key, key=key, fields={**work.contact.fields, key: work.contact.key}
            )
            for work in works
        ]
        reply = api.call("POST", "/crm/v3/objects/contacts/batch/upsert", body={"inputs": inputs})
        return _outcomes(reply, inputs)

    def make(self, api: Api, work: Work, *, contact: str) -> Made:
        if work.action is Action.ADD_TO_LIST:
            return self._listed(api, work, contact=contact)
        made = self._made(api, work)
        kind = _OBJECTS[work.action]
        path = f"/crm/v4/objects/{kind}/{part(made.id)}/associations/default/contacts/{part(contact)}"
        reply = api.call("PUT", path, also=(HTTPStatus.NOT_FOUND,))
        if reply.status == HTTPStatus.NOT_FOUND:
            raise UnknownContact(NAME)
        return made

    def judge(self, reply: Reply) -> DeliveryError | None:
        told = reply.json if isinstance(reply.json, dict) else {}
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            asked = retry_after(reply.answer.headers.get("retry-after", ""), now=timezone.now())
            wait = UNTIL_TOMORROW if told.get("policyName") == "DAILY" else timedelta(seconds=10)
            return used_up(NAME, reply.answer, wait=asked or wait)
        if HTTPStatus.BAD_REQUEST <= reply.status < HTTPStatus.INTERNAL_SERVER_ERROR and told.get("category"):
            is_ours = reply.status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT)
            return _refusal(told) if is_ours else None
        return None

    def contact_fields(self, api: Api) -> list[VendorField]:
        reply = api.get("/crm/v3/properties/contacts", archived="false")
        return [
            VendorField(name=str(one["name"]), label=str(one.get("label") or one["name"]))
            for one in _listed_in(reply.json, "results")
            if not (one.get("modificationMetadata") or {}).get("readOnlyValue")
        ]

    def warnings(self, api: Api) -> list[str]:
        key = str(self._settings["contact_key"])
        lacking = []
        for kind, name in [("contacts", key), *((kind, self._id) for kind in _OBJECTS.values())]:
            reply = api.get(f"/crm/v3/properties/{kind}/{part(name)}", also=(HTTPStatus.NOT_FOUND,))
            is_unique = isinstance(reply.json, dict) and (reply.json.get("hasUniqueValue") or name == "email")
            if reply.status == HTTPStatus.NOT_FOUND or not is_unique:
                lacking.append(
                    gettext(
                        "HubSpot's %(object)s have no property “%(name)s” with unique values; make one, "
                        "a single-line text, so that nothing is made twice."
                    )
                    % {"object": kind, "name": name}
                )
        return lacking

    @property
    def _id(self) -> str:
        return str(self._settings["id_property"])

    def _made(self, api: Api, work: Work) -> Made:
        kind = _OBJECTS[work.action]
        fields = {_WORDS[kind].get(name, name): value for name, value in work.fields.items()}
        inputs = [
            self._input(
                work,
                id_=str(work.id),
                key=self._id,
                fields={**self._given(kind, work), **fields, self._id: str(work.id)},
            )
        ]
        reply = api.call("POST", f"/crm/v3/objects/{kind}/batch/upsert", body={"inputs": inputs})
        (outcome,) = _outcomes(reply, inputs)
        if isinstance(outcome, Made):
            return outcome
        raise outcome or refused(NAME, said=[], told=reply.json, permanent=False)

    def _given(self, kind: str, work: Work) -> dict[str, Json]:
        """What HubSpot wants to know where nobody says otherwise."""
        if kind == "deals":
            return {"pipeline": self._settings["deal_pipeline"], "dealstage": self._settings["deal_stage"]}
        given: dict[str, Json] = {"hs_timestamp": work.decided_at.isoformat()}
        return {**given, "hs_task_status": "NOT_STARTED"} if kind == "tasks" else given

    def _listed(self, api: Api, work: Work, *, contact: str) -> Made:
        list_id = str(work.fields.get("list", ""))
        reply = api.call("PUT", f"/crm/v3/lists/{part(list_id)}/memberships/add", body=[contact])
        told = reply.json if isinstance(reply.json, dict) else {}
        if contact in map(str, told.get("recordIdsMissing") or told.get("recordsIdsMissing") or []):
            raise UnknownContact(NAME)
        return Made(id=list_id, told=told)

    def _input(self, work: Work, *, id_: str, fields: Mapping[str, Json], key: str = "") -> dict[str, Json]:
        found: dict[str, Json] = {
            "id": id_,
            "properties": {name: _text(value) for name, value in fields.items()},
            "objectWriteTraceId": str(work.id),
        }
        return found | ({"idProperty": key} if key else {})


def _outcomes(reply: Reply, inputs: Sequence[Mapping[str, Any]]) -> list[Outcome]:
    """Find what an answer says of each record of a batch; None where it says nothing."""
    traces = [str(one["objectWriteTraceId"]) for one in inputs]
    found: dict[str, Outcome] = {}
    for error in _listed_in(reply.json, "errors"):
        context = error.get("context") or {}
        named = {str(one) for key in ("objectWriteTraceId", "ids", "id") for one in _list(context.get(key))}
        for trace, one in zip(traces, inputs, strict=True):
            if {trace, str(one["id"])} & named:
                found[trace] = _refusal(error)
    for result in _listed_in(reply.json, "results"):
        if (meant := _trace_of(result, inputs)) and result.get("id"):
            found[meant] = Made(id=str(result["id"]), told=result)
    return [found.get(trace) for trace in traces]


def _trace_of(result: Mapping[str, Any], inputs: Sequence[Mapping[str, Any]]) -> str:
    if result.get("objectWriteTraceId"):
        return str(result["objectWriteTraceId"])
    properties = result.get("properties") or {}
    for one in inputs:
        shown = properties.get(one["idProperty"]) if "idProperty" in one else result.get("id")
        if str(shown or "").lower() == str(one["id"]).lower():
            return str(one["objectWriteTraceId"])
    return str(inputs[0]["objectWriteTraceId"]) if len(inputs) == 1 else ""


def _known(outcome: Outcome) -> Outcome:
    """A contact that was deleted or merged away is looked for by our key instead."""
    if isinstance(outcome, DeliveryError) and "OBJECT_NOT_FOUND" in outcome.reason:
        return None
    return outcome


def _refusal(told: Mapping[str, Any]) -> DeliveryError:
    inner = [one for one in _list(told.get("errors")) if isinstance(one, dict)]
    said = [told.get("category"), *(one.get("code") for one in inner), *(one.get("in") for one in inner)]
    return refused(NAME, said=said, told=told, permanent=told.get("category") not in _PASSING)


def _listed_in(found: Json, key: str) -> list[Mapping[str, Any]]:
    listed = found.get(key) if isinstance(found, dict) else None
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _text(value: Json) -> str:
    """Properties are texts; several values of one are parted by semicolons."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ";".join(_text(one) for one in value)
    return "" if value is None else str(value)


def _login(settings: Mapping[str, Json], secret: str) -> Login:
    return TokenLogin("Authorization", f"Bearer {secret}")


HUBSPOT = vendor_kind(
    name="hubspot",
    label=gettext_lazy("HubSpot"),
    vendor=HubSpot,
    login=_login,
    most=100,
    actions=tuple(Action),
    mapping={
        "email": "email",
        "firstname": "traits.firstName",
        "lastname": "traits.lastName",
        "phone": "phone",
    },
    asks=(
        Setting(
            name="token",
            label=gettext_lazy("Access token"),
            help=gettext_lazy(
                "Of a private app with the scopes for contacts, deals and lists, to read and write."
            ),
            form=Form.SECRET,
        ),
        Setting(
            name="contact_key",
            label=gettext_lazy("Property that finds contacts"),
            help=gettext_lazy("email, or a property of yours with unique values."),
            default="email",
        ),
        Setting(
            name="contact_value",
            label=gettext_lazy("What stands in it"),
            help=gettext_lazy("email, phone, user_id, id, traits.… or identities.…"),
            default="email",
        ),
        Setting(
            name="id_property",
            label=gettext_lazy("Property that holds our id"),
            help=gettext_lazy("Of deals, tasks and notes, with unique values."),
            default="wayfare_id",
        ),
        Setting(name="deal_pipeline", label=gettext_lazy("Pipeline of new deals"), default="default"),
        Setting(name="deal_stage", label=gettext_lazy("Stage of new deals"), default="appointmentscheduled"),
        Setting(
            name="base_url",
            label=gettext_lazy("Address of the API"),
            form=Form.URL,
            default="https://api.hubapi.com",
        ),
    ),
)
