"""What is queued, what a channel is given, what it gives back, and how it fails.

A channel turns a `Draft` into content once (`prepare`); each attempt then sends the same content
(`send`) under the same id. It returns a `Receipt` or raises `DeliveryError`, nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

from connectors.domain.setting import Setting

SupportsText = Any  # a text, or one that is translated when it is shown
Json = Any  # None, bool, int, float, str, list, dict as JSON gives them


class MessageClass(StrEnum):
    """Why somebody is written to; decides what consent it takes."""

    MARKETING = "marketing"  # needs consent
    SERVICE = "service"  # about something they have or did
    TRANSACTIONAL = "transactional"  # they wait for it: a receipt, a password


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """A message that was decided, to be queued with the decision."""

    key: str  # run:step:visit; queued once, however often it is decided
    person_id: int
    channel: str  # a key of connectors.registry
    decided_at: datetime
    journey_id: int | None = None
    run_id: int | None = None
    step: str = ""
    connection: str = ""  # slug
    action: str = ""
    template: str = ""  # slug
    message_class: str = MessageClass.SERVICE.value
    fields: Mapping[str, Json] = field(default_factory=dict)
    context: Mapping[str, Json] = field(default_factory=dict)  # variables of templates: event, journey, run


class Fault(StrEnum):
    """Where a failure lies, which decides who suffers from it."""

    MESSAGE = "message"  # this one; the destination is alive
    ADDRESS = "address"  # the address does not exist: it bounced
    DESTINATION = "destination"  # it is down, slow or refuses us: everything for it waits
    GONE = "gone"  # it asks for no further message, ever
    UNKNOWN = "unknown"  # no answer: it may or may not have taken the message


class DeliveryError(Exception):
    """An attempt failed.

    `reason` is a sentence for people and names no person; `permanent`: another attempt would fail too.
    """

    def __init__(
        self,
        reason: str,
        *,
        permanent: bool,
        fault: Fault = Fault.MESSAGE,
        retry_after: timedelta | None = None,
        response: Mapping[str, Json] | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
        self.fault = fault
        self.retry_after = retry_after  # what the destination asked for
        self.response = response or {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Whom a delivery is for, as other systems may know them."""

    id: UUID  # the public person id
    address: str  # of the channel that writes to people; "" where none is known
    identities: Mapping[str, str] = field(default_factory=dict)  # kind -> value, the newest of each kind


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSource:
    """The templates a mail is made from."""

    subject: str = ""
    body: str = ""
    preheader: str = ""  # what mail programs show beside the subject
    sender: str = ""  # "" for the connection's
    reply_to: str = ""
    layout: str = ""  # the name of the part that the body stands in
    parts: Mapping[str, str] = field(default_factory=dict)  # layout and blocks by name
    version: int = 0  # of the template; 0 where there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeMail:
    """A mail that was filled in."""

    subject: str
    preheader: str
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """All that content is made from."""

    id: UUID  # of the delivery
    recipient: Recipient
    action: str  # create_deal and the like; "" where a channel knows one only
    message_class: MessageClass
    mail: MailSource  # templates; empty where a channel uses `fields` alone
    fields: Mapping[str, Json]  # templates by name; values that are not text stay as they are
    variables: Mapping[str, Json]  # person, event, journey, run, now and what else templates may read
    origin: Mapping[str, Json]  # journey, run and step, for the receiving system's own records
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One attempt of one delivery."""

    id: UUID  # the delivery's, the same in each attempt: the idempotency key
    attempt: int  # 1 is the first
    at: datetime  # of this attempt
    content: Mapping[str, Json]  # as prepared, the same in each attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The destination took it."""

    external_id: str = ""  # what the other system calls the thing we made
    via: str = ""  # "outbox page" where nothing left the house
    response: Mapping[str, Json] = field(default_factory=dict)


class Renderer(Protocol):
    """Fills templates in. Raises DeliveryError (permanent) for one that cannot be filled."""

    def mail(self, source: MailSource, *, variables: Mapping[str, Json]) -> MadeMail:
        """Return the subject and preheader as plain text and the body as HTML."""

    def fields(self, fields: Mapping[str, Json], *, variables: Mapping[str, Json]) -> dict[str, Json]:
        """Return the fields filled in; a field that is one expression keeps the type of its value."""


class Channel(Protocol):
    """One way out, opened for one connection. Used by one thread at a time."""

    def prepare(self, draft: Draft, *, render: Renderer) -> dict[str, Json]:
        """Make the content: JSON, stored with the delivery, free of secrets."""

    def request_of(self, message: Message) -> dict[str, Json]:
        """Describe the call for the record, secrets masked."""

    def send(self, message: Message, *, hand_over: Callable[[], None]) -> Receipt:
        """Make the call, bounded in time.

        Args:
            hand_over: called just before the destination can take the message. A process that dies
                earlier has certainly not sent it.
        """

    def close(self) -> None:
        """Let go of connections."""


@runtime_checkable
class BatchChannel(Protocol):
    """A channel that can send several messages of one action in one call."""

    def send_many(
        self, messages: Sequence[Message], *, hand_over: Callable[[], None]
    ) -> list[Receipt | DeliveryError]:
        """Send, and say of each message what became of it, in their order."""


@runtime_checkable
class CheckedChannel(Protocol):
    """A channel that can find out whether its destination would take messages."""

    def check(self) -> list[str]:
        """Try it, changing nothing there; say in sentences what is lacking.

        Raises:
            DeliveryError: it does not answer, or not to us.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelKind:
    """One line of the registry: what is known of a channel before it is opened."""

    name: str
    label: SupportsText  # lazily translated
    writes_to: str  # the kind of address that consent and suppression ask about; "" for systems
    is_repeatable: bool  # the destination recognises a repeated id: an unknown outcome may be retried
    needs_connection: bool
    sent_event: str  # enters the person's history with each delivery that was sent
    secret: str  # the key among the settings that is kept sealed; "" for none
    new_secret: Callable[[], str] | None  # makes one where none is given; None: it comes from the other side
    actions: tuple[str, ...]  # what it can be asked to do; () where there is one thing only
    read_settings: Callable[[Mapping[str, Json]], dict[str, Json]]  # raises SettingsError
    open: Callable[[Mapping[str, Json], str], Channel]  # settings, secret
    asks: tuple[Setting, ...] = ()  # what the form of a connection asks
    more_secrets: tuple[str, ...] = ()  # further keys that are kept sealed, all together as one JSON object
    batches: Mapping[str, int] = field(default_factory=dict)  # action -> how many one call takes, if several
