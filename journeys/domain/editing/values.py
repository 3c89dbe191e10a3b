"""What a form is made of: values that can be changed, in sections."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from profiles.domain.facts import Json
from segments.domain.phrases import Phrase
from segments.domain.values import parse_length

Place = tuple[str | int, ...]  # keys and numbers from the document, or from a part of it


class ValueKind(Enum):
    """What a form field holds."""

    TEXT = "text"
    TEMPLATE_TEXT = "template_text"  # with {{ … }}
    NUMBER = "number"
    YES_NO = "yes_no"
    LINES = "lines"  # a list, one value a line
    LENGTH = "length"  # an exact length of time
    EVENT = "event"  # the name of an event
    COUNT = "count"  # how often: {"op", "value"}
    WINDOW = "window"  # when: {"last": …} and the like
    SEGMENT = "segment"  # slug
    STANDING = "standing"
    CONSENT = "consent"
    TEMPLATE = "template"  # slug
    MESSAGE_CLASS = "message_class"
    POLICY = "policy"
    AGAIN = "again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Editable:
    """One value that can be changed."""

    place: Place  # from the part
    kind: ValueKind
    label: Phrase
    value: Json  # None where the document leaves it out
    is_required: bool = True

    @property
    def name(self) -> str:
        """The place as one word, unique within the part."""
        return "/".join(str(key).replace("~", "~0").replace("/", "~1") for key in self.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Values that belong together."""

    values: Sequence[Editable] = ()
    title: Phrase | None = None
    condition: Json = None  # the leaf of a condition that the section is about
    joiner: Phrase | None = None  # the word between this leaf and the one before it
    note: Phrase | None = None


def length_value(value: Json, place: Place, label: Phrase) -> Editable:
    """A length as number and unit; one with months, which have no exact length, as it is written."""
    length = parse_length(value) if isinstance(value, str) else None
    kind = ValueKind.TEXT if length and length.months else ValueKind.LENGTH
    return Editable(place=place, kind=kind, label=label, value=value)


def kind_of(value: Json) -> ValueKind:
    """How a plain value is shown."""
    match value:
        case bool():
            return ValueKind.YES_NO
        case int() | float():
            return ValueKind.NUMBER
        case _:
            return ValueKind.TEXT
