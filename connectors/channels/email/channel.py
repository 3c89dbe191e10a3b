"""Making a mail from a draft, once, and sending what was made, as often as it takes."""

from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import format_datetime, parseaddr
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.utils.translation import gettext

from connectors import suppression, vault
from connectors.channels.email.transport import Transport
from connectors.connection_settings import SettingsReader
from connectors.domain import links, mail_body
from connectors.domain.message import (
    DeliveryError,
    Draft,
    Json,
    MadeMail,
    MailSource,
    Message,
    MessageClass,
    Receipt,
    Renderer,
)

_LONGEST_LINE = 998  # what RFC 5322 allows
OUTBOX_PAGE = "outbox page"


class EmailChannel:
    def __init__(self, config: Mapping[str, Json], secret: str) -> None:
        self._sender = str(config.get("from") or settings.DEFAULT_FROM_EMAIL)
        self._reply_to = str(config.get("reply_to") or "")
        self._transport = Transport()

    def prepare(self, draft: Draft, *, render: Renderer) -> dict[str, Json]:
        if not draft.mail.body:
            raise DeliveryError(gettext("The template of this message does not exist."), permanent=True)
        key = vault.keys_for(vault.MAIL_LINKS)[0]
        out = _unsubscribe_address(draft, key=key)
        ways_out = {"unsubscribe_url": out, "preferences_url": f"{out}/topics"}
        made = render.mail(draft.mail, variables={**draft.variables, **ways_out})
        html = mail_body.with_links(made.html, link=lambda url: _tracked(url, draft=draft, key=key))
        shown = mail_body.with_preheader(html, text=made.preheader)
        sender = draft.mail.sender or self._sender
        return {
            "to": draft.recipient.address,
            "from": sender,
            "reply_to": draft.mail.reply_to or self._reply_to,
            "subject": made.subject,
            "text": mail_body.text_of(html),
            "html": mail_body.with_pixel(shown, address=_pixel_address(draft, key=key)),
            "headers": _headers(draft, sender=sender, unsubscribe=out),
            "version": draft.mail.version,
        }

    def request_of(self, message: Message) -> dict[str, Json]:
        headers = message.content["headers"]
        return {"to": message.content["to"], "Message-ID": headers["Message-ID"]}

    def send(self, message: Message, *, hand_over: Callable[[], None]) -> Receipt:
        if not settings.EMAIL_URL:
            return Receipt(via=OUTBOX_PAGE)
        response = self._transport.send(StoredMail.of(message), hand_over=hand_over)
        return Receipt(response=response)

    def close(self) -> None:
        self._transport.close()


def trial_message(mail: MadeMail, *, source: MailSource, to: str, at: datetime) -> Message:
    """A mail for somebody of the company to look at: nothing in it is tracked, and it says what it is."""
    id_ = uuid4()
    sender = source.sender or settings.DEFAULT_FROM_EMAIL
    content = {
        "to": to,
        "from": sender,
        "reply_to": source.reply_to,
        "subject": gettext("[Test] %(subject)s") % {"subject": mail.subject},
        "text": mail_body.text_of(mail.html),
        "html": mail_body.with_preheader(mail.html, text=mail.preheader),
        "headers": {
            "Message-ID": f"<{id_}@{_domain(sender)}>",
            "Date": format_datetime(at),
            "X-Wayfare-Test": "yes",
        },
    }
    return Message(id=id_, attempt=1, at=at, content=content)


class StoredMail(EmailMultiAlternatives):
    """A mail whose bytes are the same in every attempt."""

    boundary = ""

    @classmethod
    def of(cls, message: Message) -> "StoredMail":
        content = message.content
        mail = cls(
            subject=content["subject"],
            body=content["text"],
            from_email=content["from"],
            to=[content["to"]],
            reply_to=[content["reply_to"]] if content["reply_to"] else None,
            headers=dict(content["headers"]),
        )
        mail.attach_alternative(content["html"], "text/html")
        mail.boundary = f"=_{message.id.hex}"
        return mail

    def message(self, **options: Any) -> Any:
        made = super().message(**options)
        made.set_boundary(self.boundary)
        # The address of List-Unsubscribe is long; folded away from its name some programs miss it.
        made.policy = made.policy.clone(max_line_length=_LONGEST_LINE)
        return made


def read_settings(raw: Mapping[str, Json]) -> dict[str, Json]:
    """Check the settings of a mail account.

    Raises:
        SettingsError: one is wrong.
    """
    reader = SettingsReader(raw)
    found = {"from": reader.text("from", default=""), "reply_to": reader.text("reply_to", default="")}
    reader.finish()
    return found


def _headers(draft: Draft, *, sender: str, unsubscribe: str) -> dict[str, str]:
    headers = {"Message-ID": f"<{draft.id}@{_domain(sender)}>", "Date": format_datetime(draft.decided_at)}
    if draft.message_class is MessageClass.MARKETING:
        headers |= {
            "List-Unsubscribe": f"<{unsubscribe}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",  # RFC 8058
        }
    return headers


def _domain(sender: str) -> str:
    return parseaddr(sender)[1].rpartition("@")[2] or urlsplit(settings.BASE_URL).hostname or "localhost"


def _unsubscribe_address(draft: Draft, *, key: bytes) -> str:
    token = links.unsubscribe_token(
        links.Unsubscribe(
            delivery=draft.id, address_hash=suppression.hash_of(draft.recipient.address, channel="email")
        ),
        key=key,
    )
    return f"{settings.BASE_URL}/u/{token}"


def _tracked(url: str, *, draft: Draft, key: bytes) -> str:
    if url.startswith(f"{settings.BASE_URL}/u/"):
        return url  # a click on "unsubscribe" is no engagement, and the link must work by itself
    token = links.click_token(links.Click(delivery=draft.id, url=url), key=key)
    return f"{settings.BASE_URL}/c/{token}"


def _pixel_address(draft: Draft, *, key: bytes) -> str:
    return f"{settings.BASE_URL}/o/{links.open_token(draft.id, key=key)}"
