"""From a client's message to what is stored: name, time, identities, properties.

Times follow the rule of Segment's specification: a client's clock is corrected by the difference between
its `sentAt` and our clock at receipt. Nothing here reads the database.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from profiles.domain.envelope import Envelope
from profiles.domain.exact import LazyObject, decode_json, encode_json
from profiles.domain.facts import Event, Json
from profiles.domain.identity import (
    ANONYMOUS,
    EMAIL,
    PHONE,
    USER,
    Key,
    Resolution,
    by_priority,
    normalise,
)
from profiles.domain.messages import MAX_NAME, Message, decimal_text, external_ids, instant

NAMES = {
    "page": "Page Viewed",
    "screen": "Screen Viewed",
    "identify": "Identified",
    "group": "Group Joined",
    "alias": "Aliased",
}
LIVE_WITHIN = timedelta(hours=24)  # older messages are history: they start no journey
_MOST_AHEAD = timedelta(days=1)
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_BIGGEST = Decimal(10) ** 308
_EMPTY = b"{}"


class Refused(Exception):
    """A message that can't be stored, with a machine word and a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Page(msgspec.Struct):
    path: msgspec.Raw = msgspec.Raw(b"null")


class _Consent(msgspec.Struct):
    categoryPreferences: msgspec.Raw = msgspec.Raw(b"null")


class _Context(msgspec.Struct):
    """The parts of a context that change a person."""

    timezone: msgspec.Raw = msgspec.Raw(b"null")
    locale: msgspec.Raw = msgspec.Raw(b"null")
    traits: msgspec.Raw = msgspec.Raw(b"null")
    consent: msgspec.Raw = msgspec.Raw(b"null")
    page: msgspec.Raw = msgspec.Raw(b"null")


class _Promoted(msgspec.Struct):
    revenue: msgspec.Raw = msgspec.Raw(b"null")
    path: msgspec.Raw = msgspec.Raw(b"null")


_NO_CONTEXT = _Context()
_context = msgspec.json.Decoder(_Context)
_promoted = msgspec.json.Decoder(_Promoted)
_page = msgspec.json.Decoder(_Page)
_consent = msgspec.json.Decoder(_Consent)


class Arrived(msgspec.Struct, kw_only=True):
    """One message on its way through the store. `person` and `identity_id` come with its resolution."""

    arrival: int
    received_at: datetime
    source_id: int
    is_trusted: bool
    is_historical: bool
    kind: str  # identify, track, page, screen, group, alias
    name: str
    ts: datetime
    ts_text: str  # `ts` in ISO 8601: written into two tables, made once
    message_id: str  # a uuid as text
    claims: list[Key]
    properties: bytes  # JSON object
    context: bytes  # JSON object
    alias: tuple[Key, str] | None = None
    named_person: str | None = None  # public id; trusted sources only
    traits: Mapping[str, Json] = {}
    consent: Mapping[str, bool] = {}
    time_zone: str = ""
    locale: str = ""
    revenue: bytes | None = None  # the number as the client wrote it
    path: str | None = None
    resolution: Resolution | None = None
    person: int = 0
    identity_id: int = 0
    _event: Event | None = None

    @property
    def micros(self) -> int:
        """The event time in microseconds since 1970."""
        return micros_of(self.ts)

    def event(self) -> Event:
        """Show the message as conditions see it."""
        if self._event is None:
            self._event = Event(
                name=self.name,
                ts=self.ts,
                arrival=self.arrival,
                received_at=self.received_at,
                message_id=self.message_id,
                properties=LazyObject(self.properties),
                context=LazyObject(self.context),
            )
        return self._event


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTraits:
    """What the store must know of a source."""

    id: int
    slug: str
    is_trusted: bool
    is_historical: bool


def micros_of(at: datetime) -> int:
    """Microseconds since 1970, exactly."""
    delta = at - _EARLIEST
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def read_message(
    message: Message,
    *,
    envelope: Envelope,
    source: SourceTraits,
    sent_at: datetime | None,
    received_at: datetime,
    arrival: int,
    is_historical: bool,
) -> Arrived:
    """Turn one message into what is stored.

    Args:
        sent_at: the client's clock when it sent the request; a message's own goes before it.

    Raises:
        Refused: no usable identity, no usable type or name, or a time before 1970. The door has looked
            before, but not at a message that it refused and somebody replays.
    """
    kind = envelope.type or message.type or ""
    ts = corrected_time(
        instant(message.client_time),
        sent_at=instant(message.sent_at) if message.sent_at else sent_at,
        received_at=received_at,
    )
    context = _merged_context(bytes(message.context), envelope)
    arrived = Arrived(
        arrival=arrival,
        received_at=received_at,
        source_id=source.id,
        is_trusted=source.is_trusted,
        is_historical=is_historical or source.is_historical or received_at - ts > LIVE_WITHIN,
        kind=kind,
        name=_name_of(kind, message.event),
        ts=ts,
        ts_text=ts.isoformat(),
        message_id=message_uuid(decimal_text(message.message_id), source_id=source.id, arrival=arrival),
        claims=[],
        properties=_properties_of(kind, message),
        context=context,
    )
    _read_context(arrived, context, message)
    _read_claims(arrived, message, context, source=source)
    _promote(arrived)
    return arrived


