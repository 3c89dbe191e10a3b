"""What every part of the parser uses: errors with paths, objects that leave nothing over, limits."""

import re
from enum import StrEnum
from typing import Final, TypeVar

from segments.domain.phrases import ENGLISH, Phrase, Translator, gettext_noop
from segments.domain.values import PLACE, Json, Path

DEEPEST: Final = 20  # groups and item tests inside each other
MOST_NODES: Final = 500
MOST_ITEMS: Final = 1000  # values of a list
LONGEST_TEXT: Final = 2000
LARGEST_COUNT: Final = 1_000_000
_PLACE_LIKE: Final = re.compile(r"\s*[+-]?[0-9]+\s*")
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


class ConditionError(ValueError):
    """A document is no condition. `path` leads to the fault, `phrase` is what is wrong there."""

    def __init__(self, path: str, phrase: Phrase | str) -> None:
        self.path = path
        self.phrase = Phrase(phrase) if isinstance(phrase, str) else phrase
        super().__init__(self.said())

    @property
    def message(self) -> str:
        return str(self.phrase)

    def said(self, translator: Translator = ENGLISH) -> str:
        """The fault in one sentence."""
        sentence = self.phrase.said(translator)
        return f"{self.path}: {sentence}" if self.path else sentence


class Budget:
    """What one document may still use, and where it stands."""

    def __init__(self, *, allow_entry: bool) -> None:
        self.allow_entry = allow_entry
        self.nodes = MOST_NODES

    def spend(self, path: str, *, depth: int) -> None:
        self.nodes -= 1
        if self.nodes < 0:
            raise ConditionError(
                path, Phrase(gettext_noop("a condition has at most {most} parts"), {"most": MOST_NODES})
            )
        if depth > DEEPEST:
            raise ConditionError(path, gettext_noop("is nested too deeply"))

    def need_entry(self, path: str) -> None:
        if not self.allow_entry:
            raise ConditionError(path, gettext_noop("is only possible inside of a journey"))


class Keys:
    """An object whose keys are taken one by one; what is left over at the end is an error."""

    def __init__(self, document: Json, path: str) -> None:
        if not isinstance(document, dict):
            raise ConditionError(path, gettext_noop("must be an object"))
        self.document = dict(document)
        self.path = path

    def where(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def has(self, key: str) -> bool:
        return key in self.document

    def take(self, key: str) -> Json:
        if key not in self.document:
            raise ConditionError(self.where(key), gettext_noop("is missing"))
        return self.document.pop(key)

    def text(self, key: str) -> str:
        return read_text(self.take(key), self.where(key))

    def finish(self) -> None:
        for key in self.document:
            raise ConditionError(self.where(str(key)), gettext_noop("is not a known key here"))


WordT = TypeVar("WordT", bound=StrEnum)


def read_word(words: type[WordT], value: Json, path: str) -> WordT:
    if isinstance(value, str) and value in list(words):
        return words(value)
    raise ConditionError(
        path, Phrase(gettext_noop("must be one of {choices}"), {"choices": ", ".join(words)})
    )


def read_list(value: Json, path: str) -> list[Json]:
    if not isinstance(value, list):
        raise ConditionError(path, gettext_noop("must be a list"))
    if len(value) > MOST_ITEMS:
        raise ConditionError(path, Phrase(gettext_noop("holds at most {most} items"), {"most": MOST_ITEMS}))
    return value


def read_text(value: Json, path: str, *, may_be_empty: bool = False) -> str:
    if not isinstance(value, str):
        raise ConditionError(path, gettext_noop("must be a text"))
    if not value and not may_be_empty:
        raise ConditionError(path, gettext_noop("must not be empty"))
    if len(value) > LONGEST_TEXT:
        raise ConditionError(
            path, Phrase(gettext_noop("has at most {most} characters"), {"most": LONGEST_TEXT})
        )
    if _UNSTORABLE.search(value):
        raise ConditionError(path, gettext_noop("holds a character that cannot be stored"))
    return value


def read_path(value: Json, path: str) -> Path:
    keys = tuple(read_text(value, path).split("."))
    if not all(keys):
        raise ConditionError(path, gettext_noop("has an empty part between its dots"))
    for key in keys[1:]:
        # PostgreSQL would count such a place in a list from its end, or read it as another one.
        if _PLACE_LIKE.fullmatch(key) and not PLACE.fullmatch(key):
            raise ConditionError(path, gettext_noop("counts the places of a list as 0, 1, 2 and so on"))
    return keys
