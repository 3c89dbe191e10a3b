"""Salesforce, by its REST API, logged in with client credentials or a refresh token.

What we make carries our id in a field that is an external id, so that writing it again changes the record
instead of making a second one. Collections answer 200 whatever became of their records: each is judged by
its own `success`.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext, gettext_lazy

from connectors.channels.vendors.api import (
    UNTIL_TOMORROW,
    Api,
    Login,
    OAuthLogin,
    Reply,
    UnknownContact,
    part,
    refused,
    used_up,
)
from connectors.channels.vendors.channel import vendor_kind
from connectors.domain.message import DeliveryError, Json
from connectors.domain.setting import Form, Setting
from connectors.domain.vendor import Action, Made, Outcome, VendorField, Work

NAME = "Salesforce"
VERSION = "v61.0"
_DATA = f"/services/data/{VERSION}"
_OBJECTS = {Action.CREATE_DEAL: "Opportunity", Action.CREATE_TASK: "Task", Action.ADD_NOTE: "Task"}
_WORDS: Mapping[str, Mapping[str, str]] = {
    "Opportunity": {
        "title": "Name",
        "amount": "Amount",
        "stage": "StageName",
        "close_date": "CloseDate",
        "owner": "OwnerId",
    },
    "Task": {"subject": "Subject", "body": "Description", "due": "ActivityDate", "owner": "OwnerId"},
}
_CLOSES_IN = timedelta(days=30)  # a deal has to have a date; people put it right
_PASSING = {"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "REQUEST_RUNNING_TOO_LONG", "QUERY_TIMEOUT"}
_GONE = {"ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "MALFORMED_ID", "NOT_FOUND"}
_ALREADY = "DUPLICATE_VALUE"  # somebody who is on the campaign
_LIMIT = "REQUEST_LIMIT_EXCEEDED"


class Salesforce:
    name = NAME

    def __init__(self, settings: Mapping[str, Json]) -> None:
        self._settings = settings

    def update_contacts(self, api: Api, works: Sequence[Work]) -> list[Outcome]:
        return _collected(
            api,
            f"{_DATA}/composite/sobjects",
            works,
            [{"id": work.contact.id, **self._keyed(work), **work.contact.fields} for work in works],
        )

    def upsert_contacts(self, api: Api, works: Sequence[Work]) -> list[Outcome]:
        path = f"{_DATA}/composite/sobjects/Contact/{part(self._key)}"
        return _collected(api, path, works, [{**work.contact.fields, **self._keyed(work)} for work in works])

    def make(self, api: Api, work: Work, *, contact: str) -> Made:
        if work.action is Action.ADD_TO_LIST:
            return _on_campaign(api, work, contact=contact)
        kind = _OBJECTS[work.action]
        path = f"{_DATA}/sobjects/{kind}/{part(self._id)}/{part(work.id)}"
        if work.may_exist:
            found = api.get(path, also=(HTTPStatus.NOT_FOUND,), fields="Id")
            if found.status == HTTPStatus.OK and isinstance(found.json, dict):
                return Made(id=str(found.json.get("Id", "")), told={"Id": found.json.get("Id")})
        fields = {_WORDS[kind].get(name, name): value for name, value in work.fields.items()}
        body = {**self._given(work), **fields, "ContactId" if kind == "Opportunity" else "WhoId": contact}
        try:
            reply = api.call("PATCH", path, body=body)
        except DeliveryError as error:
            if any(code in error.reason for code in _GONE):
                raise UnknownContact(NAME) from error
            raise
        return _made_of(reply)

    def judge(self, reply: Reply) -> DeliveryError | None:
        told = [one for one in reply.json if isinstance(one, dict)] if isinstance(reply.json, list) else []
        said = [one.get("errorCode") for one in told]
        if _LIMIT in said or reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            return used_up(NAME, reply.answer, wait=UNTIL_TOMORROW)
        is_refusal = HTTPStatus.BAD_REQUEST <= reply.status < HTTPStatus.INTERNAL_SERVER_ERROR
        if is_refusal and any(said) and reply.status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            fields = [name for one in told for name in one.get("fields") or []]
            return refused(NAME, said=[*said, *fields], told=told, permanent=not _PASSING.intersection(said))
        if reply.status == HTTPStatus.MULTIPLE_CHOICES:
            return refused(NAME, said=["MULTIPLE_CHOICES"], told=reply.json)
        return None

    def contact_fields(self, api: Api) -> list[VendorField]:
        reply = api.get(f"{_DATA}/sobjects/Contact/describe")
        return [
            VendorField(name=str(one["name"]), label=str(one.get("label") or one["name"]))
            for one in _fields_in(reply.json)
            if one.get("createable") and one.get("updateable")
        ]

    def warnings(self, api: Api) -> list[str]:
        lacking = []
        wanted = dict.fromkeys([("Contact", self._key), *((kind, self._id) for kind in _OBJECTS.values())])
        for kind, name in wanted:
            fields = _fields_in(api.get(f"{_DATA}/sobjects/{kind}/describe").json)
            if not any(one.get("name") == name and one.get("externalId") for one in fields):
                lacking.append(
                    gettext(
                        "Salesforce's object %(object)s has no field “%(name)s” that is an external id; make "
                        "one, a unique text, so that nothing is made twice."
                    )
                    % {"object": kind, "name": name}
                )
        return lacking

    @property
    def _key(self) -> str:
        return str(self._settings["contact_key"])

    @property
    def _id(self) -> str:
        return str(self._settings["id_field"])

    def _keyed(self, work: Work) -> dict[str, Json]:
        return {self._key: work.contact.key} if work.contact.key else {}

    def _given(self, work: Work) -> dict[str, Json]:
        """What Salesforce wants to know where nobody says otherwise."""
        match work.action:
            case Action.CREATE_DEAL:
                closes = (work.decided_at + _CLOSES_IN).date().isoformat()
                return {"StageName": self._settings["deal_stage"], "CloseDate": closes}
            case Action.ADD_NOTE:
                return {"Subject": gettext("Note"), "Status": "Completed"}
            case _:
                return {"Status": "Not Started"}


def _collected(
    api: Api, path: str, works: Sequence[Work], records: Sequence[Mapping[str, Json]]
) -> list[Outcome]:
    body = {"allOrNone": False, "records": [{"attributes": {"type": "Contact"}, **one} for one in records]}
    told = api.call("PATCH", path, body=body).json
    results = told if isinstance(told, list) else []
    # They come in the order of the records.
    return [_outcome(one, work) for one, work in zip([*results, *[None] * len(works)], works, strict=False)]


def _outcome(told: Json, work: Work) -> Outcome:
    if not isinstance(told, dict):
        return None
    if told.get("success"):
        return Made(id=str(told.get("id") or work.contact.id), told=told)
    errors = [one for one in told.get("errors") or [] if isinstance(one, dict)]
    said = [one.get("statusCode") for one in errors]
    if work.contact.id and _GONE.intersection(map(str, said)):
        return None
    fields = [name for one in errors for name in one.get("fields") or []]
    return refused(
        NAME, said=[*said, *fields], told=told, permanent=not _PASSING.intersection(map(str, said))
    )


def _made_of(reply: Reply) -> Made:
    told = reply.json if isinstance(reply.json, dict) else {}
    if told.get("success") is False:
        errors = [one for one in told.get("errors") or [] if isinstance(one, dict)]
        raise refused(NAME, said=[one.get("statusCode") for one in errors], told=told)
    return Made(id=str(told.get("id") or ""), told=told)


def _on_campaign(api: Api, work: Work, *, contact: str) -> Made:
    body = {"CampaignId": str(work.fields.get("list", "")), "ContactId": contact}
    try:
        return _made_of(api.call("POST", f"{_DATA}/sobjects/CampaignMember/", body=body))
    except DeliveryError as error:
        if _ALREADY in error.reason:
            return Made(told={"already": True})
        raise


def _fields_in(found: Json) -> list[Mapping[str, Any]]:
    listed = found.get("fields") if isinstance(found, dict) else None
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _login(settings: Mapping[str, Json], secret: str) -> Login:
    secrets = json.loads(secret) if secret else {}
    form = {"client_id": str(settings["client_id"]), "client_secret": secrets.get("client_secret", "")}
    refresh = secrets.get("refresh_token")
    grant = (
        {"grant_type": "refresh_token", "refresh_token": refresh}
        if refresh
        else {"grant_type": "client_credentials"}
    )
    return OAuthLogin(
        f"{str(settings['base_url']).rstrip('/')}/services/oauth2/token", form={**grant, **form}
    )


SALESFORCE = vendor_kind(
    name="salesforce",
    label=gettext_lazy("Salesforce"),
    vendor=Salesforce,
    login=_login,
    most=200,
    actions=tuple(Action),
    mapping={
        "Email": "email",
        "FirstName": "traits.firstName",
        "LastName": "traits.lastName",
        "Phone": "phone",
    },
    more_secrets=("refresh_token",),
    asks=(
        Setting(
            name="base_url",
            label=gettext_lazy("Your domain"),
            help=gettext_lazy("Such as https://example.my.salesforce.com; the log-in says where the API is."),
            form=Form.URL,
        ),
        Setting(name="client_id", label=gettext_lazy("Consumer key of the connected app")),
        Setting(name="client_secret", label=gettext_lazy("Consumer secret"), form=Form.SECRET),
        Setting(
            name="refresh_token",
            label=gettext_lazy("Refresh token"),
            help=gettext_lazy("Left empty, the app logs in by its client credentials."),
            form=Form.SECRET,
            default="",
        ),
        Setting(
            name="contact_key",
            label=gettext_lazy("Field that finds contacts"),
            help=gettext_lazy("A field of Contact that is an external id."),
            default="Wayfare_Id__c",
        ),
        Setting(
            name="contact_value",
            label=gettext_lazy("What stands in it"),
            help=gettext_lazy("email, phone, user_id, id, traits.… or identities.…"),
            default="id",
        ),
        Setting(
            name="id_field",
            label=gettext_lazy("Field that holds our id"),
            help=gettext_lazy("Of Opportunity and Task, an external id."),
            default="Wayfare_Id__c",
        ),
        Setting(name="deal_stage", label=gettext_lazy("Stage of new opportunities"), default="Prospecting"),
    ),
)
