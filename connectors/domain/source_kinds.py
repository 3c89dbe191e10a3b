"""What a source can be."""

from enum import StrEnum
from typing import Final

INTERNAL_SLUG: Final = "wayfare"  # the source of the product's own messages


class SourceKind(StrEnum):
    """How messages of a source come in."""

    HTTP = "http"  # SDKs and the snippet, by write key
    CRM = "crm"  # a CRM's signed callbacks
    HUBSPOT = "hubspot"  # the webhooks of a HubSpot app
    PIPEDRIVE = "pipedrive"  # those of a Pipedrive account, version 2
    STANDARD_WEBHOOK = "standard_webhook"  # any other system that signs as Standard Webhooks say

    @property
    def is_signed(self) -> bool:
        """Whether its messages are proven by a secret instead of a write key."""
        return self is not SourceKind.HTTP
