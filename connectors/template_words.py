"""What the editor of templates says and offers: variables with samples, kinds, faults of links."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connectors.domain.mail_check import LinkFault
from connectors.domain.message import Json
from connectors.domain.template import TemplateKind
from connectors.models import Template
from profiles import catalogue
from profiles.models import Person

MOST_OFFERED: Final = 60
LONGEST_SAMPLE: Final = 40

KINDS: Final[Mapping[str, Promise]] = {
    TemplateKind.MAIL: gettext_lazy("Mail"),
    TemplateKind.LAYOUT: gettext_lazy("Layout"),
    TemplateKind.BLOCK: gettext_lazy("Block"),
}
LINK_FAULTS: Final[Mapping[LinkFault, Promise]] = {
    LinkFault.EMPTY: gettext_lazy("leads nowhere"),
    LinkFault.PLACEHOLDER: gettext_lazy("holds a place that is not filled in"),
    LinkFault.RELATIVE: gettext_lazy("has no https:// in front"),
    LinkFault.SCHEME: gettext_lazy("is of a kind that mail programs refuse"),
    LinkFault.NO_HOST: gettext_lazy("names no web site"),
    LinkFault.SPACES: gettext_lazy("holds a space"),
}
TEXT_NAMES: Final[Mapping[str, Promise]] = {
    "subject": gettext_lazy("Subject"),
    "preheader": gettext_lazy("Preheader"),
    "body": gettext_lazy("Body"),
    "sender": gettext_lazy("Sender"),
    "reply_to": gettext_lazy("Answers go to"),
    "layout": gettext_lazy("Layout"),
    "topic": gettext_lazy("Topic"),
    "language": gettext_lazy("Language"),
    "defaults": gettext_lazy("Defaults"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """Something to insert."""

    label: str
    inserts: str
    sample: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    title: str
    variables: Sequence[Variable]


def text_name(name: str) -> str:
    """Name a text of a template: Subject, or de: Subject."""
    *where, last = name.split(".")
    said = str(TEXT_NAMES.get(last, last))
    return f"{where[1]}: {said}" if len(where) > 1 else said


def groups_offered(*, person: Person | None, event: str, words: str) -> list[Group]:
    """What a template may insert, with samples: the person's own, else what several people have.

    Args:
        words: narrow to labels that hold all of these.
    """
    traits = person.traits if person else {}
    groups = [
        Group(title=_("Person"), variables=_from(catalogue.traits(), root="person", values=traits)),
        Group(
            title=_("The event that began the journey"),
            variables=_from(catalogue.properties_of(event), root="entry.properties", values={})
            if event
            else [],
        ),
        Group(title=_("Always there"), variables=_always()),
        Group(title=_("Blocks"), variables=_blocks()),
    ]
    wanted = words.casefold().split()
    narrowed = [
        Group(
            title=group.title,
            variables=[one for one in group.variables if _fits(one, wanted=wanted)][:MOST_OFFERED],
        )
        for group in groups
    ]
    return [group for group in narrowed if group.variables]


def _fits(variable: Variable, *, wanted: Iterable[str]) -> bool:
    said = f"{variable.label} {variable.inserts}".casefold()
    return all(word in said for word in wanted)


def _from(
    lines: Iterable[catalogue.PropertyLine], *, root: str, values: Mapping[str, Json]
) -> list[Variable]:
    found = []
    for line in lines:
        if line.is_inside_list:
            continue
        value = _value_at(values, line.path)
        if value is None and line.values:
            value = line.values[0].value
        found.append(
            Variable(
                label=line.path, inserts=f"{{{{ {expression(root, line.path)} }}}}", sample=_sample(value)
            )
        )
    return found


def expression(root: str, path: str) -> str:
    """How a template names a place: person.city, person["First Name"]."""
    made = root
    for name in path.split("."):
        is_plain = name.isidentifier() and name.isascii()
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        made += f".{name}" if is_plain else f'["{quoted}"]'
    return made


def _value_at(values: Mapping[str, Json], path: str) -> Json:
    value: Json = values
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _sample(value: Json) -> str:
    if value is None or isinstance(value, Mapping | list):
        return ""
    text = str(value)
    return text if len(text) <= LONGEST_SAMPLE else f"{text[: LONGEST_SAMPLE - 1]}…"


def _always() -> list[Variable]:
    offered = (
        (_("Public id"), "{{ person.id }}"),
        (_("Address"), "{{ person.email }}"),
        (_("Name of the journey"), "{{ journey.name }}"),
        (_("Today's date"), '{{ now.strftime("%d.%m.%Y") }}'),
        (_("Link to unsubscribe"), "{{ unsubscribe_url }}"),
        (_("Link to the choice of topics"), "{{ preferences_url }}"),
        (_("Only where it is known"), "{% if person.firstName is defined %} {% endif %}"),
    )
    return [Variable(label=label, inserts=inserts, sample="") for label, inserts in offered]


def _blocks() -> list[Variable]:
    blocks = Template.objects.filter(kind=TemplateKind.BLOCK).in_force().order_by("name")
    return [
        Variable(label=name, inserts=f'{{% include "{slug}" %}}', sample="")
        for slug, name in blocks.values_list("slug", "name")
    ]
