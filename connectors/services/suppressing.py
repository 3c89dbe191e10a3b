"""Putting addresses onto the list of those that must not be written to."""

from django.db import transaction

from connectors import suppression
from connectors.domain.consent import SCOPE_ALL
from connectors.models import Suppression


def suppress(address: str, *, channel: str, reason: str, scope: str = SCOPE_ALL) -> None:
    """Write to this address no more."""
    suppress_hash(suppression.hash_of(address, channel=channel), channel=channel, reason=reason, scope=scope)


def suppress_hash(address_hash: str, *, channel: str, reason: str, scope: str) -> None:
    """The same where only the hash of the address is known."""
    rows = [
        Suppression(address_hash=address_hash, channel=channel, reason=reason, scope=scope),
        # Shows later readers that they hold the key these hashes were made with.
        Suppression(
            address_hash=suppression.proof(),
            channel=suppression.PROOF_CHANNEL,
            reason=suppression.PROOF_CHANNEL,
            scope=SCOPE_ALL,
        ),
    ]
    with transaction.atomic():
        Suppression.objects.bulk_create(rows, ignore_conflicts=True)
