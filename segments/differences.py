"""What changed from one condition to the next, in words."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from segments.domain.conditions import AllOf, AnyOf, Condition, NoneOf
from segments.domain.describe import describe
from segments.domain.phrases import ENGLISH, Translator, gettext_noop

_OUTER = {
    AllOf: gettext_noop("all of the parts must hold"),
    AnyOf: gettext_noop("one of the parts must hold"),
    NoneOf: gettext_noop("none of the parts may hold"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a condition gained and lost."""

    added: Sequence[str]
    removed: Sequence[str]

    @property
    def is_none(self) -> bool:
        return not self.added and not self.removed


def difference(before: Condition, after: Condition, *, translator: Translator = ENGLISH) -> Difference:
    """Compare two conditions part by part."""
    old, new = _parts(before, translator), _parts(after, translator)
    return Difference(added=list((new - old).elements()), removed=list((old - new).elements()))


def _parts(condition: Condition, translator: Translator) -> Counter[str]:
    if not isinstance(condition, AllOf | AnyOf | NoneOf):
        return Counter([describe(condition, translator=translator)])
    parts = [describe(part, translator=translator) for part in condition.of]
    if len(parts) == 1 and not isinstance(condition, NoneOf):
        return Counter(parts)  # alone, "all" and "any" are the same
    return Counter([*parts, translator.gettext(_OUTER[type(condition)])])
