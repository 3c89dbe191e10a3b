"""The reasons of a decision, as lines for people: what was needed, what was seen, whether it held."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from segments.domain.describe import describe
from segments.domain.parse import parse_condition
from segments.domain.phrases import ENGLISH, Translator, gettext_noop
from segments.domain.values import Json

_GROUPS: Final[Mapping[str, str]] = {
    "all": gettext_noop("All of these"),
    "any": gettext_noop("At least one of these"),
    "none": gettext_noop("None of these"),
}
# What decides about many people at once and keeps no reasons for each.
_EVENTS: Final[Mapping[str, str]] = {
    "built": gettext_noop("Everybody was asked when the segment was published"),
    "archived": gettext_noop("The segment was put away"),
    "clock": gettext_noop("The moment had come, for many people at once"),
    "manual": gettext_noop("Somebody said so by hand"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonLine:
    """One part of a condition as it was answered."""

    depth: int  # 0 for the whole condition
    needed: str
    seen: str  # "" for groups
    is_held: bool


def explain(tree: Json, *, translator: Translator = ENGLISH) -> list[ReasonLine]:
    """Read a stored `Reason.to_json()` as lines, from the outside in."""
    return list(_lines(tree, 0, translator))


def _lines(tree: Json, depth: int, translator: Translator) -> Iterator[ReasonLine]:
    node = tree["node"]
    if node in _GROUPS:
        yield ReasonLine(
            depth=depth, needed=translator.gettext(_GROUPS[node]), seen="", is_held=bool(tree["held"])
        )
        for child in tree["children"]:
            yield from _lines(child, depth + 1, translator)
        return
    if node in _EVENTS:
        needed = translator.gettext(_EVENTS[node])
        yield ReasonLine(depth=depth, needed=needed, seen="", is_held=bool(tree["held"]))
        return
    yield ReasonLine(
        depth=depth,
        needed=describe(parse_condition(tree["needed"], allow_entry=True), translator=translator),
        seen=_seen(node, tree["seen"], translator),
        is_held=bool(tree["held"]),
    )


def _seen(node: str, seen: Json, translator: Translator) -> str:
    if node in ("event", "engagement"):
        return translator.ngettext("{n} time", "{n} times", seen).format(n=seen)
    if seen is None:
        return translator.gettext("not known")
    if node == "has_been":
        return translator.gettext("since {moment}").format(moment=seen)
    if isinstance(seen, list):
        return ", ".join(_seen("", one, translator) for one in seen)
    if isinstance(seen, bool):
        return translator.gettext("yes") if seen else translator.gettext("no")
    return str(seen)
