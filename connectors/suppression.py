"""The hash that stands for a suppressed address: it outlives the person without naming anybody.

The key is made once per installation and kept in the data directory, apart from SECRET_KEY, which may
change. Without the key nobody can tell who must not be written to: it belongs into every backup.
"""

from functools import lru_cache
from pathlib import Path

from django.conf import settings

from cdp_site.secrets_file import secret_key
from connectors.domain.addresses import address_hash

# A row under this channel shows that the hashes in the table are of the key at hand.
PROOF_CHANNEL = "proof of key"


def hash_of(address: str, *, channel: str) -> str:
    """Return what `address` is suppressed under."""
    return address_hash(address, channel=channel, key=_key(settings.WAYFARE_DATA))


def proof() -> str:
    """A hash that only the key at hand makes."""
    return hash_of("", channel=PROOF_CHANNEL)


@lru_cache(maxsize=4)
def _key(data_dir: Path) -> bytes:
    return secret_key(data_dir, name="suppression_key").encode()
