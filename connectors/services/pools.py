"""Open channels, kept from one call to the next."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from connectors import vault
from connectors.domain.message import Channel, ChannelKind
from connectors.models import Connection


class ChannelPool:
    """Open channels of one connection; each is used by one thread at a time."""

    def __init__(self, open_one: Callable[[], Channel]) -> None:
        self._open_one = open_one
        self._idle: list[Channel] = []

    @contextmanager
    def channel(self) -> Iterator[Channel]:
        """Lend a channel. After a failure it is closed: nobody knows the state of its connection."""
        try:
            channel = self._idle.pop()
        except IndexError:
            channel = self._open_one()
        try:
            yield channel
        except BaseException:
            channel.close()
            raise
        self._idle.append(channel)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


class Pools:
    """The pools of one sender, by channel and connection."""

    def __init__(self) -> None:
        self._pools: dict[tuple[str, int | None], ChannelPool] = {}

    def of(self, kind: ChannelKind, connection: Connection | None) -> ChannelPool:
        """The pool of a connection.

        Its channels raise vault.SealBroken when they are opened and the secret cannot be read.
        """
        key = (kind.name, connection.pk if connection else None)
        if key not in self._pools:
            self._pools[key] = ChannelPool(lambda: open_channel(kind, connection))
        return self._pools[key]

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()


def open_channel(kind: ChannelKind, connection: Connection | None) -> Channel:
    """Open a channel for a connection, or for what the installation itself has.

    Raises:
        SealBroken: the connection's secret cannot be read.
    """
    if connection is None:
        return kind.open({}, "")
    return kind.open({**connection.settings, "system": connection.slug}, vault.unseal(connection.secret))
