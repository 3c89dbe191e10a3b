from typing import Any

from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction
from django.utils.translation import gettext as _

from cdp_site import audit
from cdp_site.api import issue_token
from cdp_site.web import Role, roles_of


class Command(BaseCommand):
    help = "Print a new API token of USER, making the user if there is none. Nothing else is printed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", metavar="USER")
        parser.add_argument(
            "--role", choices=list(Role), help="what the user may do, besides what they may already"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        role: str | None = options["role"]
        with transaction.atomic():
            user, is_new = User.objects.get_or_create(username=options["user"])
            if is_new:
                user.set_unusable_password()
                user.save(update_fields=["password"])
            if role:
                user.groups.add(Group.objects.get_or_create(name=role)[0])
            token = issue_token(user)
            audit.record(
                "command:token",
                "token.issue",
                object_kind="user",
                object_id=user.username,
                after={"token": token[:8], "role": role, "is_new_user": is_new},
            )
        if not roles_of(user):
            self.stderr.write(_("%(user)s has no role yet: add one with --role.") % {"user": user.username})
        self.stdout.write(token)
