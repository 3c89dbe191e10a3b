"""Secrets of connections and sources at rest: readable only with this installation's SECRET_KEY.

The database, its backups and exports hold sealed text; nothing ever shows an unsealed secret again.
"""

import base64
from collections.abc import Iterable

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

SEALED_SECRETS = b"wayfare: secrets of connections and sources"
MAIL_LINKS = b"wayfare: links in mails"


class SealBroken(Exception):
    """A sealed secret was made with a SECRET_KEY that is no longer known here."""


def seal(secret: str) -> str:
    """Encrypt `secret` for storing; "" stays ""."""
    return _fernet().encrypt(secret.encode()).decode() if secret else ""


def unseal(sealed: str) -> str:
    """Read a stored secret.

    Raises:
        SealBroken: it was sealed under another key.
    """
    if not sealed:
        return ""
    try:
        return _fernet().decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise SealBroken from error


def keys_for(purpose: bytes) -> list[bytes]:
    """The keys of one purpose, the present one first; older ones only read what they once signed."""
    return [_derive(secret, purpose=purpose) for secret in _secrets()]


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys_for(SEALED_SECRETS)])


def _secrets() -> Iterable[str]:
    return [settings.SECRET_KEY, *map(str, settings.SECRET_KEY_FALLBACKS)]


def _derive(secret: str, *, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(secret.encode())
