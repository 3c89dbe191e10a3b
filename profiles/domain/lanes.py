"""Messages of one request, checked and sorted into lanes, so that one visitor's stay in order."""

import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from profiles.domain.envelope import seal_envelope
from profiles.domain.messages import Fault, Gate

LANES: Final = 8  # live ones; as many historical lanes follow them

_object_decoder = msgspec.json.Decoder(dict[str, Any] | None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What a request says of all its messages."""

    kind: str | None = None  # the type, where the path names it
    sent_at: str | None = None
    context: bytes = b"null"  # JSON object or null; each message's own keys go before it
    ip: str | None = None
    is_server: bool = False  # may name people by other ids than the two of the specification
    is_internal: bool = False  # written by us: may name a person outright and be of any size
    is_historical: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A message to be kept aside."""

    index: int
    fault: Fault
    body: bytes  # an envelope with it alone
    lane: int = 0  # where a replay puts it


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """Where the messages of a request go."""

    lanes: dict[int, bytes] = field(default_factory=dict)  # lane -> envelope
    rejected: list[Rejected] = field(default_factory=list)


def sort_messages(raws: Iterable[msgspec.Raw], *, frame: Frame) -> Sorted:
    """Check each message and put it into the lane of its visitor; a bad one costs the others nothing."""
    admit = Gate(
        kind=frame.kind,
        under=_object_decoder.decode(frame.context),
        is_server=frame.is_server,
        is_internal=frame.is_internal,
    ).admit
    found: dict[int, list[msgspec.Raw]] = defaultdict(list)
    lane_of_key: dict[str, list[msgspec.Raw]] = {}
    result = Sorted()
    for index, raw in enumerate(raws):
        key = admit(raw)
        if isinstance(key, Fault):
            # Nobody can be named by it for sure: the first lane of its class.
            first = LANES if frame.is_historical else 0
            result.rejected.append(
                Rejected(index=index, fault=key, body=_seal([raw], frame=frame), lane=first)
            )
            continue
        lane = lane_of_key.get(key)
        if lane is None:
            lane = lane_of_key[key] = found[lane_of(key, is_historical=frame.is_historical)]
        lane.append(raw)
    for number in sorted(found):
        result.lanes[number] = _seal(found[number], frame=frame)
    return result


def lane_of(key: str, *, is_historical: bool) -> int:
    """Name the lane of a visitor's key."""
    lane = zlib.crc32(key.encode()) % LANES
    return lane + LANES if is_historical else lane


def _seal(raws: Iterable[msgspec.Raw], *, frame: Frame) -> bytes:
    return seal_envelope(raws, sent_at=frame.sent_at, kind=frame.kind, context=frame.context, ip=frame.ip)
