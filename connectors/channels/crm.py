"""A CRM that takes JSON over HTTP, for which a path a kind of action is all there is to know.

    POST <base_url><path of the action>
    Authorization: Bearer <token>
    Idempotency-Key: <delivery id, the same in every attempt>

    {"action": "create_deal", "delivery_id": "…", "contact": {"person_id": "…", "user_id": "…", "email": "…",
     "external_id": "…"}, "journey": …, "run": …, "step": …, "fields": {…}}

Any 2xx is success; an `id` in the answer's JSON is kept as the external id. `contact.external_id` is what
this CRM once called the person, under the connection's slug.
"""

import json
from collections.abc import Callable, Mapping

from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from connectors.connection_settings import SettingsReader
from connectors.domain.message import ChannelKind, DeliveryError, Draft, Json, Message, Receipt, Renderer
from connectors.domain.setting import Form, Setting
from connectors.outgoing import Answer, Caller, raise_unless_taken, record_of

PATHS = {
    "create_deal": "/deals",
    "create_task": "/tasks",
    "upsert_contact": "/contacts",
    "add_note": "/notes",
    "add_to_list": "/lists",
    "update_field": "/contacts/fields",
}
_LONGEST_ID = 200


class CrmChannel:
    def __init__(self, settings: Mapping[str, Json], secret: str) -> None:
        self._settings = settings
        self._token = secret
        self._caller = Caller()

    def prepare(self, draft: Draft, *, render: Renderer) -> dict[str, Json]:
        if draft.action not in PATHS:
            reason = gettext("The CRM knows no action “%(action)s”.") % {"action": draft.action}
            raise DeliveryError(reason, permanent=True)
        known = draft.recipient.identities
        contact = {
            "person_id": str(draft.recipient.id),
            "user_id": known.get("user_id"),
            "email": known.get("email"),
            "external_id": known.get(str(self._settings["system"])),
        }
        body = {
            "action": draft.action,
            "delivery_id": str(draft.id),
            "contact": contact,
            **draft.origin,
            "fields": render.fields(draft.fields, variables=draft.variables),
        }
        return {
            "action": draft.action,
            "body": json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        }

    def request_of(self, message: Message) -> dict[str, Json]:
        headers = {str(self._settings["idempotency_header"]): str(message.id), "Authorization": "Bearer …"}
        return {"method": "POST", "url": self._url(message), "headers": headers}

    def send(self, message: Message, *, hand_over: Callable[[], None]) -> Receipt:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Authorization": f"Bearer {self._token}",
            str(self._settings["idempotency_header"]): str(message.id),
        }
        hand_over()
        body = str(message.content["body"]).encode()
        answer = self._caller.post(self._url(message), headers=headers, body=body)
        raise_unless_taken(answer, now=timezone.now())
        return Receipt(external_id=_id_in(answer), response=record_of(answer))

    def check(self) -> list[str]:
        headers = {"Accept": "application/json", "Authorization": f"Bearer {self._token}"}
        answer = self._caller.call("GET", str(self._settings["base_url"]), headers=headers, body=None)
        # What stands at the address itself is its own affair: it may well be a 404.
        if answer.status in (401, 403) or answer.status >= 500:
            raise_unless_taken(answer, now=timezone.now())
        return []

    def close(self) -> None:
        self._caller.close()

    def _url(self, message: Message) -> str:
        # Not part of the content: an address put right reaches the deliveries that already wait.
        action = str(message.content["action"])
        path = self._settings["paths"].get(action, PATHS[action])  # it may be older than the action
        return str(self._settings["base_url"]).rstrip("/") + "/" + str(path).lstrip("/")


def _id_in(answer: Answer) -> str:
    try:
        made = json.loads(answer.body)
    except ValueError:  # an empty answer is an answer
        return ""
    found = made.get("id") if isinstance(made, dict) else None
    is_id = isinstance(found, str | int) and not isinstance(found, bool)
    return str(found)[:_LONGEST_ID] if is_id else ""


def read_settings(raw: Mapping[str, Json]) -> dict[str, Json]:
    """Check the settings of a connection, its token among them.

    Raises:
        SettingsError: one is wrong.
    """
    reader = SettingsReader(raw)
    found = {
        "base_url": reader.url("base_url"),
        "token": reader.text("token", default=""),
        "paths": reader.texts("paths", default=PATHS),
        "idempotency_header": reader.text("idempotency_header", default="Idempotency-Key"),
    }
    reader.finish()
    return found


CRM = ChannelKind(
    name="crm",
    label=gettext_lazy("CRM over HTTP"),
    writes_to="",
    is_repeatable=True,
    needs_connection=True,
    sent_event="CRM Action Sent",
    secret="token",
    new_secret=None,
    actions=tuple(PATHS),
    asks=(
        Setting(name="base_url", label=gettext_lazy("Address"), form=Form.URL),
        Setting(
            name="token",
            label=gettext_lazy("Token"),
            help=gettext_lazy("Sent as Authorization: Bearer …"),
            form=Form.SECRET,
            default="",
        ),
        Setting(
            name="idempotency_header",
            label=gettext_lazy("Header that says what is a repetition"),
            default="Idempotency-Key",
        ),
    ),
    read_settings=read_settings,
    open=CrmChannel,
)
