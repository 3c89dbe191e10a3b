"""Forms of the sources page."""

from typing import Any

from django import forms
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from connectors.domain.source_kinds import SourceKind
from connectors.models import Source
from connectors.source_services import SourceDraft

KIND_LABELS = {
    SourceKind.HTTP: _("Web site, app or back end, by SDK"),
    SourceKind.CRM: _("CRM, by its signed callbacks"),
    SourceKind.HUBSPOT: _("HubSpot, by its webhooks"),
    SourceKind.PIPEDRIVE: _("Pipedrive, by its webhooks"),
    SourceKind.STANDARD_WEBHOOK: _("Another system, by signed webhooks"),
}
TRUST_LABELS = {
    Source.Trust.PUBLIC: _("Public: the key stands in pages or apps that customers hold"),
    Source.Trust.SERVER: _("Server: the key stays on our own machines"),
}


class SourceForm(forms.Form):
    """A new source."""

    name = forms.CharField(label=_("Name"), max_length=120)
    kind = forms.ChoiceField(
        label=_("Kind"), choices=[(kind.value, label) for kind, label in KIND_LABELS.items()]
    )
    trust = forms.ChoiceField(
        label=_("Trust"),
        choices=[(trust.value, label) for trust, label in TRUST_LABELS.items()],
        help_text=_("Messages of a public source never merge two known customers."),
    )

    secret = forms.CharField(
        label=_("Secret"),
        max_length=500,
        required=False,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"}),
        help_text=_(
            "Of systems that send webhooks: HubSpot's is the client secret of its app. "
            "Left empty, one is made; Pipedrive takes it as the password."
        ),
    )

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if not slugify(name):
            raise forms.ValidationError(_("The name needs at least one letter or digit."))
        return name

    def draft(self) -> SourceDraft:
        """What a valid form asks for."""
        data: dict[str, Any] = self.cleaned_data
        return SourceDraft(
            slug=slugify(data["name"])[:80],
            name=data["name"],
            kind=SourceKind(data["kind"]),
            trust=data["trust"],
            secret=data["secret"].strip(),
        )
