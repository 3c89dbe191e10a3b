"""Forms of the settings page."""

from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils.translation import gettext_lazy as _

from cdp_site.company import NewMember
from cdp_site.jinja import ROLE_NAMES
from cdp_site.web import Role

ROLE_CHOICES = [(role.value, ROLE_NAMES[role]) for role in Role]


@lru_cache(maxsize=1)
def zones() -> list[str]:
    """The time zones that both Python and PostgreSQL know, as places and UTC."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names")
        known = {name for (name,) in cursor.fetchall()}
    return sorted(
        name
        for name in available_timezones() & known
        if name == "UTC" or ("/" in name and name[0].isupper() and not name.startswith("Etc/"))
    )


class CompanyForm(forms.Form):
    """Settings of the company."""

    time_zone = forms.CharField(
        label=_("Time zone of the company"),
        help_text=_("For people whose own zone is not known, and for rules about days."),
        max_length=64,
        widget=forms.TextInput(attrs={"list": "zones", "autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_time_zone(self) -> str:
        zone = str(self.cleaned_data["time_zone"]).strip()
        if zone not in zones():
            raise ValidationError(_("This is no time zone. Choose one of the list, such as Europe/Berlin."))
        return zone


class MemberForm(forms.Form):
    """A new member of the team."""

    username = forms.CharField(
        label=_("User name"),
        max_length=150,
        validators=User._meta.get_field("username").validators,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    full_name = forms.CharField(label=_("Full name"), max_length=150, required=False)
    email = forms.EmailField(label=_("Email"), required=False)
    role = forms.ChoiceField(label=_("Role"), choices=ROLE_CHOICES)

    def clean_username(self) -> str:
        name = str(self.cleaned_data["username"])
        if User.objects.filter(username=name).exists():
            raise ValidationError(_("Somebody has this user name already."))
        return name

    def member(self) -> NewMember:
        """What was typed, as the service wants it."""
        data: dict[str, Any] = self.cleaned_data
        return NewMember(
            username=data["username"],
            full_name=data["full_name"],
            email=data["email"],
            role=Role(data["role"]),
        )


class RoleForm(forms.Form):
    """Another role for a member."""

    role = forms.ChoiceField(choices=ROLE_CHOICES)
