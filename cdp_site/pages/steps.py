"""Names of a journey's steps, from the document that a run goes by."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

_KINDS: Final[Mapping[str, str]] = {
    "wait": gettext_noop("Wait"),
    "wait_until": gettext_noop("Wait until something happens"),
    "branch": gettext_noop("Branch"),
    "split": gettext_noop("Split"),
    "repeat": gettext_noop("Repeat"),
    "send": gettext_noop("Send a message"),
    "crm": gettext_noop("CRM action"),
    "webhook": gettext_noop("Webhook"),
    "set_trait": gettext_noop("Set a trait"),
    "list": gettext_noop("Change a list"),
    "go_to_journey": gettext_noop("Go to a journey"),
    "exit": gettext_noop("Exit"),
}


def step_names(document: Mapping[str, Any]) -> dict[str, str]:
    """The name of every step by its id; its kind where nobody named it."""
    return {step["id"]: _name(step) for step in _steps_in(document)}


def _name(step: Mapping[str, Any]) -> str:
    if step.get("name"):
        return str(step["name"])
    kind = step["kind"]
    return _(_KINDS[kind]) if kind in _KINDS else str(kind)


def _steps_in(part: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(part, Mapping):
        if "id" in part and "kind" in part:
            yield part
        for inner in part.values():
            yield from _steps_in(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _steps_in(inner)
