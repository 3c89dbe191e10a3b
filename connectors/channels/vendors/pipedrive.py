"""Pipedrive, by its API v2 (notes: v1) with an API token.

It knows no upsert. A person is looked for by the field that finds them before one is made; what an earlier
attempt may have made is looked for by our id before it is made again: deals keep it in a field of their own,
activities and notes in their text.
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
    unreadable,
    used_up,
)
from connectors.channels.vendors.channel import vendor_kind
from connectors.domain.message import DeliveryError, Json
from connectors.domain.setting import Form, Setting
from connectors.domain.vendor import Action, Made, Outcome, VendorField, Work
from connectors.outgoing import retry_after

NAME = "Pipedrive"
_GONE = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
_HASH = 40  # characters in the key of a custom field
_EARLIER = timedelta(minutes=10)  # their clock and ours
_WORDS: Mapping[str, Mapping[str, str]] = {
    "deals": {
        "amount": "value",
        "stage": "stage_id",
        "close_date": "expected_close_date",
        "owner": "owner_id",
    },
    "activities": {"body": "note", "due": "due_date", "owner": "owner_id"},
    "notes": {"body": "content"},
}


class Pipedrive:
    name = NAME

    def __init__(self, settings: Mapping[str, Json]) -> None:
        self._settings = settings

    def update_contacts(self, api: Api, works: Sequence[Work]) -> list[Outcome]:
        return [self._updated(api, work, id_=work.contact.id) for work in works]

    def upsert_contacts(self, api: Api, works: Sequence[Work]) -> list[Outcome]:
        return [self._upserted(api, work) for work in works]

    def make(self, api: Api, work: Work, *, contact: str) -> Made:
        if not contact.isdecimal():
            raise UnknownContact(NAME)
        try:
            return self._thing(api, work, contact=int(contact))
        except DeliveryError as error:
            if error.permanent and self._is_gone(api, contact):
                raise UnknownContact(NAME) from error
            raise

    def judge(self, reply: Reply) -> DeliveryError | None:
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            headers = reply.answer.headers
            asked = retry_after(
                headers.get("retry-after") or headers.get("x-ratelimit-reset", ""), now=timezone.now()
            )
            is_day = headers.get("x-daily-requests-left") == "0"
            return used_up(
                NAME, reply.answer, wait=asked or (UNTIL_TOMORROW if is_day else timedelta(seconds=2))
            )
        told = reply.json if isinstance(reply.json, dict) else {}
        if told.get("success") is not False:
            return None
        if reply.status < HTTPStatus.MULTIPLE_CHOICES or reply.status in (
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.UNPROCESSABLE_ENTITY,
        ):
            said = [told.get("code") or told.get("errorCode") or reply.status]
            return refused(NAME, said=said, told=told)
        return None

    def contact_fields(self, api: Api) -> list[VendorField]:
        own = [
            VendorField(name="name", label=gettext("Name")),
            VendorField(name="email", label=gettext("Email")),
            VendorField(name="phone", label=gettext("Phone")),
        ]
        found = _list_in(api.get("/v1/personFields", limit="500").json)
        return own + [
            VendorField(name=str(one["key"]), label=str(one.get("name") or one["key"]))
            for one in found
            if len(str(one.get("key", ""))) == _HASH
        ]

    def warnings(self, api: Api) -> list[str]:
        api.get("/v1/users/me")
        if self._deal_field:
            keys = {str(one.get("key")) for one in _list_in(api.get("/v1/dealFields", limit="500").json)}
            if self._deal_field in keys:
                return []
        return [
            gettext(
                "Pipedrive's deals have no field of ours: make a text field for deals and give its API key, "
                "so that no deal is made twice. Until then no deals are made."
            )
        ]

    @property
    def _deal_field(self) -> str:
        return str(self._settings["deal_field"])

    # -- persons ---------------------------------------------------------------------------------------

    def _upserted(self, api: Api, work: Work) -> Outcome:
        try:
            found = self._found(api, work.contact.key)
            if found:
                return self._updated(api, work, id_=found)
            key = str(self._settings["contact_key"])
            fields = {"name": work.contact.key, key: work.contact.key, **work.contact.fields}
            return _made_of(api.call("POST", "/api/v2/persons", body=_person(fields)))
        except DeliveryError as error:
            return error

    def _updated(self, api: Api, work: Work, *, id_: str) -> Outcome:
        try:
            path = f"/api/v2/persons/{part(id_)}"
            if not work.contact.fields:
                reply = api.get(path, also=_GONE)
            else:
                reply = api.call("PATCH", path, body=_person(work.contact.fields), also=_GONE)
            return None if reply.status in _GONE else _made_of(reply)
        except DeliveryError as error:
            return error

    def _found(self, api: Api, key: str) -> str:
        name = str(self._settings["contact_key"])
        fields = name if name in ("email", "phone", "name") else "custom_fields"
        reply = api.get("/api/v2/persons/search", term=key, fields=fields, exact_match="true", limit="1")
        return _first_id(reply)

    def _is_gone(self, api: Api, id_: str) -> bool:
        return api.get(f"/api/v2/persons/{part(id_)}", also=_GONE).status in _GONE

    # -- what concerns them ----------------------------------------------------------------------------

    def _thing(self, api: Api, work: Work, *, contact: int) -> Made:
        match work.action:
            case Action.CREATE_DEAL:
                return self._deal(api, work, contact=contact)
            case Action.CREATE_TASK:
                return self._activity(api, work, contact=contact)
            case _:
                return self._note(api, work, contact=contact)

    def _deal(self, api: Api, work: Work, *, contact: int) -> Made:
        if not self._deal_field:
            reason = gettext(
                "No deals are made in Pipedrive before the connection knows the field for our id."
            )
            raise DeliveryError(reason, permanent=True)
        if work.may_exist:
            reply = api.get(
                "/api/v2/deals/search",
                term=str(work.id),
                fields="custom_fields",
                exact_match="true",
                limit="1",
            )
            if found := _first_id(reply):
                return Made(id=found, told={"id": found})
        fields = _named("deals", work.fields)
        custom = {key: fields.pop(key) for key in list(fields) if len(key) == _HASH}
        body = {
            "title": gettext("Deal"),
            **fields,
            "person_id": contact,
            "custom_fields": {**custom, self._deal_field: str(work.id)},
        }
        return _made_of(api.call("POST", "/api/v2/deals", body=body))

    def _activity(self, api: Api, work: Work, *, contact: int) -> Made:
        if work.may_exist:
            since = (work.decided_at - _EARLIER).strftime("%Y-%m-%dT%H:%M:%SZ")
            reply = api.get("/api/v2/activities", person_id=str(contact), updated_since=since, limit="500")
            if found := _marked(reply, work, field="note"):
                return found
        fields = {"subject": gettext("Task"), "type": "task", **_named("activities", work.fields)}
        fields["note"] = _with_mark(fields.get("note"), work)
        fields["participants"] = [{"person_id": contact, "primary": True}]
        return _made_of(api.call("POST", "/api/v2/activities", body=fields))

    def _note(self, api: Api, work: Work, *, contact: int) -> Made:
        if work.may_exist:
            reply = api.get("/v1/notes", person_id=str(contact), sort="add_time DESC", limit="500")
            if found := _marked(reply, work, field="content"):
                return found
        fields = _named("notes", work.fields)
        body = {**fields, "content": _with_mark(fields.get("content"), work), "person_id": contact}
        return _made_of(api.call("POST", "/v1/notes", body=body))


def _person(fields: Mapping[str, Json]) -> dict[str, Json]:
    body = {name: value for name, value in fields.items() if len(name) != _HASH}
    for name, listed in (("email", "emails"), ("phone", "phones")):
        if value := body.pop(name, None):
            body[listed] = [{"value": value, "primary": True, "label": "work"}]
    custom = {name: value for name, value in fields.items() if len(name) == _HASH}
    return body | ({"custom_fields": custom} if custom else {})


def _named(kind: str, fields: Mapping[str, Json]) -> dict[str, Json]:
    return {_WORDS[kind].get(name, name): value for name, value in fields.items()}


def _mark(work: Work) -> str:
    return f"Wayfare {work.id}"


def _with_mark(text: Json, work: Work) -> str:
    return f"{text or ''}\n\n{_mark(work)}".strip()


def _marked(reply: Reply, work: Work, *, field: str) -> Made | None:
    for one in _list_in(reply.json):
        if _mark(work) in str(one.get(field) or ""):
            return Made(id=str(one.get("id")), told={"id": one.get("id")})
    return None


def _made_of(reply: Reply) -> Made:
    data = reply.json.get("data") if isinstance(reply.json, dict) else None
    if not isinstance(data, dict) or not data.get("id"):
        raise unreadable(reply.answer)
    return Made(id=str(data["id"]), told={"id": data["id"]})


def _first_id(reply: Reply) -> str:
    data = reply.json.get("data") if isinstance(reply.json, dict) else None
    items = data.get("items") if isinstance(data, dict) else None
    found = [one.get("item", {}).get("id") for one in items or [] if isinstance(one, dict)]
    return str(found[0]) if found and found[0] else ""


def _list_in(found: Json) -> list[Mapping[str, Any]]:
    listed = found.get("data") if isinstance(found, dict) else None
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _login(settings: Mapping[str, Json], secret: str) -> Login:
    return TokenLogin("x-api-token", secret)


PIPEDRIVE = vendor_kind(
    name="pipedrive",
    label=gettext_lazy("Pipedrive"),
    vendor=Pipedrive,
    login=_login,
    most=1,
    actions=[action for action in Action if action is not Action.ADD_TO_LIST],  # it has no lists
    mapping={"name": "name", "email": "email", "phone": "phone"},
    asks=(
        Setting(
            name="base_url",
            label=gettext_lazy("Your domain"),
            help=gettext_lazy("Such as https://example.pipedrive.com"),
            form=Form.URL,
        ),
        Setting(
            name="token",
            label=gettext_lazy("API token"),
            help=gettext_lazy("Found under Personal preferences, API."),
            form=Form.SECRET,
        ),
        Setting(
            name="contact_key",
            label=gettext_lazy("Field that finds persons"),
            help=gettext_lazy("email, phone, or the API key of a field of yours."),
            default="email",
        ),
        Setting(
            name="contact_value",
            label=gettext_lazy("What stands in it"),
            help=gettext_lazy("email, phone, user_id, id, traits.… or identities.…"),
            default="email",
        ),
        Setting(
            name="deal_field",
            label=gettext_lazy("Field of deals that holds our id"),
            help=gettext_lazy("The API key of a text field of deals. Without it no deals are made."),
            default="",
        ),
    ),
)
