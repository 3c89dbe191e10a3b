"""A channel in memory, for tests of the sender. It keeps the contract of the real ones."""

import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from connectors.domain.message import (
    Channel,
    ChannelKind,
    DeliveryError,
    Draft,
    Json,
    Message,
    Receipt,
    Renderer,
)


class FakeChannel:
    """Takes everything, unless told to fail."""

    def __init__(self, settings: Mapping[str, Json], secret: str) -> None:
        self.sent: list[bytes] = []
        self.messages: list[Message] = []
        self._failures: deque[DeliveryError] = deque()

    def fail(self, error: DeliveryError) -> None:
        """Let the next call fail."""
        self._failures.append(error)

    def prepare(self, draft: Draft, *, render: Renderer) -> dict[str, Json]:
        return {
            "to": draft.recipient.address,
            "fields": render.fields(draft.fields, variables=draft.variables),
        }

    def request_of(self, message: Message) -> dict[str, Json]:
        return {"to": message.content["to"]}

    def send(self, message: Message, *, hand_over: Callable[[], None]) -> Receipt:
        hand_over()
        if self._failures:
            raise self._failures.popleft()
        self.sent.append(json.dumps(message.content, sort_keys=True).encode())
        self.messages.append(message)
        return Receipt(external_id=f"fake-{len(self.sent)}")

    def close(self) -> None:
        """Nothing is open."""


def no_settings(raw: Mapping[str, Json]) -> dict[str, Json]:
    return {}


def kind_of(channel: Channel, **changes: Any) -> ChannelKind:
    """A line of the registry that always opens `channel`."""
    fields: dict[str, Any] = {
        "name": "fake",
        "label": "Fake",
        "writes_to": "",
        "is_repeatable": True,
        "needs_connection": False,
        "sent_event": "Fake Sent",
        "secret": "",
        "new_secret": None,
        "actions": (),
        "read_settings": no_settings,
        "open": lambda settings, secret: channel,
    }
    return ChannelKind(**{**fields, **changes})


FAKE = kind_of(FakeChannel({}, ""))