def read_stored(event: Event, *, properties: bytes, context: bytes, source_id: int) -> Arrived:
    """Make of a stored event the message it came by, as far as it says something about its person."""
    is_identify = event.name == NAMES["identify"]
    arrived = Arrived(
        arrival=event.arrival,
        received_at=event.received_at,
        source_id=source_id,
        is_trusted=False,
        is_historical=False,
        kind="identify" if is_identify else "track",
        name=event.name,
        ts=event.ts,
        ts_text="",
        message_id=event.message_id,
        claims=[],
        properties=properties,
        context=context,
        traits={key[:200]: value for key, value in decode_json(properties).items()} if is_identify else {},
    )
    arrived._event = event
    if _is_telling(context):
        told = _context.decode(context)
        arrived.time_zone = known_zone(_text(told.timezone))
        arrived.locale = _text(told.locale)[:35]
        if bytes(told.consent).startswith(b"{"):
            arrived.consent = _categories(_consent.decode(told.consent).categoryPreferences)
    return arrived


def _name_of(kind: str, event: str | None) -> str:
    if kind in NAMES:
        return NAMES[kind]
    if kind != "track":
        raise Refused("unknown_type", "type: none that messages have")
    if not event or len(event) > MAX_NAME:
        raise Refused("invalid_event", f"event: must have 1 to {MAX_NAME} characters")
    return event


def corrected_time(
    timestamp: datetime | None, *, sent_at: datetime | None, received_at: datetime
) -> datetime:
    """Correct a client's time by the error of its clock; never more than a day ahead.

    Raises:
        Refused: the corrected time lies before 1970.
    """
    if timestamp is None:
        return received_at
    try:
        ts = timestamp if sent_at is None else received_at - (sent_at - timestamp)
    except OverflowError:
        ts = timestamp
    if ts < _EARLIEST:
        raise Refused("before_1970", f"timestamp: {ts:%Y-%m-%d} lies before 1970")
    return min(ts, received_at + _MOST_AHEAD)


def message_uuid(message_id: str | None, *, source_id: int, arrival: int) -> str:
    """Give the key that repeated messages share; one without an id counts by its place in the inbox."""
    text = f"{source_id}:{message_id}" if message_id else f"inbox:{arrival}"
    digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"


@lru_cache(maxsize=2048)
def known_zone(name: str) -> str:
    """Give the zone that Python and PostgreSQL both understand, or "".

    `GMT±hhmm`, as RudderStack's browser SDK sends it, becomes a fixed offset; PostgreSQL would read it
    as hundreds of hours.
    """
    text = name.strip()
    if text[:3] == "GMT" and len(text) == 8 and text[3] in "+-" and text[4:].isdigit():
        hours, minutes = int(text[4:6]), int(text[6:])
        # POSIX signs are turned round; only whole hours have a name both know.
        if minutes == 0 and hours <= 14:
            sign = "-" if text[3] == "+" else "+"
            return f"Etc/GMT{sign}{hours}" if hours else "Etc/GMT"
        return ""
    if not text or not text[0].isalpha() or len(text) > 64:
        return ""
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        return ""
    return text if "/" in text or text == "UTC" else ""


def _merged_context(own: bytes, envelope: Envelope) -> bytes:
    shared = bytes(envelope.context)
    if not shared.startswith(b"{"):
        return own if own.startswith(b"{") else _EMPTY
    merged: dict[str, Any] = decode_json(shared)
    if own.startswith(b"{"):
        merged |= decode_json(own)
    return encode_json(merged)


def _properties_of(kind: str, message: Message) -> bytes:
    if kind == "identify":
        return _traits_bytes(message)
    own = bytes(message.properties)
    own = own if own.startswith(b"{") else _EMPTY
    if kind in ("page", "screen"):
        return _with(own, {"name": message.name, "category": message.category})
    if kind == "group":
        return _with(_EMPTY, {"groupId": message.group_id, "traits": message.traits})
    if kind == "alias":
        return _with(_EMPTY, {"userId": message.user_id, "previousId": message.previous_id})
    return own


