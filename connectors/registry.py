"""Which channels there are: one line each."""

from collections.abc import Mapping
from types import MappingProxyType

from connectors.channels.crm import CRM
from connectors.channels.email import EMAIL
from connectors.channels.vendors.hubspot import HUBSPOT
from connectors.channels.vendors.pipedrive import PIPEDRIVE
from connectors.channels.vendors.salesforce import SALESFORCE
from connectors.channels.webhook import WEBHOOK
from connectors.domain.message import ChannelKind

CHANNELS: Mapping[str, ChannelKind] = MappingProxyType(
    {kind.name: kind for kind in (EMAIL, WEBHOOK, CRM, HUBSPOT, SALESFORCE, PIPEDRIVE)}
)


def writes_to(channel: str) -> str:
    """The kind of address that a channel writes to; "" for one that talks to systems."""
    return CHANNELS[channel].writes_to
