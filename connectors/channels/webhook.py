"""Signed webhooks after the Standard Webhooks specification 1.0.

    {"type": "journey.message", "timestamp": "…", "data": {"person": {…}, "journey": …, "fields": {…}}}

`webhook-id` is the delivery's id in every attempt, `webhook-timestamp` the time of the attempt.
"""

import base64
import binascii
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID, uuid4

from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy
from standardwebhooks import Webhook

from connectors.connection_settings import SettingsError, SettingsReader
from connectors.domain.message import ChannelKind, Draft, Json, Message, Receipt, Renderer
from connectors.domain.setting import Form, Setting
from connectors.outgoing import Answer, Caller, raise_unless_taken, record_of

SECRET_MARK = "whsec_"
_SHORTEST_SECRET = 24  # bytes, as the specification asks


class WebhookChannel:
    def __init__(self, settings: Mapping[str, Json], secret: str) -> None:
        self._url = str(settings["url"])
        self._type = str(settings["type"])
        self._webhook = Webhook(secret)
        self._caller = Caller()

    def prepare(self, draft: Draft, *, render: Renderer) -> dict[str, Json]:
        person = {"id": str(draft.recipient.id), "identities": dict(draft.recipient.identities)}
        body = {
            "type": self._type,
            "timestamp": draft.decided_at.isoformat(),
            "data": {
                "delivery_id": str(draft.id),
                "person": person,
                **draft.origin,
                "fields": render.fields(draft.fields, variables=draft.variables),
            },
        }
        return {"body": json.dumps(body, ensure_ascii=False, separators=(",", ":"))}

    def request_of(self, message: Message) -> dict[str, Json]:
        return {"method": "POST", "url": self._url, "headers": {"webhook-id": str(message.id)}}

    def send(self, message: Message, *, hand_over: Callable[[], None]) -> Receipt:
        hand_over()
        answer = self._post(str(message.content["body"]), id_=message.id, at=message.at)
        return Receipt(response=record_of(answer))

    def check(self) -> list[str]:
        now = timezone.now()
        body = {"type": "wayfare.test", "timestamp": now.isoformat(), "data": {}}
        self._post(json.dumps(body, separators=(",", ":")), id_=uuid4(), at=now)
        return []

    def _post(self, body: str, *, id_: UUID, at: datetime) -> Answer:
        headers = {
            "content-type": "application/json",
            "webhook-id": str(id_),
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": self._webhook.sign(str(id_), at, body),
        }
        answer = self._caller.post(self._url, headers=headers, body=body.encode())
        raise_unless_taken(answer, now=timezone.now())
        return answer

    def close(self) -> None:
        self._caller.close()


def read_settings(raw: Mapping[str, Json]) -> dict[str, Json]:
    """Check the settings of a connection, its secret among them.

    Raises:
        SettingsError: one is wrong.
    """
    reader = SettingsReader(raw)
    found = {
        "url": reader.url("url"),
        "type": reader.text("type", default="journey.message"),
        "secret": reader.text("secret"),
    }
    reader.finish()
    _check_secret(found["secret"])
    return found


def _check_secret(secret: str) -> None:
    try:
        text = secret.removeprefix(SECRET_MARK)
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if not secret.startswith(SECRET_MARK) or len(key) < _SHORTEST_SECRET:
        raise SettingsError(
            "secret",
            gettext("The secret is “whsec_” followed by at least %(bytes)s bytes in base64.")
            % {"bytes": _SHORTEST_SECRET},
        )


def _new_secret() -> str:
    return SECRET_MARK + base64.b64encode(secrets.token_bytes(32)).decode()


WEBHOOK = ChannelKind(
    name="webhook",
    label=gettext_lazy("Signed webhook"),
    writes_to="",
    is_repeatable=True,
    needs_connection=True,
    sent_event="Webhook Sent",
    secret="secret",
    new_secret=_new_secret,
    actions=(),
    asks=(
        Setting(name="url", label=gettext_lazy("Address"), form=Form.URL),
        Setting(
            name="secret",
            label=gettext_lazy("Secret"),
            help=gettext_lazy("Begins with whsec_; left empty, one is made and shown once."),
            form=Form.SECRET,
            default="",
        ),
        Setting(name="type", label=gettext_lazy("Type of its messages"), default="journey.message"),
    ),
    read_settings=read_settings,
    open=WebhookChannel,
)
