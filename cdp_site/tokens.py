"""API tokens: how one is made, and how a request proves itself with one.

Apart from `cdp_site.api` because the framework loads this module while it loads itself.
"""

import hashlib
import secrets
from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from cdp_site.models import ApiToken

TOKEN_MARK = "wf_"  # lets secret scanners and people recognise a token
USE_NOTED_EVERY = timedelta(minutes=1)  # one write a minute and token, not one a request


def issue_token(user: User) -> str:
    """Make a token for `user` and return it; it cannot be read again."""
    token = TOKEN_MARK + secrets.token_urlsafe(32)
    ApiToken.objects.create(user=user, prefix=token[:8], key_hash=hash_of(token), created_at=timezone.now())
    return token


def hash_of(token: str) -> str:
    """What is stored of a token: it is random enough that a plain hash keeps it secret."""
    return hashlib.sha256(token.encode()).hexdigest()


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """Return who calls; None without the header.

        Raises:
            AuthenticationFailed: the header is unreadable, the token unknown or its user inactive.
        """
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        if len(words) != 2:
            raise exceptions.AuthenticationFailed("The header must read: Authorization: Bearer <token>.")
        token = _token_of(words[1].decode("latin-1"))
        _note_use(token)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="wayfare"'


def _token_of(text: str) -> ApiToken:
    token = ApiToken.objects.select_related("user").filter(key_hash=hash_of(text)).first()
    if token is None or not token.user.is_active:
        raise exceptions.AuthenticationFailed("This token is not known or no longer valid.")
    return token


def _note_use(token: ApiToken) -> None:
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at > USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
