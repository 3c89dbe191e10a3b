"""One inbound message: how it is read, and what makes the door refuse it.

A message is read twice: at the door, in full, so that nothing unreadable gets in (`Gate`), and again in
the drain, which takes properties, traits and context as the client's own bytes (`decode`). Fields the
product does not know are ignored, `null` stands for absent, and a number as an id is its decimal text.

Text that PostgreSQL cannot hold (U+0000, lone surrogates) is replaced by U+FFFD before anything is read.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import msgspec
import re2

from profiles.domain import identity

TYPES: Final = frozenset({"identify", "track", "page", "screen", "group", "alias"})
MAX_BYTES: Final = 32 * 1024  # one message as it came
MAX_MESSAGE_ID: Final = 100
MAX_KIND: Final = 40  # what an identity's kind holds
MAX_NAME: Final = 200  # what the dictionary of event names holds

ABSENT: Final = msgspec.Raw(b"null")

Scalar = str | int | float | None
Object = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a message is refused. Carries field names and limits, never the client's values."""

    code: str
    message: str


class Head(msgspec.Struct, rename="camel", kw_only=True):
    """What both readers share."""

    type: str | None = None
    message_id: str | int | None = None
    user_id: Scalar = None
    anonymous_id: Scalar = None
    previous_id: Scalar = None
    group_id: Scalar = None
    event: str | None = None
    name: str | None = None
    category: str | None = None
    timestamp: Scalar = None
    original_timestamp: Scalar = None
    sent_at: Scalar = None
    person: str | None = msgspec.field(name="_person", default=None)  # public id; our own messages only

    @property
    def user(self) -> str | None:
        """The customer's id; None when it identifies nobody."""
        return _usable(identity.USER, self.user_id)

    @property
    def device(self) -> str | None:
        """The anonymous id; None when it identifies nobody."""
        return _usable(identity.ANONYMOUS, self.anonymous_id)

    @property
    def client_time(self) -> Scalar:
        """When it happened by the client's clock. RudderStack's clients say `originalTimestamp`."""
        return self.original_timestamp if self.timestamp is None else self.timestamp


class Message(Head, kw_only=True):
    """A message in the drain: objects stay the bytes that the client sent."""

    properties: msgspec.Raw = ABSENT
    traits: msgspec.Raw = ABSENT
    context: msgspec.Raw = ABSENT


class Reading(Head, kw_only=True):
    """A message at the door: read in full, so that a number out of range is found here."""

    properties: Object | None = None
    traits: Object | None = None
    context: Object | None = None


_message_decoder = msgspec.json.Decoder(Message)
_reading_decoder = msgspec.json.Decoder(Reading)


def decode(raw: bytes | msgspec.Raw) -> Message:
    """Read a message that passed the door."""
    return _message_decoder.decode(raw)


@dataclass(slots=True, kw_only=True)
class Gate:
    """Checks the messages of one request.

    Args:
        kind: the type that the path names; None in a batch, where each message names its own.
        under: the batch's context; a message's own keys go before it.
        is_server: the source is the company's own back end, which may name people by other ids.
        is_internal: the messages are our own, which may name a person outright and be of any size.
    """

    kind: str | None = None
    under: Object | None = None
    is_server: bool = False
    is_internal: bool = False

    def admit(self, raw: bytes | msgspec.Raw) -> str | Fault:
        """Read and check one message, JSON text that is already mended.

        Returns:
            The visitor's key, whose messages keep their order, or the first reason to refuse the message.
        """
        if len(raw) > MAX_BYTES and not self.is_internal:
            return _too_large(len(raw))
        try:
            message = _reading_decoder.decode(raw)
        except msgspec.DecodeError as error:
            return _unreadable(str(error))
        except RecursionError:
            return Fault(code="invalid_message", message="The message is nested too deeply.")
        if self.kind is not None:
            message.type = self.kind
        if self.under:
            message.context = self.under | (message.context or {})
        return self._check(message)

    def _check(self, message: Reading) -> str | Fault:
        key = message.device or message.user
        if key is None or message.person is not None:
            named = self._other_key(message, key)
            if isinstance(named, Fault):
                return named
            key = named
        if message.type == "track":
            if not message.event or len(message.event) > MAX_NAME:
                return _event_fault(message.event)
        elif message.type != "page" and (fault := _check_type(message)):
            return fault
        if not (_is_instant(message.timestamp) and _is_instant(message.original_timestamp)):
            return _BAD_TIME
        if isinstance(message.message_id, str) and len(message.message_id) > MAX_MESSAGE_ID:
            return _LONG_MESSAGE_ID
        return key

    def _other_key(self, message: Reading, key: str | None) -> str | Fault:
        if message.person is not None and not self.is_internal:
            return _PERSON_REFUSED
        if key is None and (self.is_server or self.is_internal):
            external = external_ids(message.context)
            key = external[0][1] if external else None
        return key or message.person or _NOBODY


def external_ids(context: Object | None) -> list[tuple[str, str]]:
    """List the usable (kind, value) pairs of `context.externalIds`; RudderStack says `externalId`."""
    if not context:
        return []
    items = context.get("externalIds") or context.get("externalId")
    found = []
    for item in items if isinstance(items, list) else ():
        pair = _external_id(item) if isinstance(item, dict) else None
        if pair is not None:
            found.append(pair)
    return found


