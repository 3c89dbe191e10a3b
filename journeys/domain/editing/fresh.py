"""What a new journey and a new step hold before anybody fills them in."""

import copy
from collections.abc import Mapping
from typing import Any, Final

from journeys.domain.editing.spots import NotThere

# The palette's kinds. Three of them are forms of the grammar's `wait`.
KINDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "send": {"kind": "send", "channel": "email", "class": "marketing"},
    "wait": {"kind": "wait", "for": "P1D"},
    "wait_clock": {"kind": "wait", "until": {"from": "09:00", "to": "18:00"}},
    "wait_date": {"kind": "wait", "until_date": {"at": "09:00"}},
    "wait_until": {"kind": "wait_until", "timeout": "P1D", "then": [], "else": []},
    "branch": {"kind": "branch", "cases": [{"steps": []}], "else": []},
    "split": {
        "kind": "split",
        "variants": [{"name": "A", "share": 50, "steps": []}, {"name": "B", "share": 50, "steps": []}],
    },
    "repeat": {"kind": "repeat", "times": 3, "steps": []},
    "crm": {"kind": "crm", "action": "create_task", "fields": {}},
    "webhook": {"kind": "webhook", "fields": {}},
    "set_trait": {"kind": "set_trait", "set": {}},
    "list": {"kind": "list", "change": "add"},
    "go_to_journey": {"kind": "go_to_journey"},
    "exit": {"kind": "exit"},
}
_ENTRIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "event": {"event": ""},
    "segment": {"segment": "", "change": "entered"},
    "date": {"date": "", "at": "09:00"},
    "schedule": {"schedule": "0 9 * * MON", "segment": ""},
    "api": {"api": True},
}


def fresh_step(kind: str, *, step_id: str) -> dict[str, Any]:
    """A new step of a kind of the palette. Raises NotThere."""
    if kind not in KINDS:
        raise NotThere(kind)
    step = {"id": step_id, **copy.deepcopy(dict(KINDS[kind]))}
    return {**step, "salt": step_id} if kind == "split" else step


def fresh_entry(kind: str) -> dict[str, Any]:
    """What a journey that begins in this way waits for. Raises NotThere."""
    if kind not in _ENTRIES:
        raise NotThere(kind)
    return dict(_ENTRIES[kind])


def fresh_journey(entry: str) -> dict[str, Any]:
    """A journey without steps."""
    return {"language": 1, "entry": {"on": fresh_entry(entry)}, "steps": []}
