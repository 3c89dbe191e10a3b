"""Operations on drafts: each gives a new document and leaves the old one alone."""

import copy
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from journeys.domain.changes import ChangeKind
from journeys.domain.editing import (
    ENTRY,
    EXIT,
    GOAL,
    KINDS,
    SETTINGS,
    Edited,
    NotThere,
    Spot,
    add_part,
    add_way,
    copy_to,
    differences,
    duplicate,
    fresh_journey,
    insert,
    move,
    nudge,
    nudge_case,
    put,
    remove,
    remove_way,
    with_ids,
)
from journeys.domain.outline import owner_of, steps_in
from tests.journeys.documents import (
    Document,
    branch,
    case,
    crm,
    is_vip,
    journey,
    repeat,
    split,
    wait,
    wait_until,
)

DRAFT = journey(
    steps=[
        wait("a"),
        branch(
            "b",
            cases=[case("VIP", condition=is_vip(), steps=[wait("v1"), wait("v2")])],
            otherwise=[wait("e")],
        ),
        split("p", variants={"A": (50, [wait("pa")]), "B": (50, [])}),
        wait_until("u", timeout="P1D", then=[wait("ut")], otherwise=[]),
        repeat("r", steps=[wait("ri")]),
        wait("z"),
    ],
    goal={"if": is_vip(), "steps": [crm("g")]},
)


def ids() -> Callable[[str], str]:
    numbers: Iterator[int] = count(1)
    return lambda kind: f"new{next(numbers)}"


def told(document: Document) -> str:
    """A document's steps, with those inside of each in brackets."""
    main = _told(document["steps"])
    goal = document.get("goal", {}).get("steps")
    return f"{main} | {_told(goal)}" if goal else main


def _told(steps: list[Any]) -> str:
    return " ".join(_one(step) for step in steps)


def _one(step: Document) -> str:
    ways = [way["steps"] for key in ("cases", "variants") for way in step.get(key, [])]
    ways += [step[key] for key in ("then", "else", "steps") if key in step]
    return str(step["id"]) + (f"[{' / '.join(map(_told, ways))}]" if ways else "")


WHOLE = "a b[v1 v2 / e] p[pa / ] u[ut / ] r[ri] z | g"


def at(text: str) -> Spot:
    return Spot.read(text)


def test_told() -> None:
    assert told(DRAFT) == WHOLE


@pytest.mark.parametrize(
    ("spot", "expected"),
    [
        (":0", "new1 a b[v1 v2 / e] p[pa / ] u[ut / ] r[ri] z | g"),
        (":6", "a b[v1 v2 / e] p[pa / ] u[ut / ] r[ri] z new1 | g"),
        (":99", "a b[v1 v2 / e] p[pa / ] u[ut / ] r[ri] z new1 | g"),
        ("b/cases/0:1", "a b[v1 new1 v2 / e] p[pa / ] u[ut / ] r[ri] z | g"),
        ("b/else:0", "a b[v1 v2 / new1 e] p[pa / ] u[ut / ] r[ri] z | g"),
        ("p/variants/1:0", "a b[v1 v2 / e] p[pa / new1] u[ut / ] r[ri] z | g"),
        ("u/else:0", "a b[v1 v2 / e] p[pa / ] u[ut / new1] r[ri] z | g"),
        ("r/steps:1", "a b[v1 v2 / e] p[pa / ] u[ut / ] r[ri new1] z | g"),
        ("goal:1", "a b[v1 v2 / e] p[pa / ] u[ut / ] r[ri] z | g new1"),
    ],
)
def test_insert(spot: str, expected: str) -> None:
    before = copy.deepcopy(DRAFT)
    edited = insert(DRAFT, "exit", at=at(spot), new_id=ids())
    assert (told(edited.document), edited.part) == (expected, "new1")
    assert before == DRAFT


@pytest.mark.parametrize("spot", ["gone/then:0", "a/then:0", "b/cases/7:0", "b/variants/0:0", "p/else:0"])
def test_insert__where_there_is_nothing(spot: str) -> None:
    with pytest.raises(NotThere):
        insert(DRAFT, "wait", at=at(spot), new_id=ids())


@pytest.mark.parametrize("text", ["", "a", "a:", "a:-1", "a:x", "a:²", "a:99999"])
def test_spot__unreadable(text: str) -> None:
    with pytest.raises(NotThere):
        Spot.read(text)


@pytest.mark.parametrize("kind", KINDS)
def test_insert__every_kind_into_an_empty_journey(kind: str) -> None:
    edited = insert(fresh_journey("api"), kind, at=at(":0"), new_id=ids())
    assert [step.part["id"] for step in steps_in(edited.document)] == ["new1"]