def _with(own: bytes, extra: Mapping[str, Any]) -> bytes:
    """Put keys in front of an object's own; the object's own value of a key wins."""
    kept = {
        key: value
        for key, value in extra.items()
        if value is not None and not (isinstance(value, msgspec.Raw) and bytes(value) in (b"", b"null"))
    }
    if not kept:
        return own
    front = encode_json(kept)
    rest = own[1:].lstrip()
    return front if rest == b"}" else front[:-1] + b"," + rest


def _traits_bytes(message: Message) -> bytes:
    own = bytes(message.traits)
    return own if own.startswith(b"{") else _EMPTY


def _read_context(arrived: Arrived, raw: bytes, message: Message) -> None:
    has_page = arrived.kind in ("page", "screen") and b'"page"' in raw
    has_context = has_page or _is_telling(raw)
    context = _context.decode(raw) if has_context else _NO_CONTEXT
    if arrived.kind == "identify":
        own = _traits_bytes(message)
        traits = own if own != _EMPTY else bytes(context.traits)
        if traits.startswith(b"{"):
            arrived.traits = {key[:200]: value for key, value in decode_json(traits).items()}
            if own == _EMPTY:
                arrived.properties = traits
    if not has_context:
        return
    arrived.time_zone = known_zone(_text(context.timezone))
    arrived.locale = _text(context.locale)[:35]
    if has_page and bytes(context.page).startswith(b"{"):
        arrived.path = _text(_page.decode(context.page).path) or None
    if bytes(context.consent).startswith(b"{"):
        arrived.consent = _categories(_consent.decode(context.consent).categoryPreferences)


def _is_telling(context: bytes) -> bool:
    """Whether it is worth reading; a loop over the words would cost more than they save."""
    return (
        b'"timezone"' in context
        or b'"locale"' in context
        or b'"consent"' in context
        or b'"traits"' in context
    )


def _categories(raw: msgspec.Raw) -> dict[str, bool]:
    if not bytes(raw).startswith(b"{"):
        return {}
    return {key[:100]: value for key, value in msgspec.json.decode(raw).items() if isinstance(value, bool)}


def _read_claims(arrived: Arrived, message: Message, context: bytes, *, source: SourceTraits) -> None:
    claims: list[Key] = []
    _claim(claims, USER, message.user)
    if source.is_trusted and b'"externalId' in context:
        claims += external_ids(decode_json(context))
    if arrived.kind == "identify":
        _add(claims, EMAIL, arrived.traits.get("email"))
        _add(claims, PHONE, arrived.traits.get("phone"))
    elif b'"traits"' in context:
        _add_context_traits(claims, context)
    _claim(claims, ANONYMOUS, message.device)
    arrived.claims = by_priority(claims) if len(claims) > 1 else claims
    if source.is_trusted:
        arrived.named_person = message.person
    if arrived.kind == "alias" and claims and claims[0][0] == USER:
        previous = normalise(ANONYMOUS, decimal_text(message.previous_id))
        arrived.alias = (claims[0], previous) if previous else None
    if not claims and arrived.named_person is None:
        raise Refused("no_usable_identity", "userId, anonymousId: no identity that is not blocked")


def _add(claims: list[Key], kind: str, value: object) -> None:
    if value is None:
        return
    usable = normalise(kind, value)
    if usable is not None:
        claims.append((kind, usable))


def _add_context_traits(claims: list[Key], context: bytes) -> None:
    raw = _context.decode(context).traits
    if bytes(raw).startswith(b"{"):
        traits = msgspec.json.decode(raw)
        _add(claims, EMAIL, traits.get("email"))
        _add(claims, PHONE, traits.get("phone"))


def _claim(claims: list[Key], kind: str, value: str | None) -> None:
    if value is not None:
        claims.append((kind, value))


def _promote(arrived: Arrived) -> None:
    if b'"revenue"' not in arrived.properties and not (
        arrived.path is None and arrived.kind in ("page", "screen") and b'"path"' in arrived.properties
    ):
        return
    promoted = _promoted.decode(arrived.properties)
    raw = bytes(promoted.revenue)
    if raw[:1].isdigit() or raw[:1] == b"-":
        arrived.revenue = raw if abs(Decimal(raw.decode())) <= _BIGGEST else None
    if arrived.kind in ("page", "screen"):
        arrived.path = arrived.path or _text(promoted.path) or None


def _text(raw: msgspec.Raw) -> str:
    if not bytes(raw).startswith(b'"'):
        return ""
    return str(msgspec.json.decode(raw))
