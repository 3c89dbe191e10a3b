"""The panel: every part shown and sent untouched stays as it was; what is typed lands where it belongs."""

from typing import Any

import pytest
from django.http import QueryDict

from journeys.domain.editing import ENTRY, EXIT, GOAL, KINDS, SETTINGS, fresh_entry, fresh_step
from journeys.domain.outline import own
from journeys.forms import Known, panel_of, typed, unfinished
from tests.journeys.documents import (
    Document,
    branch,
    cart_journey,
    case,
    crm,
    is_vip,
    repeat,
    set_trait,
    split,
    wait,
    wait_for,
    wait_until,
)

pytestmark = pytest.mark.django_db  # conditions offer names that are known

KNOWN = Known(templates=[("welcome", "Welcome")], segments=[("vip", "VIP customers")])


def as_sent(part: str, content: Any) -> QueryDict:
    """What a browser sends of a panel that nobody touched."""
    data = QueryDict(mutable=True)
    panel = panel_of(part, content, known=KNOWN)
    data["shape"] = panel.shape
    for it in panel.inputs():
        if it.editor is None:
            for name, texts in it.texts.items():
                data.setlist(it.input.field(name), [*texts] + ([""] if it.input.kind == "pairs" else []))
            data[f"{it.input.name}.sent"] = "1"
            continue
        prefix = it.editor.prefix
        parents = {child.id: row.id for row in it.editor.root.walk() for child in row.children}
        rows = list(it.editor.root.walk())
        data.setlist(f"{prefix}n", [f"{row.id}|{parents.get(row.id, '')}|{row.kind}" for row in rows])
        for row in rows:
            for name, text in row.fields.items():
                data[f"{prefix}{row.id}.{name}"] = text
    return data


def after(part: str, content: Any, **fields: Any) -> Any:
    """What a part is once somebody typed into some of its fields."""
    data = as_sent(part, content)
    for name, value in fields.items():
        data.setlist(name, value if isinstance(value, list) else [value])
    return typed(part, content, data, known=KNOWN).content


WEEK_BEFORE = {"side": "-", "amount": "7", "unit": "DAYS"}
CART = cart_journey()
PARTS: list[tuple[str, Any]] = [
    (ENTRY, CART["entry"]),
    (GOAL, CART["goal"]),
    (EXIT, CART["exit_when"]),
    (EXIT, {"any": [is_vip(), {"known": "email"}]}),
    (SETTINGS, CART["settings"]),
    (SETTINGS, {"caps": [{"class": "service", "most": 2, "per": "P7D"}]}),
    (SETTINGS, {"throttle": {"most": 9, "per": "PT1H"}}),
    (SETTINGS, {"quiet_hours": {"days": ["sat"], "from": "x"}, "time_zone": "Europe/Berlin"}),
    *((ENTRY, {"on": fresh_entry(kind)}) for kind in ("event", "segment", "date", "schedule", "api")),
    *((kind, fresh_step(kind, step_id="x")) for kind in KINDS),
    ("w", wait("w", length="PT90M")),
    ("w", wait("w", length="nonsense")),
    ("w", wait_for("w", until={"at": "16:00", "days": ["fri"]})),
    ("w", wait_for("w", until_date={"trait": "ends", "offset": "-P1M", "otherwise": "exit"})),
    ("w", wait_for("w", until_date={"trait": "ends", "offset": "P1Y2M"})),
    ("u", wait_until("u", timeout="P2D")),
    ("b", branch("b", cases=[case("VIP", condition=is_vip(), steps=[])])),
    ("p", split("p", variants={"A": (40.5, []), "B": (50, [])}, hold_out=9.5)),
    ("r", repeat("r", steps=[], until=is_vip())),
    ("c", {**crm("c"), "fields": {"amount": 12, "deep": {"a": [1]}, "subject": "Call"}}),
    ("t", set_trait("t")),
    ("s", {"id": "s", "kind": "send", "template": 7, "class": None, "fields": {"a": "b"}}),
]


@pytest.mark.parametrize(("part", "content"), PARTS)
def test_untouched__stays_as_it_was(part: str, content: Any) -> None:
    assert after(part, content) == own(content)


