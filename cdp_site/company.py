"""Write services of the company itself: its team, their API tokens, its settings.

Each is one transaction with its entry in the audit log. Somebody with the role admin must remain: the last
one can be neither demoted nor shut out.
"""

import secrets
from dataclasses import dataclass

from django.contrib.auth.models import Group, User
from django.db import transaction

from cdp_site import audit
from cdp_site.models import ApiToken, Company
from cdp_site.tokens import issue_token
from cdp_site.web import Role
from segments.revision import change_rules
from segments.services import rebuild_local

PASSWORD_BYTES = 12


class LastAdmin(Exception):
    """The change would leave nobody who may administer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMember:
    """Somebody to be added to the team."""

    username: str
    full_name: str
    email: str
    role: Role


def add_member(member: NewMember, *, actor: str) -> tuple[User, str]:
    """Make a log-in; returns it with its first password, which is kept nowhere in clear.

    Raises:
        IntegrityError: the user name is taken.
    """
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    first, _space, last = member.full_name.partition(" ")
    with transaction.atomic():
        user = User.objects.create_user(
            member.username, email=member.email, password=password, first_name=first, last_name=last
        )
        user.groups.add(_group(member.role))
        audit.record(
            actor,
            "member.add",
            object_kind="member",
            object_id=user.username,
            after={"role": member.role.value},
        )
    return user, password


def change_role(user: User, *, role: Role, actor: str) -> None:
    """Give a member another role.

    Raises:
        LastAdmin: nobody would be left who may administer.
    """
    with transaction.atomic():
        before = _lock_roles(user)
        _replace_role(user, role=role)
        _refuse_without_admin()
        audit.record(
            actor,
            "member.role",
            object_kind="member",
            object_id=user.username,
            before={"roles": before},
            after={"roles": [role.value]},
        )


def set_active(user: User, *, is_active: bool, actor: str) -> None:
    """Shut a member out, or let them in again; tokens of somebody shut out open nothing.

    Raises:
        LastAdmin: nobody would be left who may administer.
    """
    with transaction.atomic():
        _lock_roles(user)
        User.objects.filter(pk=user.pk).update(is_active=is_active)
        _refuse_without_admin()
        audit.record(
            actor,
            "member.admit" if is_active else "member.shut_out",
            object_kind="member",
            object_id=user.username,
        )


def make_token(user: User, *, actor: str) -> str:
    """Make an API token for a member; it is shown once."""
    with transaction.atomic():
        token = issue_token(user)
        audit.record(
            actor,
            "token.make",
            object_kind="token",
            object_id=user.username,
            after={"begins": token[:8]},
        )
    return token


def revoke_token(token: ApiToken, *, actor: str) -> None:
    """Make a token worthless at once."""
    with transaction.atomic():
        audit.record(
            actor,
            "token.revoke",
            object_kind="token",
            object_id=token.user.username,
            before={"begins": token.prefix},
        )
        token.delete()


def set_time_zone(zone: str, *, actor: str) -> None:
    """Set the zone of people whose own is not known. Segments that ask about days are built anew."""
    with transaction.atomic():
        change_rules()
        company, _is_new = Company.objects.select_for_update().get_or_create(id=1)
        before = company.time_zone
        Company.objects.filter(id=1).update(time_zone=zone)
        if zone != before:
            rebuild_local(actor=actor)
        audit.record(
            actor,
            "company.time_zone",
            object_kind="company",
            object_id="1",
            before={"time_zone": before},
            after={"time_zone": zone},
        )


def _group(role: Role) -> Group:
    return Group.objects.get_or_create(name=role.value)[0]


def _lock_roles(user: User) -> list[str]:
    # Two administrators who demote each other at the same time wait for each other here.
    list(Group.objects.select_for_update().filter(name=Role.ADMIN.value))
    return sorted(user.groups.values_list("name", flat=True))


def _replace_role(user: User, *, role: Role) -> None:
    user.groups.remove(*Group.objects.filter(name__in=list(Role)))
    user.groups.add(_group(role))


def _refuse_without_admin() -> None:
    admins = User.objects.filter(is_active=True, groups__name=Role.ADMIN.value)
    if not admins.exists() and not User.objects.filter(is_active=True, is_superuser=True).exists():
        raise LastAdmin
