"""One HTTP call of the ingest API: where its key is, how it is unpacked, and what it holds.

Follows what Segment's, RudderStack's and Jitsu's clients really send: JSON under any content type, gzip
with or without the header that says so, the key in one of four places, `null` for absent.
"""

import base64
import binascii
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from connectors.domain.depth import without_deep_messages
from profiles.domain.messages import ABSENT, MAX_BYTES, TYPES, mend

MAX_WIRE: Final = 5 * 2**20
MAX_UNPACKED: Final = 10 * 2**20
MAX_MESSAGES: Final = 50_000  # more would make the list of refusals a burden of its own

# Path below the host -> the type of its single message; None: a batch.
CALLS: Final[Mapping[str, str | None]] = {
    **{f"v1/{name}": name for name in sorted(TYPES)},
    "v1/i": "identify",
    "v1/t": "track",
    "v1/p": "page",
    "v1/s": "screen",
    "v1/g": "group",
    "v1/a": "alias",
    "v1/b": None,
    "v1/batch": None,
    "v1/import": None,
    "beacon/v1/batch": None,
}
HISTORICAL: Final = "v1/import"


class CallRefused(Exception):
    """The whole call is refused: what the client is told."""

    def __init__(
        self, status: HTTPStatus, code: str, message: str, *, retry_after: int | None = None
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call whose body could be read; its messages not yet."""

    messages: list[msgspec.Raw]
    write_key: str | None = None
    sent_at: str | None = None
    context: bytes = b"null"  # of the batch


class _Single(msgspec.Struct, rename="camel"):
    write_key: Any = None


class _Batch(msgspec.Struct, rename="camel"):
    batch: list[msgspec.Raw]
    write_key: Any = None
    sent_at: Any = None
    context: msgspec.Raw = ABSENT


_single_decoder = msgspec.json.Decoder(_Single)
_batch_decoder = msgspec.json.Decoder(_Batch)
_object_decoder = msgspec.json.Decoder(dict[str, Any] | None)


def key_in_head(*, authorization: str, header: str, query: str) -> str | None:
    """Find the write key outside the body: Basic user name, then `X-Write-Key`, then `?writeKey=`.

    Jitsu's clients send `key:secret`; what follows the colon is of no use to us.
    """
    named = _basic_user(authorization) or header.split(":", 1)[0].strip()
    if named or "writeKey" not in query:
        return named or None
    return parse_qs(query, max_num_fields=50).get("writeKey", [""])[0].strip() or None


def unpack(data: bytes, *, encoding: str) -> bytes:
    """Undo gzip, never beyond the limit whatever the bytes claim.

    Raises:
        CallRefused: unknown encoding, broken stream, or more than the limit.
    """
    name = encoding.strip().lower()
    if data[:2] == b"\x1f\x8b":  # some clients gzip and do not say so; no JSON starts like this
        return _gunzip(data)
    if name not in ("", "identity", "gzip", "x-gzip"):  # a gzip that a proxy undid keeps its header
        raise CallRefused(
            HTTPStatus.BAD_REQUEST, "unsupported_encoding", "The body must be plain or packed with gzip."
        )
    return data


def read_call(body: bytes, *, kind: str | None) -> Call:
    """Read the frame of a call; its messages stay text.

    Args:
        body: unpacked, not longer than `MAX_UNPACKED`.
        kind: the type that the path names; None for a batch.

    Raises:
        CallRefused: it is no JSON object, or a batch without a list of messages.
    """
    if len(body) > MAX_UNPACKED:
        raise _too_large("unpacked", MAX_UNPACKED)
    body = mend(body)
    try:
        return _read_single(body) if kind is not None else _read_batch(body)
    except msgspec.DecodeError as error:
        raise CallRefused(HTTPStatus.BAD_REQUEST, "unreadable", f"{error}.") from None
    except RecursionError:
        raise CallRefused(HTTPStatus.BAD_REQUEST, "unreadable", "The body is nested too deeply.") from None


def _read_single(body: bytes) -> Call:
    frame = _single_decoder.decode(body)
    return Call(messages=[msgspec.Raw(body.strip())], write_key=_text(frame.write_key))


def _read_batch(body: bytes) -> Call:
    try:
        frame = _batch_decoder.decode(body)
    except RecursionError:
        frame = _batch_decoder.decode(without_deep_messages(body))
    if len(frame.batch) > MAX_MESSAGES:
        raise CallRefused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "too_many_messages",
            f"A batch has at most {MAX_MESSAGES} messages.",
        )
    if len(frame.context) > MAX_BYTES:
        raise _too_large("of the batch's context", MAX_BYTES)
    _object_decoder.decode(frame.context)
    return Call(
        messages=frame.batch,
        write_key=_text(frame.write_key),
        sent_at=_time_text(frame.sent_at),
        context=bytes(frame.context),
    )


def _basic_user(authorization: str) -> str:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        pair = base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        return ""
    return pair.decode(errors="replace").partition(":")[0].strip()


def _gunzip(data: bytes) -> bytes:
    unpacked = bytearray()
    while data:  # a gzip file may have several members
        unzip = zlib.decompressobj(wbits=31)
        try:
            unpacked += unzip.decompress(data, MAX_UNPACKED + 1 - len(unpacked))
        except zlib.error:
            raise _broken_gzip() from None
        if len(unpacked) > MAX_UNPACKED:
            raise _too_large("unpacked", MAX_UNPACKED)
        if not unzip.eof:
            raise _broken_gzip()
        data = unzip.unused_data.lstrip(b"\0")  # padding is allowed
    return bytes(unpacked)


def _broken_gzip() -> CallRefused:
    return CallRefused(HTTPStatus.BAD_REQUEST, "unreadable", "The gzip stream is broken or cut short.")


def _too_large(what: str, limit: int) -> CallRefused:
    return CallRefused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"The limit {what} is {limit} bytes."
    )


def _text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _time_text(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value)[:64]