def instant(value: Scalar) -> datetime | None:
    """Read a client's time: ISO 8601 (UTC where no zone is given) or epoch seconds or milliseconds.

    Returns:
        An aware UTC instant; None where the value cannot be read as one.
    """
    try:
        if isinstance(value, str):
            if value[4:5] == "-":  # the usual case
                return _utc(datetime.fromisoformat(value))
            text = value.strip()
            if not _EPOCH.fullmatch(text):
                return _utc(datetime.fromisoformat(text))
            value = float(text)
        if value is None or isinstance(value, bool):
            return None
        return _from_epoch(value)
    except (ValueError, OverflowError):
        return None


def decimal_text(value: Scalar) -> str | None:
    """Write an id as text; a number without a fraction has no decimal point."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return None if value is None else str(value)


def mend(body: bytes) -> bytes:
    """Replace what PostgreSQL cannot hold as text; almost always the same bytes come back.

    Covers escapes of U+0000 and of lone surrogates, and bytes that are no UTF-8.
    """
    try:
        body.decode()
    except UnicodeDecodeError:
        body = body.decode(errors="replace").encode()
    body = body.removeprefix(b"\xef\xbb\xbf")
    return _ESCAPES.sub(_mend_escape, body) if _SUSPECT.search(body) else body


# re2 finds this in a tenth of the time that `re` takes; it runs over every body.
_SUSPECT = re2.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
# Every escape is matched, so that an escaped backslash before "u0000" is not taken for one.
_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.", re.DOTALL
)
_EPOCH = re.compile(r"-?[0-9]{9,17}(\.[0-9]{1,9})?")  # eight digits are a date
_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS_FROM = 100_000_000_000  # as seconds this would be the year 5138

_PATH = re.compile(r" - at `\$\.?(\w*)")
_CODES = {
    "type": "unknown_type",
    "messageId": "invalid_message_id",
    "timestamp": "invalid_timestamp",
    "originalTimestamp": "invalid_timestamp",
    "sentAt": "invalid_timestamp",
    "event": "invalid_event",
    "userId": "invalid_id",
    "anonymousId": "invalid_id",
    "previousId": "invalid_id",
    "groupId": "invalid_id",
    "properties": "invalid_properties",
    "traits": "invalid_traits",
    "context": "invalid_context",
}


def _mend_escape(match: re.Match[bytes]) -> bytes:
    text = match[0]
    is_lone = len(text) == 6 and text[2:3] in b"dD" and text[3:4] in b"89abcdefABCDEF"
    return b"\\ufffd" if is_lone or text == b"\\u0000" else text


# A batch names the same few people over and over, and each is asked for twice.
@lru_cache(maxsize=4096, typed=True)
def _usable(kind: str, value: Scalar) -> str | None:
    if isinstance(value, float):
        value = decimal_text(value)
    return None if value is None else identity.normalise(kind, value)


def _external_id(item: Object) -> tuple[str, str] | None:
    kind, value = item.get("type"), item.get("id")
    if not isinstance(kind, str) or not 0 < len(kind) <= MAX_KIND or not isinstance(value, str | int | float):
        return None
    usable = _usable(kind, value) if item.get("collection", "users") == "users" else None
    return None if usable is None else (kind, usable)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _from_epoch(number: float) -> datetime:
    seconds = number / 1000 if abs(number) >= _MILLISECONDS_FROM else number
    return _EPOCH_START + timedelta(seconds=seconds)


def _unreadable(error: str) -> Fault:
    found = _PATH.search(error)
    code = _CODES.get(found[1] if found else "", "invalid_message")
    return Fault(code=code, message=f"{error}.")


_NOBODY = Fault(code="no_user_anon_id", message="The message needs a usable userId or anonymousId.")
_PERSON_REFUSED = Fault(code="person_refused", message="A client cannot name a person by `_person`.")
_BAD_TIME = Fault(code="invalid_timestamp", message="The timestamp is neither ISO 8601 nor an epoch time.")
_LONG_MESSAGE_ID = Fault(
    code="invalid_message_id", message=f"A messageId has at most {MAX_MESSAGE_ID} characters."
)


def _too_large(size: int) -> Fault:
    return Fault(
        code="event_too_large", message=f"A message has at most {MAX_BYTES} bytes; this one has {size}."
    )


def _is_instant(value: Scalar) -> bool:
    return value is None or instant(value) is not None


def _check_type(message: Reading) -> Fault | None:
    if not message.type:
        return Fault(code="missing_type", message="The message has no type.")
    if message.type not in TYPES:
        return Fault(code="unknown_type", message=f"The type must be one of {', '.join(sorted(TYPES))}.")
    if message.type == "alias" and not decimal_text(message.previous_id):
        return Fault(code="missing_previous_id", message="An alias message needs a previousId.")
    if message.type == "group" and not decimal_text(message.group_id):
        return Fault(code="missing_group_id", message="A group message needs a groupId.")
    return None


def _event_fault(event: str | None) -> Fault:
    if not event:
        return Fault(code="missing_event", message="A track message needs the name of the event.")
    return Fault(code="invalid_event", message=f"An event's name has at most {MAX_NAME} characters.")