@pytest.mark.parametrize(
    ("part", "content", "fields", "expected"),
    [
        ("w", wait("w"), {"f.name": "Think"}, {**wait("w"), "name": "Think"}),
        ("w", {**wait("w"), "name": "Think"}, {"f.name": ""}, wait("w")),
        ("w", wait("w"), {"f.for.amount": "3", "f.for.unit": "DAYS"}, wait("w", length="P3D")),
        ("w", wait("w"), {"f.for.amount": "soon"}, wait("w", length="soon")),
        ("w", wait("w"), {"f.for.amount": ""}, {"id": "w", "kind": "wait"}),
        ("w", wait("w"), {"shape": "wait_at"}, wait_for("w", until={"at": "09:00"})),
        (
            "w",
            wait_for("w", until={"at": "09:00"}),
            {"f.until.days": ["sat", "sun"], "f.until.at": "10:30"},
            wait_for("w", until={"at": "10:30", "days": ["sat", "sun"]}),
        ),
        (
            "w",
            wait_for("w", until_date={"trait": "ends"}),
            {f"f.until_date.offset.{name}": text for name, text in WEEK_BEFORE.items()},
            wait_for("w", until_date={"trait": "ends", "offset": "-P7D"}),
        ),
        ("u", wait_until("u", timeout="P2D"), {"f.timeout.amount": ""}, wait_until("u")),
        ("r", {"id": "r", "kind": "repeat"}, {"f.times": "4"}, {"id": "r", "kind": "repeat", "times": 4}),
        ("r", {"id": "r", "kind": "repeat"}, {"f.times": "x"}, {"id": "r", "kind": "repeat", "times": "x"}),
        (
            "p",
            {"id": "p", "kind": "split", "variants": [{"name": "A", "share": 50}]},
            {"f.variants.0.share": "33.5"},
            {"id": "p", "kind": "split", "variants": [{"name": "A", "share": 33.5}]},
        ),
        (
            "t",
            set_trait("t"),
            {"f.set.key": ["plan", "since", ""], "f.set.value": ["gold", "{{ now }}", ""]},
            {"id": "t", "kind": "set_trait", "set": {"plan": "gold", "since": "{{ now }}"}},
        ),
        (SETTINGS, {}, {"do": "add:caps"}, {"caps": [{"class": "marketing", "most": 2, "per": "P7D"}]}),
        (SETTINGS, {"throttle": {"most": 1, "per": "P1D"}}, {"do": "remove:throttle"}, {}),
        (SETTINGS, {"caps": [{"most": 1}]}, {"do": "remove:caps.0"}, {}),
        (SETTINGS, {}, {"f.time_zone": "company"}, {"time_zone": "company"}),
        (ENTRY, {"on": {"api": True}, "key": "k"}, {"shape": "event"}, {"on": {"event": ""}}),
        (
            ENTRY,
            {"on": {"api": True}},
            {"f.reentry.policy": "never"},
            {"on": {"api": True}, "reentry": {"policy": "never"}},
        ),
    ],
)
def test_typed(part: str, content: Document, fields: dict[str, Any], expected: Document) -> None:
    assert after(part, content, **fields) == expected


def test_typed__a_rule_nobody_touched_stays_as_it_was_written() -> None:
    content = {**wait("w"), "kind": "wait_until", "if": {}}
    assert after("w", content, **{"f.name": "Mine"}) == {**content, "name": "Mine"}


def test_rule__of_one_condition_is_written_plainly() -> None:
    content = {"id": "u", "kind": "wait_until", "if": {"event": "A", "during": {"since": "entry"}}}
    now = after("u", content, **{"c-if-r2.event": "B"})
    assert now["if"] == {"event": "B", "during": {"since": "entry"}}


def test_rule__unfinished_is_kept_as_typed() -> None:
    content = {"id": "u", "kind": "wait_until", "if": is_vip()}
    now = after("u", content, **{"c-if-r2.path": ""})
    rows = unfinished(now["if"])
    assert rows is not None
    assert [row.kind for row in rows.walk()] == ["group", "trait"]
    assert after("u", now) == now
    assert after("u", now, **{"c-if-r2.path": "vip"}) == content


def test_trigger__tests_of_the_event() -> None:
    where = [{"property": "path", "op": "is", "value": "/tents"}]
    content = {"on": {"event": "Page Viewed", "where": where}}
    assert after(ENTRY, content, **{"c-on-r2.event": "Product Viewed"}) == {
        "on": {"event": "Product Viewed", "where": where}
    }
    begun = after(ENTRY, {"on": {"event": ""}}, **{"c-on-do": "add:r2:where", "c-on-r2.event": "A"})
    assert begun["on"]["event"] == "A"
    assert unfinished(begun["on"]) is not None
