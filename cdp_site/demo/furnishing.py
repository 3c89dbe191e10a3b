"""What the demo's empty database is furnished with: people of the company, and the story's content."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.utils import timezone

from cdp_site.loading import load_document
from cdp_site.tokens import issue_token
from cdp_site.web import Role
from connectors.models import Source

CONTENT: Final = Path(__file__).parent / "content" / "story.json"
ACTOR: Final = "command:demo"
_BROWSER, _BACKEND = "shop-website", "shop-backend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What opens the product's doors."""

    passwords: Mapping[str, str]  # user name -> password
    token: str  # of the management API
    browser: str  # write key of the shop's website, a public source
    backend: str  # write key of the shop's own servers


def furnish(*, values: Mapping[str, str]) -> Keys:
    """Make tables, log-ins and content.

    Args:
        values: what the content's `${NAME}` stand for.
    """
    call_command("migrate", interactive=False, verbosity=0)
    passwords = {role.value: _log_in(role) for role in Role}
    load_document(
        json.loads(CONTENT.read_text()),
        folder=CONTENT.parent,
        values=values,
        actor=ACTOR,
        now=timezone.now(),
    )
    write_keys = dict(Source.objects.values_list("slug", "write_key"))
    return Keys(
        passwords=passwords,
        token=issue_token(User.objects.get(username=Role.ADMIN.value)),
        browser=write_keys[_BROWSER],
        backend=write_keys[_BACKEND],
    )


def _log_in(role: Role) -> str:
    password = secrets.token_urlsafe(9)
    user = User.objects.create_user(role.value, password=password)
    user.groups.add(Group.objects.get_or_create(name=role.value)[0])
    return password
