"""Each entry of a timeline as the page shows it: one sentence, a symbol, and the details below it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from markupsafe import Markup

from cdp_site.jinja import category_name, class_name, kind_name, moment, number
from cdp_site.pages.timeline.decisions import decision_sentence, reason_shown
from cdp_site.pages.timeline.deliveries import delivery_sentence
from cdp_site.pages.timeline.entries import Entry, Group, Source
from cdp_site.pages.timeline.events import event_sentence, fill
from cdp_site.pages.timeline.groups import group_of
from segments.domain.explain import ReasonLine, explain

Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One entry in words."""

    key: str  # unique on the page
    at: datetime
    group: Group
    symbol: str
    tone: str  # a tone of the stylesheet
    sentence: Markup
    properties: Data  # of an event, as the client sent them
    details: Sequence[tuple[str, Any]]  # label and value
    why: Sequence[ReasonLine] = ()
    journey: str = ""  # slug; the person's whole story in it can be read
    links: Sequence[tuple[str, str]] = ()  # words and address: where there is more about it


SYMBOLS: Final = {
    Group.WEB: ("mouse-pointer-click", "teal"),
    Group.ORDERS: ("shopping-bag", "ok"),
    Group.MESSAGES: ("mail", "blue"),
    Group.JOURNEYS: ("workflow", "violet"),
    Group.PROFILE: ("user-pen", "warn"),
}
GROUP_NAMES: Final = {
    Group.WEB: gettext_lazy("Web and app"),
    Group.ORDERS: gettext_lazy("Orders"),
    Group.MESSAGES: gettext_lazy("Messages"),
    Group.JOURNEYS: gettext_lazy("Journeys"),
    Group.PROFILE: gettext_lazy("Profile"),
}


def line_of(entry: Entry) -> Line:
    """Put one entry into words."""
    return _LINES[entry.source](entry)


def reasons(tree: Any) -> list[ReasonLine]:
    """The stored reasons of a decision, in the reader's language."""
    return explain(tree, translator=translation) if tree else []


def as_is(value: object) -> Markup | str:
    """Show a value of the data, which no translator should touch."""
    return Markup('<span translate="no">{}</span>').format(value) if value not in (None, "") else ""


def origin_words(origin: str) -> str:
    """Say by which way a consent was given or taken back."""
    return str(_ORIGINS.get(origin, origin))


def merge_words(reason: str) -> str:
    """Say what made two profiles one."""
    return str(_OCCASIONS.get(reason, reason))


_ORIGINS: Final = {
    "message": gettext_lazy("a message of a source"),
    "preference page": gettext_lazy("the preference page"),
    "one-click": gettext_lazy("the unsubscribe button of a mail program"),
    "api": gettext_lazy("the API"),
    "merge": gettext_lazy("the merge of two profiles"),
}
_OCCASIONS: Final = {
    "registered": gettext_lazy("they became known on a device"),
    "alias": gettext_lazy("a server said that both are one"),
    "email": gettext_lazy("the same email address"),
    "external_id": gettext_lazy("the same number in another system"),
    "by_hand": gettext_lazy("somebody of the team merged them"),
}


def _told(entry: Entry, group: Group, sentence: Markup) -> Line:
    symbol, tone = SYMBOLS[group]
    return Line(
        key=str(entry.cursor).replace(".", "-"),
        at=entry.at,
        group=group,
        symbol=symbol,
        tone=tone,
        sentence=sentence,
        properties={},
        details=(),
    )


def _event(entry: Entry) -> Line:
    data = entry.data
    details = (
        (_("Event"), as_is(data["name"])),
        (_("Source"), as_is(data["source"] or data["source_id"])),
        (_("Received"), moment(datetime.fromisoformat(data["received_at"]))),
        (_("Message"), as_is(data["message_id"])),
    )
    line = _told(entry, group_of(data["name"]), event_sentence(data))
    return replace(line, properties=data["properties"], details=details)


