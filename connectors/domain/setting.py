"""What a connection of some kind has to be told: read from JSON and asked in a form alike."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

SupportsText = Any  # a text, or one that is translated when it is shown


class Form(StrEnum):
    """What a setting looks like."""

    TEXT = "text"
    URL = "url"  # of a destination: private addresses are refused
    NUMBER = "number"  # above zero
    SECRET = "secret"  # goes in and never comes out again


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting."""

    name: str
    label: SupportsText
    help: SupportsText = ""
    form: Form = Form.TEXT
    default: str | None = None  # None: it must be given
    choices: tuple[tuple[str, SupportsText], ...] = ()  # value, label; () where anything may stand

    @property
    def is_secret(self) -> bool:
        return self.form is Form.SECRET
