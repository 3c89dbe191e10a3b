"""Forms of connections, made from what their kind asks."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.text import slugify
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from connectors.connection_settings import SettingsError
from connectors.domain.message import ChannelKind, Json
from connectors.domain.setting import Form, Setting
from connectors.models import Connection
from connectors.services import ConnectionDraft

MAPPING = "mapping"


class ConnectionForm(forms.Form):
    """A connection of one kind, new or as it is."""

    name = forms.CharField(label=_("Name"), max_length=120)

    def __init__(self, data: Any = None, *, kind: ChannelKind, connection: Connection | None = None) -> None:
        self.kind = kind
        self.connection = connection
        known: Mapping[str, Json] = connection.settings if connection else {}
        initial = {one.name: known.get(one.name, one.default) for one in kind.asks if not one.is_secret}
        if connection is not None:
            initial["name"] = connection.name
        super().__init__(data, initial=initial)
        for one in kind.asks:
            self.fields[one.name] = _field(one, is_kept=bool(connection and connection.secret))

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if self.connection is None:
            if not slugify(name):
                raise forms.ValidationError(gettext("The name needs at least one letter or digit."))
            if Connection.objects.filter(slug=self.slug_of(name)).exists():
                raise forms.ValidationError(gettext("Another connection has nearly this name already."))
        return name

    def slug_of(self, name: str) -> str:
        return self.connection.slug if self.connection else slugify(name)[:80]

    def draft(self, *, mapping: Mapping[str, str] | None = None) -> ConnectionDraft:
        """What a valid form asks for; settings that it does not show stay as they are."""
        connection = self.connection
        kept = dict(connection.settings) if connection else {}
        given = {one.name: self.cleaned_data[one.name] for one in self.kind.asks}
        # A secret that is left empty stays.
        given = {name: value for name, value in given.items() if value != "" or name in kept}
        settings = {**kept, **given, **({MAPPING: dict(mapping)} if mapping is not None else {})}
        is_active = connection.is_active if connection else True
        return ConnectionDraft(
            name=self.cleaned_data["name"], kind=self.kind.name, settings=settings, is_active=is_active
        )

    def refuse(self, error: SettingsError) -> None:
        """Show what the settings are refused for."""
        place = error.path.partition(".")[0]
        if place in self.fields:
            self.add_error(place, error.message)
        else:
            self.add_error("name" if place == "slug" else None, error.message)


def _field(one: Setting, *, is_kept: bool) -> forms.Field:
    options: dict[str, Any] = {
        "label": one.label,
        "help_text": one.help,
        "required": one.default is None and not (one.is_secret and is_kept),
    }
    if one.choices:
        return forms.ChoiceField(choices=one.choices, **options)
    if one.form is Form.NUMBER:
        return forms.FloatField(min_value=0, widget=forms.NumberInput(attrs={"step": "any"}), **options)
    if one.is_secret:
        secret = forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"})
        if is_kept:
            options["help_text"] = _("Kept, never shown. Left empty, it stays.")
        return forms.CharField(widget=secret, **options)
    return forms.CharField(widget=forms.TextInput(attrs={"spellcheck": "false"}), **options)


def mapping_sent(data: Any) -> dict[str, str]:
    """Read the rows of a mapping; those without a field of the CRM are gone."""
    rows = zip(data.getlist("map-field"), data.getlist("map-source"), strict=False)
    return {name.strip(): source.strip() for name, source in rows if name.strip() and source.strip()}