def _delivery(entry: Entry) -> Line:
    data = entry.data
    symbol, tone = _DELIVERY_LOOKS.get(data["state"], SYMBOLS[Group.MESSAGES])
    if symbol == "mail" and data["channel"] != "email":
        symbol = "contact" if data["channel"] == "crm" else "webhook"
    details = (
        (_("Journey"), as_is(data["journey"])),
        (_("Step"), data.get("step_name")),
        (_("Template"), as_is(data["template"])),
        (_("Connection"), as_is(data["connection"])),
        (_("Kind of message"), class_name(data["class"])),
        (_("Decided"), moment(datetime.fromisoformat(data["decided_at"]))),
        (_("Attempts"), number(data["attempts"])),
        (_("Their number"), as_is(data["external_id"])),
        (_("Error"), as_is(data["error"] if data["state"] != "blocked" else "")),
    )
    line = _told(entry, Group.MESSAGES, delivery_sentence(data))
    return replace(
        line,
        symbol=symbol,
        tone=tone,
        details=_present(details),
        journey=data["journey_slug"] or "",
        links=[(_("Open the delivery"), reverse("connectors:delivery-page", args=[data["uuid"]]))],
    )


def _decision(entry: Entry) -> Line:
    data = entry.data
    details = (
        (_("Journey"), as_is(data["journey"])),
        (_("Step"), data.get("step_name")),
        (_("Reason"), reason_shown(data)),
    )
    line = _told(entry, Group.JOURNEYS, decision_sentence(data))
    return replace(
        line, details=_present(details), why=reasons(data["tree"]), journey=data["journey_slug"] or ""
    )


def _entered(entry: Entry) -> Line:
    sentence = fill(_("Entered the segment <b>%(segment)s</b>"), {"segment": entry.data["segment"]})
    return _stay(entry, sentence, symbol="list-filter")


def _left(entry: Entry) -> Line:
    sentence = fill(_("Left the segment <b>%(segment)s</b>"), {"segment": entry.data["segment"]})
    return _stay(entry, sentence, symbol="list-x")


def _stay(entry: Entry, sentence: Markup, *, symbol: str) -> Line:
    links = [(_("Open the segment"), reverse("segments:segment-detail", args=[entry.data["slug"]]))]
    line = _told(entry, Group.PROFILE, sentence)
    return replace(line, symbol=symbol, why=reasons(entry.data["why"]), links=links)


def _consent(entry: Entry) -> Line:
    data = entry.data
    said = _("Agreed to <b>%(category)s</b>") if data["granted"] else _("Refused <b>%(category)s</b>")
    line = _told(entry, Group.PROFILE, fill(said, {"category": category_name(data["category"])}))
    details = ((_("By way of"), origin_words(data["origin"])), (_("Source"), as_is(data["source"])))
    symbol, tone = ("shield-check", "ok") if data["granted"] else ("shield-off", "bad")
    return replace(line, symbol=symbol, tone=tone, details=_present(details))


def _merge(entry: Entry) -> Line:
    data = entry.data
    met = [text.partition(":") for text in data["evidence"].get("identities", ())]
    names = ", ".join(f"{kind_name(kind)} {value}" for kind, _colon, value in met)
    said = _("An earlier profile became part of this one: same <b>%(identities)s</b>")
    sentence = (
        fill(said, {"identities": names}) if names else fill(_("Another profile became part of this one"))
    )
    details = ((_("Occasion"), merge_words(data["reason"])), (_("Made by"), as_is(data["actor"])))
    return replace(_told(entry, Group.PROFILE, sentence), symbol="merge", details=_present(details))


def _present(details: Sequence[tuple[str, Any]]) -> Sequence[tuple[str, Any]]:
    return [(label, value) for label, value in details if value not in (None, "")]


_LINES: Final[Mapping[Source, Callable[[Entry], Line]]] = {
    Source.EVENT: _event,
    Source.DELIVERY: _delivery,
    Source.DECISION: _decision,
    Source.ENTERED: _entered,
    Source.LEFT: _left,
    Source.CONSENT: _consent,
    Source.MERGE: _merge,
}
_DELIVERY_LOOKS: Final = {
    "dead": ("triangle-alert", "bad"),
    "blocked": ("ban", "warn"),
    "cancelled": ("ban", "warn"),
    "queued": ("clock", "blue"),
    "sending": ("clock", "blue"),
}
