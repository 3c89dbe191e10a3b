"""What templates have at hand: addresses, icons, words, numbers and times for people.

Nothing here marks text of customers as safe; markup comes from templates and from `icon` alone.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import lucide.jinja
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.templatetags.static import static
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.html import conditional_escape
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext, gettext_lazy, ngettext, npgettext, pgettext
from django_htmx.jinja import htmx_script
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from cdp_site.web import ANY_ROLE, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One line of the side navigation."""

    path: str  # as promised to people and bookmarks, hence no url name
    icon: str
    label: Promise
    roles: frozenset[Role] = ANY_ROLE


WORK = (
    Place(path="/", icon="layout-dashboard", label=gettext_lazy("Overview")),
    Place(path="/people/", icon="users", label=gettext_lazy("People")),
    Place(path="/segments/", icon="list-filter", label=gettext_lazy("Segments")),
    Place(path="/journeys/", icon="workflow", label=gettext_lazy("Journeys")),
    Place(path="/messages/", icon="mail", label=gettext_lazy("Messages")),
    Place(path="/deliveries/", icon="send", label=gettext_lazy("Deliveries")),
)
SET_UP = (
    Place(path="/connections/", icon="plug", label=gettext_lazy("Connections")),
    Place(path="/sources/", icon="database", label=gettext_lazy("Sources")),
    Place(path="/operations/", icon="activity", label=gettext_lazy("Operations")),
    Place(path="/settings/", icon="settings", label=gettext_lazy("Settings")),
)
THEMES = ("light", "dark")
NOTHING = "\N{EN DASH}"


