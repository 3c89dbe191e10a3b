"""The one reason that decided it, out of all that were looked at.

A refusal keeps the whole tree of its condition. People want to read first what stood in the way: the
first part that failed, or in a group of things that must not be, the first that is.
"""

from segments.domain.conditions import ConsentIs, ConsentState
from segments.domain.explain import explain
from segments.domain.parse import parse_condition
from segments.domain.phrases import ENGLISH, Translator, gettext_noop
from segments.domain.values import Json


def because(tree: Json, *, translator: Translator = ENGLISH) -> str:
    """Say what made a condition fail, from the reasons stored with the decision; "" if nothing did."""
    if tree["held"]:
        return ""
    leaf, is_unwanted = _decisive(tree, is_unwanted=False)
    if "needed" not in leaf:
        return ""
    if leaf["node"] == "consent" and not is_unwanted:
        condition = parse_condition(leaf["needed"], allow_entry=True)
        if isinstance(condition, ConsentIs) and condition.state is ConsentState.GRANTED:
            said = translator.gettext(gettext_noop("consent to {category} was not given"))
            return said.format(category=condition.category)
    (line,) = explain(leaf, translator=translator)
    message = (
        gettext_noop("it must not be that: {needed}") if is_unwanted else gettext_noop("needed: {needed}")
    )
    said = translator.gettext(message).format(needed=line.needed)
    if not line.seen:
        return said
    return translator.gettext(gettext_noop("{reason} (seen: {seen})")).format(reason=said, seen=line.seen)


def _decisive(tree: Json, *, is_unwanted: bool) -> tuple[Json, bool]:
    """The leaf that decided, and whether it decided by holding."""
    children = tree.get("children", ())
    for child in children:
        # In a group of things that must not be, the ones that are stand in the way.
        wanted = tree["node"] != "none"
        if bool(child["held"]) is not wanted:
            return _decisive(child, is_unwanted=bool(child["held"]))
    return tree, is_unwanted
