"""Journey documents that tests start from."""

from typing import Any

Document = dict[str, Any]


def journey(
    *,
    steps: list[Any] | None = None,
    entry: Document | None = None,
    goal: Document | None = None,
    exit_when: Document | None = None,
    settings: Document | None = None,
) -> Document:
    """The smallest journey, with what is given put over it."""
    parts = {"entry": entry, "steps": steps, "goal": goal, "exit_when": exit_when, "settings": settings}
    given = {key: part for key, part in parts.items() if part is not None}
    return {"language": 1, "entry": {"on": {"event": "Cart Updated"}}, "steps": [wait()], **given}


def wait_for(step_id: str = "w", **form: Any) -> Document:
    """Wait `until` a time or `until_date` of a trait."""
    return {"id": step_id, "kind": "wait", **form}


def split(
    step_id: str = "p", *, variants: dict[str, tuple[float, list[Document]]], hold_out: float = 0
) -> Document:
    ways = [{"name": name, "share": share, "steps": steps} for name, (share, steps) in variants.items()]
    return {"id": step_id, "kind": "split", "salt": "spring", "variants": ways, "hold_out": hold_out}


def repeat(
    step_id: str = "r", *, steps: list[Document], times: int = 3, until: Document | None = None
) -> Document:
    step = {"id": step_id, "kind": "repeat", "times": times, "steps": steps}
    return step if until is None else {**step, "until": until}


def list_change(step_id: str = "l", *, slug: str = "beta", change: str = "add") -> Document:
    return {"id": step_id, "kind": "list", "list": slug, "change": change}


def go_to(step_id: str = "j", *, slug: str = "other") -> Document:
    return {"id": step_id, "kind": "go_to_journey", "journey": slug}


def wait(step_id: str = "w", *, length: str = "PT4H") -> Document:
    return {"id": step_id, "kind": "wait", "for": length}


def send(step_id: str = "s", *, message_class: str = "service", template: str = "welcome") -> Document:
    return {
        "id": step_id,
        "kind": "send",
        "channel": "email",
        "template": template,
        "class": message_class,
    }


def crm(step_id: str = "c", *, action: str = "create_task") -> Document:
    return {
        "id": step_id,
        "kind": "crm",
        "connection": "crm",
        "action": action,
        "fields": {"subject": "Call {{ person.firstName }}"},
    }


def webhook(step_id: str = "h") -> Document:
    return {"id": step_id, "kind": "webhook", "connection": "hook", "fields": {"who": "{{ person.id }}"}}


def set_trait(step_id: str = "t", *, plan: str = "gold") -> Document:
    return {"id": step_id, "kind": "set_trait", "set": {"plan": plan}}


def leave(step_id: str = "x", *, reason: str = "") -> Document:
    return {"id": step_id, "kind": "exit", "reason": reason}


def wait_until(
    step_id: str = "u",
    *,
    condition: Document | None = None,
    timeout: str | None = None,
    then: list[Document] | None = None,
    otherwise: list[Document] | None = None,
) -> Document:
    """Wait for an order since the run began, or for `condition`."""
    ordered = {"event": "Order Completed", "during": {"since": "entry"}}
    parts = {"timeout": timeout, "then": then, "else": otherwise}
    given = {key: part for key, part in parts.items() if part is not None}
    return {"id": step_id, "kind": "wait_until", "if": condition or ordered, **given}


def branch(step_id: str = "b", *, cases: list[Document], otherwise: list[Document] | None = None) -> Document:
    return {"id": step_id, "kind": "branch", "cases": cases, "else": otherwise or []}


def case(name: str, *, condition: Document, steps: list[Document]) -> Document:
    return {"name": name, "if": condition, "steps": steps}


def is_vip() -> Document:
    return {"trait": "vip", "op": "is_true"}


def has_plan(plan: str) -> Document:
    return {"trait": "plan", "op": "is", "value": plan}


def cart_journey() -> Document:
    """A journey with every part the grammar has and the engine runs."""
    same_cart = {"property": "cart_id", "op": "is", "same_as": {"entry": "properties.cart_id"}}
    return {
        "language": 1,
        "entry": {
            "on": {"event": "Cart Updated", "where": []},
            "if": {"all": []},
            "key": "properties.cart_id",
            "present": "new",
            "reentry": {"policy": "after_exit", "not_within": "P30D", "again": "restart"},
        },
        "goal": {
            "if": {"event": "Order Completed", "where": [same_cart], "during": {"since": "entry"}},
            "steps": [crm("g1", action="create_deal")],
        },
        "exit_when": {"segment": "unsubscribed", "is": "member"},
        "settings": {"quiet_hours": {"from": "21:00", "to": "08:00"}, "time_zone": "person"},
        "steps": [
            wait("s1"),
            {
                "id": "s2",
                "kind": "wait_until",
                "name": "Ordered?",
                "if": {"event": "Order Completed", "during": {"since": "entry"}},
                "timeout": "P3D",
                "then": [leave("s3", reason="converted")],
                "else": [
                    branch(
                        "s4",
                        cases=[case("VIP", condition={"segment": "vip", "is": "member"}, steps=[crm("s5")])],
                        otherwise=[send("s6", message_class="marketing")],
                    )
                ],
            },
        ],
    }


# Begins with the third view of a page; with a wait for something and a choice of ways.
THIRD_VISIT = journey(
    entry={
        "on": {"event": "Page Viewed"},
        "if": {"event": "Page Viewed", "count": {"op": "exactly", "value": 3}, "during": {"last": "P7D"}},
    },
    steps=[
        send("mail"),
        wait_until("ordered", timeout="P2D", then=[leave("bye")], otherwise=[]),
        branch("who", cases=[case("VIP", condition=is_vip(), steps=[wait("nap")])]),
    ],
)
