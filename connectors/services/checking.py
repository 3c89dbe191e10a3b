"""Asking a connection's system whether it would take messages, and what fields its contacts have."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.utils.translation import gettext

from connectors import vault
from connectors.channels.vendors.channel import VendorChannel
from connectors.domain.message import Channel, CheckedChannel, DeliveryError, Fault
from connectors.domain.vendor import VendorField
from connectors.models import Connection
from connectors.registry import CHANNELS
from connectors.services.pools import open_channel


def check_connection(connection: Connection) -> list[str]:
    """Try a connection; give what its system lacks, in sentences.

    Raises:
        DeliveryError: it does not answer, or not to us.
    """
    with _opened(connection) as channel:
        if isinstance(channel, CheckedChannel):
            return channel.check()
    return [gettext("There is nothing to try for a connection of this kind.")]


def contact_fields(connection: Connection) -> list[VendorField]:
    """Name the fields that contacts have there; none where the system cannot tell.

    Raises:
        DeliveryError: it does not answer, or not to us.
    """
    with _opened(connection) as channel:
        return channel.contact_fields() if isinstance(channel, VendorChannel) else []


@contextmanager
def _opened(connection: Connection) -> Iterator[Channel]:
    try:
        channel = open_channel(CHANNELS[connection.kind], connection)
    except vault.SealBroken as error:
        reason = gettext("The secret of the connection cannot be read: SECRET_KEY has changed.")
        raise DeliveryError(reason, permanent=False, fault=Fault.DESTINATION) from error
    try:
        yield channel
    finally:
        channel.close()
