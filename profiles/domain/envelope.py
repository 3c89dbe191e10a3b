"""The body of an inbox row: messages of one request that share a lane, with what the request said of all.

JSON text, built by joining bytes: each message is the client's own text, never encoded again. The same
form holds one message in a dead letter, so that replaying it is putting it back into the inbox.
"""

from collections.abc import Iterable

import msgspec

from profiles.domain.messages import ABSENT


class Envelope(msgspec.Struct, rename="camel", kw_only=True):
    """An opened envelope."""

    sent_at: str | None = None  # of the request; a message's own goes before it
    type: str | None = None  # of a call that names it in its path; stands above the message's own
    context: msgspec.Raw = ABSENT  # of the batch; each message's own keys go before it
    ip: str | None = None  # the client's address, for browser sources only
    messages: list[msgspec.Raw]


_decoder = msgspec.json.Decoder(Envelope)


def seal_envelope(
    messages: Iterable[bytes | msgspec.Raw],
    *,
    sent_at: str | None = None,
    kind: str | None = None,
    context: bytes = b"null",
    ip: str | None = None,
) -> bytes:
    """Put messages, each a JSON value as text, into one envelope."""
    head = msgspec.json.encode({"sentAt": sent_at, "type": kind, "ip": ip})
    parts = (head[:-1], b',"context":', context, b',"messages":[', b",".join(messages), b"]}")
    return b"".join(parts)


def open_envelope(body: bytes) -> Envelope:
    """Read what `seal_envelope` wrote."""
    return _decoder.decode(body)