def environment(**options: Any) -> Environment:
    """Build the environment of every product page; an unknown name in a template is an error."""
    env = Environment(
        **{"undefined": StrictUndefined, **options},
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    env.install_gettext_callables(  # type: ignore[attr-defined]
        gettext, ngettext, newstyle=True, pgettext=pgettext, npgettext=npgettext
    )
    env.policies["ext.i18n.trimmed"] = True
    env.globals |= {
        "static": static,
        "url": address,
        "htmx_script": htmx_script,
        "icon": icon,
        "now": timezone.now,
    }
    env.filters |= {
        "number": number,
        "money": money,
        "percent": percent,
        "day": day,
        "weekday": weekday,
        "clock": clock,
        "moment": moment,
        "iso": iso,
        "ago": ago,
        "capfirst": capfirst,
        "initials": initials,
        "role_names": role_names,
        "kind": kind_name,
        "category": category_name,
        "message_class": class_name,
        "channel": channel_name,
        "cluster": cluster_name,
        "outcome": outcome_name,
        "outcome_tone": outcome_tone,
        "plain": plain,
        "pretty": pretty,
        "size": filesizeformat,
        "escaped": conditional_escape,  # also of lazy texts that hold markup of Django's
    }
    return env


def shell(request: HttpRequest) -> dict[str, Any]:
    """Tell every page where it is, who looks at it and in which colours."""
    roles: frozenset[Role] = getattr(request, "roles", frozenset())
    theme = request.COOKIES.get("theme", "")
    return {
        "work": [place for place in WORK if place.roles & roles],
        "set_up": [place for place in SET_UP if place.roles & roles],
        "here": place_of(request.path),
        "user": request.user,
        "roles": roles,
        "may": lambda *names: bool({Role(name) for name in names} & roles) or Role.ADMIN in roles,
        "theme": theme if theme in THEMES else "",
        "language": get_language() or "en",
    }


def place_of(path: str) -> str:
    """The path of the navigation's line that `path` lies under; "" when under none."""
    lines = [place.path for place in (*WORK, *SET_UP)]
    return max(
        (line for line in lines if path == line or (line != "/" and path.startswith(line))), default=""
    )


def address(name: str, *args: Any, **kwargs: Any) -> str:
    """The address of a named view."""
    return reverse(name, args=args, kwargs=kwargs)


@lru_cache(maxsize=512)  # each call of the library copies a tree: most of a page's render time otherwise
def icon(name: str, *, size: int = 18) -> Markup:
    """Draw an icon. It says nothing to a screen reader: the words beside it do."""
    return Markup(lucide.jinja.lucide(name, size=size, aria_hidden="true", focusable="false"))


def number(value: float | Decimal | None) -> str:
    """Write a number with separators; nothing for None."""
    if value is None:
        return NOTHING
    exact = Decimal(str(value)).normalize()
    places = max(0, -int(exact.as_tuple().exponent))
    return formats.number_format(exact, decimal_pos=min(places, 2), use_l10n=True, force_grouping=True)


def money(value: float | Decimal, currency: str = "") -> str:
    """Write an amount with two decimals, and the currency's code where one is known."""
    amount = formats.number_format(Decimal(str(value)), decimal_pos=2, use_l10n=True, force_grouping=True)
    return f"{amount} {currency}" if currency else amount


def percent(share: float) -> str:
    """Write a share of 1 as a percentage with at most one decimal."""
    return gettext("%(number)s %%") % {"number": number(round(share * 100, 1))}


def day(value: datetime | date) -> str:
    """Write a date: 3 November 2026."""
    return formats.date_format(_local(value), "j F Y")


def weekday(value: date) -> str:
    """Name a day as people do: Today, Yesterday, Saturday 21 November."""
    distance = (timezone.localdate() - value).days
    if distance == 0:
        return gettext("Today")
    if distance == 1:
        return gettext("Yesterday")
    same_year = value.year == timezone.localdate().year
    return formats.date_format(value, "l, j F" if same_year else "l, j F Y")


def clock(value: datetime) -> str:
    """Write the time of day in the reader's zone: 21:11."""
    return formats.date_format(_local(value), "H:i")


def moment(value: datetime | None) -> str:
    """Write an instant in the reader's zone: 22 Nov 2026, 21:11; a dash for None."""
    return formats.date_format(_local(value), "j M Y, H:i") if value else NOTHING


def iso(value: datetime | date) -> str:
    """Write an instant for machines: the `datetime` of <time>."""
    return value.isoformat()


def ago(value: datetime | None) -> str:
    """Say how long ago an instant was, in its largest unit."""
    if value is None:
        return gettext("never")
    seconds = int((timezone.now() - value).total_seconds())
    if seconds < 60:
        return gettext("just now")
    if seconds < 3600:
        return ngettext("%(n)s minute ago", "%(n)s minutes ago", seconds // 60) % {"n": seconds // 60}
    if seconds < 86400:
        return ngettext("%(n)s hour ago", "%(n)s hours ago", seconds // 3600) % {"n": seconds // 3600}
    return ngettext("%(n)s day ago", "%(n)s days ago", seconds // 86400) % {"n": number(seconds // 86400)}


def initials(name: str) -> str:
    """The first letters of the first two words, for the round picture of somebody."""
    letters = [word[0] for word in name.split() if word[0].isalnum()]
    return "".join(letters[:2]).upper() or "?"


KIND_NAMES = {
    "user_id": gettext_lazy("Customer number"),
    "email": gettext_lazy("Email"),
    "phone": gettext_lazy("Phone"),
    "anonymous_id": gettext_lazy("Device"),
    "id": gettext_lazy("Person id"),
}
CATEGORY_NAMES = {
    "email_marketing": gettext_lazy("Email marketing"),
    "sms_marketing": gettext_lazy("SMS marketing"),
    "analytics": gettext_lazy("Analytics"),
    "personalization": gettext_lazy("Personalisation"),
}
CLASS_NAMES = {
    "marketing": gettext_lazy("Marketing"),
    "service": gettext_lazy("Service"),
    "transactional": gettext_lazy("Transactional"),
}


def kind_name(kind: str) -> str:
    """Name a kind of identity; one of an external system by the system's name."""
    return str(KIND_NAMES.get(kind) or kind.replace("_", " ").capitalize())


def category_name(category: str) -> str:
    """Name a purpose that people consent to; the company's own as it was written."""
    return str(CATEGORY_NAMES.get(category) or category.replace("_", " ").capitalize())


CHANNEL_NAMES = {
    "email": gettext_lazy("Email"),
    "crm": gettext_lazy("CRM"),
    "webhook": gettext_lazy("Webhook"),
    "console": gettext_lazy("Console"),
}


def channel_name(kind: str) -> str:
    """Name a way out; one of another system by the system's name."""
    return str(CHANNEL_NAMES.get(kind) or kind.capitalize())


CLUSTER_NAMES = {
    "live": gettext_lazy("live: stores messages, moves journeys"),
    "send": gettext_lazy("send: delivers emails and actions"),
    "bulk": gettext_lazy("bulk: builds segments, imports, tidies up"),
}


def cluster_name(cluster: str) -> str:
    """Say what a cluster does."""
    return str(CLUSTER_NAMES.get(cluster, cluster))


OUTCOME_NAMES = {
    "finished": (gettext_lazy("finished"), ""),
    "converted": (gettext_lazy("goal reached"), "ok"),
    "exited": (gettext_lazy("left"), ""),
    "ended": (gettext_lazy("taken out"), "warn"),
    "merged": (gettext_lazy("merged"), ""),
    "parked": (gettext_lazy("stopped on an error"), "bad"),
}


def outcome_name(outcome: str) -> str:
    """Say how a run ended."""
    return str(OUTCOME_NAMES[outcome][0]) if outcome in OUTCOME_NAMES else outcome


def outcome_tone(outcome: str) -> str:
    """The kind of badge that suits how a run ended."""
    return OUTCOME_NAMES[outcome][1] if outcome in OUTCOME_NAMES else ""


def class_name(message_class: str) -> str:
    """Name what a message is for."""
    return str(CLASS_NAMES.get(message_class) or message_class)


ROLE_NAMES = {
    Role.MARKETER: gettext_lazy("Marketer"),
    Role.SERVICE: gettext_lazy("Customer service"),
    Role.ADMIN: gettext_lazy("Administrator"),
}


def role_names(roles: Iterable[Role]) -> str:
    """Name roles in the reader's language, in their fixed order."""
    held = set(roles)
    return ", ".join(str(ROLE_NAMES[role]) for role in Role if role in held) or gettext("No role")


def plain(value: Any) -> str:
    """Write a JSON value for people: text as it is, yes and no, lists with commas."""
    if value is None:
        return gettext("empty")
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, int | float | Decimal):
        return number(value)
    if isinstance(value, list):
        return ", ".join(plain(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {plain(inner)}" for key, inner in value.items())
    return str(value)


def pretty(value: Any) -> str:
    """Write a JSON value with indentation."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def _local(value: datetime | date) -> datetime | date:
    return timezone.localtime(value) if isinstance(value, datetime) else value