@pytest.mark.parametrize(
    ("step", "to", "expected"),
    [
        ("a", ":2", "b[v1 v2 / e] a p[pa / ] u[ut / ] r[ri] z | g"),
        ("z", ":0", "z a b[v1 v2 / e] p[pa / ] u[ut / ] r[ri] | g"),
        ("a", ":0", WHOLE),
        ("a", ":1", WHOLE),
        ("v1", ":0", "v1 a b[v2 / e] p[pa / ] u[ut / ] r[ri] z | g"),
        ("b", "r/steps:1", "a p[pa / ] u[ut / ] r[ri b[v1 v2 / e]] z | g"),
        ("v2", "b/cases/0:0", "a b[v2 v1 / e] p[pa / ] u[ut / ] r[ri] z | g"),
        ("z", "goal:0", "a b[v1 v2 / e] p[pa / ] u[ut / ] r[ri] | z g"),
    ],
)
def test_move(step: str, to: str, expected: str) -> None:
    edited = move(DRAFT, step, to=at(to))
    assert (told(edited.document), edited.part) == (expected, step)


@pytest.mark.parametrize(("step", "to"), [("b", "b/else:0"), ("gone", ":0"), ("a", "gone/then:0")])
def test_move__impossible(step: str, to: str) -> None:
    with pytest.raises(NotThere):
        move(DRAFT, step, to=at(to))


def test_move__not_into_what_it_owns() -> None:
    inner = insert(DRAFT, "repeat", at=at("b/else:0"), new_id=ids()).document
    with pytest.raises(NotThere):
        move(inner, "b", to=at("new1/steps:0"))


@pytest.mark.parametrize(
    ("step", "by", "expected"),
    [
        ("v1", 1, "a b[v2 v1 / e] p[pa / ] u[ut / ] r[ri] z | g"),
        ("v2", -1, "a b[v2 v1 / e] p[pa / ] u[ut / ] r[ri] z | g"),
        ("a", -1, WHOLE),
        ("z", 1, WHOLE),
    ],
)
def test_nudge(step: str, by: int, expected: str) -> None:
    assert told(nudge(DRAFT, step, by=by).document) == expected


@pytest.mark.parametrize(
    ("number", "by", "expected"), [(0, 1, "BAC"), (2, -1, "ACB"), (0, -1, "ABC"), (2, 1, "ABC")]
)
def test_nudge_case(number: int, by: int, expected: str) -> None:
    cases = [case(name, condition=is_vip(), steps=[wait(name)]) for name in "ABC"]
    draft = journey(steps=[branch("b", cases=cases)])
    moved = nudge_case(draft, "b", number, by=by).document["steps"][0]["cases"]
    assert "".join(way["name"] + way["steps"][0]["id"] for way in moved) == "".join(2 * it for it in expected)


@pytest.mark.parametrize(("step", "number"), [("b", 1), ("b", -1), ("p", 0), ("a", 0)])
def test_nudge_case__no_such_case(step: str, number: int) -> None:
    with pytest.raises(NotThere):
        nudge_case(DRAFT, step, number, by=1)


def test_duplicate__has_ids_and_a_draw_of_its_own() -> None:
    edited = duplicate(DRAFT, "p", new_id=ids())
    assert told(edited.document) == "a b[v1 v2 / e] p[pa / ] new1[new2 / ] u[ut / ] r[ri] z | g"
    salts = [step.part["salt"] for step in steps_in(edited.document) if "salt" in step.part]
    assert salts == ["spring", "new1"]


def test_copy_to__from_another_journey() -> None:
    edited = copy_to(fresh_journey("api"), "b", source=DRAFT, to=at(":0"), new_id=ids())
    assert told(edited.document) == "new1[new3 new4 / new2]"


@pytest.mark.parametrize(
    ("step", "keep", "expected", "then"),
    [
        ("a", "", "b[v1 v2 / e] p[pa / ] u[ut / ] r[ri] z | g", ""),
        ("z", "", "a b[v1 v2 / e] p[pa / ] u[ut / ] r[ri] | g", "r"),
        ("b", "", "a p[pa / ] u[ut / ] r[ri] z | g", "a"),
        ("b", "cases/0", "a v1 v2 p[pa / ] u[ut / ] r[ri] z | g", "a"),
        ("b", "else", "a e p[pa / ] u[ut / ] r[ri] z | g", "a"),
        ("ut", "", "a b[v1 v2 / e] p[pa / ] u[ / ] r[ri] z | g", "u"),
    ],
)
def test_remove(step: str, keep: str, expected: str, then: str) -> None:
    edited = remove(DRAFT, step, keep=keep)
    assert (told(edited.document), edited.part) == (expected, then)


@pytest.mark.parametrize(
    ("part", "keep"), [("gone", ""), ("b", "cases/1"), ("p", "variants/1"), (ENTRY, ""), (EXIT, "")]
)
def test_remove__impossible(part: str, keep: str) -> None:
    with pytest.raises(NotThere):
        remove(DRAFT, part, keep=keep)


def test_parts__added_written_and_removed() -> None:
    added = add_part(DRAFT, EXIT).document
    written = put(added, EXIT, is_vip()).document
    assert written["exit_when"] == is_vip()
    assert remove(written, EXIT).document == DRAFT
    with pytest.raises(NotThere):
        add_part(DRAFT, GOAL)
    assert put(DRAFT, SETTINGS, {"time_zone": "company"}).document["settings"] == {"time_zone": "company"}
    assert "goal" not in remove(DRAFT, GOAL).document


def test_put__keeps_the_steps_that_a_part_owns() -> None:
    cases = [{"name": "Gold", "if": is_vip()}]
    edited = put(DRAFT, "b", {"id": "b", "kind": "branch", "name": "Who?", "cases": cases})
    step = edited.document["steps"][1]
    assert (step["name"], step["cases"][0]["name"]) == ("Who?", "Gold")
    assert told(edited.document) == WHOLE
    assert told(put(DRAFT, GOAL, {"if": {"known": "email"}}).document) == WHOLE


def test_put__a_goal_that_was_a_condition_alone() -> None:
    plain = journey(goal=is_vip())
    assert put(plain, GOAL, {"if": is_vip()}).document["goal"] == {"if": is_vip()}


def test_put__a_wait_without_a_time_out_has_no_way_for_it() -> None:
    step = put(DRAFT, "u", {"id": "u", "kind": "wait_until", "if": is_vip()}).document["steps"][3]
    assert step.keys() == {"id", "kind", "if", "then"}


def test_put__gone() -> None:
    with pytest.raises(NotThere):
        put(DRAFT, "gone", {})


def test_ways() -> None:
    def shares(edited: Edited) -> list[Any]:
        return [(way["name"], way["share"]) for way in edited.document["steps"][2]["variants"]]

    wider = add_way(DRAFT, "p")
    assert shares(wider) == [("A", 34), ("B", 33), ("C", 33)]
    assert shares(remove_way(wider.document, "p", 0)) == [("B", 50), ("C", 50)]
    assert told(add_way(DRAFT, "b").document) == WHOLE.replace("v2 / e", "v2 /  / e")
    assert told(remove_way(add_way(DRAFT, "b").document, "b", 0).document) == WHOLE.replace(
        "v1 v2 / e", " / e"
    )


@pytest.mark.parametrize(("step", "number"), [("b", 0), ("p", 2), ("p", -1), ("a", 0), ("gone", 0)])
def test_remove_way__impossible(step: str, number: int) -> None:
    with pytest.raises(NotThere):
        remove_way(DRAFT, step, number)


def test_with_ids() -> None:
    bare = journey(steps=[{"kind": "exit"}, wait("a"), wait("a")])
    assert told(with_ids(bare, new_id=ids())) == "new1 a new2"


def test_differences() -> None:
    changed = move(remove(put(DRAFT, "a", wait("a", length="P9D")).document, "z").document, "v1", to=at(":0"))
    now = insert(changed.document, "exit", at=at("u/else:0"), new_id=ids()).document
    assert [(each.part, each.kind) for each in differences(DRAFT, now)] == [
        ("v1", ChangeKind.MOVED),
        ("a", ChangeKind.CHANGED),
        ("new1", ChangeKind.ADDED),
        ("z", ChangeKind.REMOVED),
    ]
    one, true = ({"steps": [{"id": "t", "kind": "set_trait", "set": {"vip": value}}]} for value in (1, True))
    assert [each.kind for each in differences(one, true)] == [ChangeKind.CHANGED]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("steps[1].cases[0].if.op", ("b", "cases[0].if.op")),
        ("steps[1].cases[0].steps[1].for", ("v2", "for")),
        ("steps[5]", ("z", "")),
        ("goal.steps[0].action", ("g", "action")),
        ("goal.if", (GOAL, "if")),
        ("entry.on.event", (ENTRY, "on.event")),
        ("exit_when[0]", (EXIT, "[0]")),
        ("steps", ("", "steps")),
        ("", ("", "")),
    ],
)
def test_owner_of(path: str, expected: tuple[str, str]) -> None:
    assert owner_of(DRAFT, path) == expected


@pytest.mark.parametrize(
    ("hold_out", "shares"),
    [(0, [34, 33, 33]), (10, [30, 30, 30]), (12.5, [29.17, 29.17, 29.16]), (101, [34, 33, 33])],
)
def test_add_way__shares_what_is_not_held_out(hold_out: float, shares: list[float]) -> None:
    split = {"id": "p", "kind": "split", "salt": "s", "hold_out": hold_out}
    document = journey(
        steps=[{**split, "variants": [{"name": name, "share": 50, "steps": []} for name in "AB"]}]
    )
    edited = add_way(document, "p").document
    assert [way["share"] for way in edited["steps"][0]["variants"]] == shares
