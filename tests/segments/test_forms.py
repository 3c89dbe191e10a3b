"""Conditions become rows and rows conditions, without loss; what is missing is said at its row."""

from typing import Any

import pytest
from django.http import QueryDict

from segments.domain.operators import Operator
from segments.domain.parse import parse_condition
from segments.forms import JOURNEY, SEGMENT, BadForm, editor_for, from_state, to_state
from segments.forms.comparing import OPERATOR_LABELS
from segments.forms.editing import History, opened, perform, take_kinds
from segments.forms.reading import read
from segments.forms.rows import Kind, Row, read_wire
from segments.forms.writing import write
from segments.starters import STARTERS

TRAIT = {"trait": "plan", "op": "is", "value": "plus"}
WHERE = [{"property": "category", "op": "is", "value": "Tents"}, {"context": "page.path", "op": "known"}]
SHOWN: dict[str, Any] = {
    "event": {"event": "Order", "where": WHERE, "count": {"op": "exactly", "value": 0}},
    "event_window": {"event": "Order", "during": {"last": "P7D"}},
    "event_before": {"event": "Or*", "during": {"before_last": "PT12H"}},
    "event_between": {"event": "Order", "during": {"between": ["2026-01-01", "2026-02-01"]}},
    "text": TRAIT,
    "digits_as_text": {"trait": "code", "op": "is", "value": "12"},
    "number": {"trait": "age", "op": "is", "value": 12},
    "fraction": {"trait": "score", "op": "greater", "value": 1.5},
    "range": {"trait": "age", "op": "between", "value": [18, 65.5]},
    "yes": {"trait": "vip", "op": "is_true"},
    "case": {"trait": "plan", "op": "contains", "value": "Plus", "ignore_case": True},
    "one_of": {"trait": "plan", "op": "one_of", "value": ["a", "b c"]},
    "numbers": {"trait": "age", "op": "not_one_of", "value": [1, 2.5]},
    "pattern": {"trait": "code", "op": "matches", "value": "^A[0-9]{2}$"},
    "before": {"trait": "since", "op": "before", "value": "2026-01-01T10:00:00Z"},
    "on": {"trait": "since", "op": "on", "value": "2026-01-01"},
    "within": {"trait": "since", "op": "within_last", "value": "P3M"},
    "birthday": {"trait": "born", "op": "anniversary", "value": "today"},
    "birthday_soon": {"trait": "born", "op": "anniversary", "value": {"within_next": "P7D"}},
    "includes": {"trait": "tags", "op": "includes", "value": True},
    "includes_quoted": {"trait": "tags", "op": "includes", "value": "12"},
    "includes_mixed": {"trait": "tags", "op": "includes_any", "value": ["12", 12, "x", False]},
    "length": {"trait": "tags", "op": "length", "value": {"op": "at_least", "value": 2}},
    "length_range": {"trait": "tags", "op": "length", "value": {"op": "between", "value": [2, 4]}},
    "items": {
        "trait": "pets",
        "op": "any_item",
        "tests": [
            {"property": "kind", "op": "is", "value": "dog"},
            {
                "property": "toys",
                "op": "every_item",
                "tests": [{"property": "n", "op": "greater", "value": 1}],
            },
        ],
    },
    "known_trait": {"trait": "a.b", "op": "unknown"},
    "total": {
        "total": "distinct",
        "event": "Order",
        "property": "sku",
        "where": WHERE,
        "during": {"last": "P90D"},
        "op": "between",
        "value": [1, 2],
    },
    "last": {"last": "Viewed", "where": WHERE, "had": [{"property": "sku", "op": "is", "value": "T1"}]},
    "first": {"first": "Viewed", "had": [{"property": "sku", "op": "known"}]},
    "sequence": {
        "sequence": [
            {"event": "Viewed", "where": WHERE},
            {"event": "Added", "within": "PT2H"},
            {
                "event": "Order",
                "where": [
                    {"property": "sku", "op": "is", "same_as": {"step": 0, "property": "sku"}},
                    {"property": "cart", "op": "is", "same_as": {"step": 1, "property": "cart"}},
                ],
                "within": "P1D",
                "not": True,
            },
        ],
        "during": {"last": "P30D"},
    },
    "has_been": {"has_been": TRAIT, "for": {"op": "less_than", "value": "P7D"}},
    "segment": {"segment": "vip", "is": "left", "during": {"last": "P7D"}},
    "not_member": {"segment": "vip", "is": "not_member"},
    "list": {"list": "beta"},
    "bucket": {"bucket": "spring", "from": 0, "to": 12.5},
    "engagement": {
        "engagement": "clicked",
        "by": "human",
        "channel": "email",
        "journey": "welcome",
        "step": "s1",
        "count": {"op": "at_most", "value": 2},
        "during": {"last": "P30D"},
    },
    "consent": {"consent": "email_marketing", "is": "unset"},
    "known": {"known": "email"},
}
RAW: dict[str, Any] = {
    "two_units": {"event": "Order", "during": {"last": "P1DT2H"}},
    "spaces": {"trait": "plan", "op": "one_of", "value": [" a"]},
    "mixed": {"trait": "plan", "op": "one_of", "value": ["a", 1]},
    "other_release": {"oracle": 1},
}
IN_JOURNEY: dict[str, Any] = {
    "context": {"context": "device.type", "op": "is", "value": "mobile"},
    "entry": {
        "event": "Order",
        "where": [{"property": "cart", "op": "is", "same_as": {"entry": "properties.cart"}}],
        "during": {"since": "entry"},
    },
}


def test_labels__there_is_one_for_each_operator() -> None:
    assert set(OPERATOR_LABELS) == set(Operator)


class TestRoundTrip:
    @pytest.mark.parametrize("name", SHOWN)
    def test_own_form(self, name: str) -> None:
        root = read({"all": [SHOWN[name]]})
        assert Kind.RAW not in {row.kind for row in root.walk()}
        written = write(root)
        assert written.problems == {}
        assert written.condition == parse_condition({"all": [SHOWN[name]]})

    @pytest.mark.parametrize("name", RAW)
    def test_what_no_form_holds_stays_as_it_is(self, name: str) -> None:
        root = read({"all": [RAW[name]]})
        assert [row.kind for row in root.walk()] == [Kind.GROUP, Kind.RAW]
        assert write(root).document in ({"all": [RAW[name]]}, {"all": []})

    @pytest.mark.parametrize("text", ["[" * 50_000, "1" * 5_000, "NaN", '{"known": 1e999}'])
    def test_json_that_is_no_condition(self, text: str) -> None:
        row = Row(id="r1", kind=Kind.RAW, fields={"json": text})
        written = write(Row(id="r0", kind=Kind.GROUP, fields={"op": "all"}, children=[row]))
        assert written.condition is None
        assert set(written.problems) == {"r1"}

    @pytest.mark.parametrize("name", IN_JOURNEY)
    def test_in_a_journey(self, name: str) -> None:
        document = {"any": [IN_JOURNEY[name]]}
        root = read(document, in_journey=True)
        assert Kind.RAW not in {row.kind for row in root.walk()}
        written = write(root, in_journey=True)
        assert written.condition == parse_condition(document, allow_entry=True)
        assert write(root).condition is None  # and nowhere else

    @pytest.mark.parametrize("starter", STARTERS, ids=lambda one: one.slug)
    def test_starters(self, starter: Any) -> None:
        root = read(starter.condition)
        assert Kind.RAW not in {row.kind for row in root.walk()}
        assert write(root).condition == parse_condition(starter.condition)

    def test_groups(self) -> None:
        document = {"none": [TRAIT, {"any": [{"all": []}, {"none": [TRAIT]}]}]}
        assert write(read(document)).document == document

    def test_a_lonely_leaf_gets_a_group(self) -> None:
        assert write(read(TRAIT)).document == {"all": [TRAIT]}

    def test_state(self) -> None:
        root = read({"all": list(SHOWN.values())})
        assert to_state(from_state(to_state(root))) == to_state(root)


def sent(lines: list[str], **fields: str) -> QueryDict:
    data = QueryDict(mutable=True)
    data.setlist("x-n", lines)
    for name, value in fields.items():
        data[f"x-{name.replace('__', '.')}"] = value
    return data


class TestWire:
    def test_reads_a_tree(self) -> None:
        data = sent(
            ["r1||group", "r2|r1|event", "r3|r2|where"],
            r1__op="any",
            r2__event="Order",
            r2__count="2",
            r3__path="sku",
            r3__op="text:is",
            r3__value="T1",
        )
        assert write(read_wire(data, prefix="x-")).document == {
            "any": [
                {
                    "event": "Order",
                    "where": [{"property": "sku", "op": "is", "value": "T1"}],
                    "count": {"op": "at_least", "value": 2},
                }
            ]
        }

    @pytest.mark.parametrize(
        "lines",
        [
            [],
            ["r1||event"],
            ["r1|r0|group"],
            ["r1||group", "r1|r1|event"],
            ["r1||group", "r2|r9|event"],
            ["r1||group", "r2|r1|where"],
            ["r1||group", "r2|r1|oracle"],
            ["r1||group", "x|r1|event"],
            ["r1||group", "r2|r1"],
            ["r1||group", "r2|r1|group", "r3|r2|step"],
            ["r1||group"] + [f"r{number}|r1|event" for number in range(2, 600)],
        ],
    )
    def test_refuses_what_no_form_sends(self, lines: list[str]) -> None:
        with pytest.raises(BadForm):
            read_wire(sent(lines), prefix="x-")


class TestProblems:
    @pytest.mark.parametrize(
        ("kind", "fields", "text"),
        [
            ("event", {}, "Choose an event."),
            ("event", {"event": "A", "count": ""}, "Say how many times."),
            ("event", {"event": "A", "count": "1.5"}, "Must be a whole number."),
            ("event", {"event": "A", "count": "1", "during": "last"}, "Say how long."),
            ("event", {"event": "A", "count": "1", "during": "between"}, "Choose both dates."),
            ("trait", {"op": "text:is"}, "Choose a trait."),
            ("trait", {"path": "a", "op": "oracle"}, "Choose how to compare."),
            ("trait", {"path": "a", "op": "text:is"}, "Fill in a value."),
            ("trait", {"path": "a", "op": "number:is", "value": "x"}, "“x” is not a number."),
            ("trait", {"path": "a", "op": "date:on"}, "Choose a date."),
            ("trait", {"path": "a", "op": "text:one_of", "value": " "}, "Fill in at least one value."),
            ("trait", {"path": "a", "op": "list:any_item"}, "Add a condition for the items."),
            ("trait", {"path": "a", "op": "text:matches", "value": "("}, "at place 1"),
            ("sequence", {}, "Add a step."),
            ("last", {"event": "A"}, "Say what that event had."),
            ("segment", {}, "Choose a segment."),
            ("bucket", {"bucket": "a", "low": "0", "high": "x"}, "Must be a number from 0 to 100."),
            ("bucket", {"bucket": "a", "low": "0", "high": "101"}, "100"),
            ("raw", {"json": "{"}, "This is no JSON."),
            ("raw", {"json": '{"oracle": 1}'}, "exactly one of"),
        ],
    )
    def test_stands_at_its_row(self, kind: str, fields: dict[str, str], text: str) -> None:
        row = Row(id="r2", kind=Kind(kind), fields=fields)
        sound = Row(id="r3", kind=Kind.KNOWN, fields={"known": "email"})
        root = Row(id="r1", kind=Kind.GROUP, fields={"op": "all"}, children=[row, sound])
        written = write(root)
        assert set(written.problems) == {"r2"}
        assert text in written.problems["r2"].text
        assert written.condition is None
        assert written.document == {"all": [{"known": "email"}]}

    def test_of_a_test__stands_at_the_test(self) -> None:
        root = read({"all": [SHOWN["sequence"], SHOWN["items"]]})
        where = next(row for row in root.walk() if row.get("path") == "cart")
        where.fields["op"] = "text:matches"
        where.fields["by"] = ""
        where.fields["value"] = "(a|"
        item = next(row for row in root.walk() if row.get("path") == "n")
        item.fields["value"] = ""
        assert set(write(root).problems) == {where.id, item.id}


class TestCommands:
    def rows(self) -> Row:
        return read({"all": [SHOWN["sequence"], TRAIT, {"any": [TRAIT]}]})

    def test_add(self) -> None:
        root = read({"all": []})
        assert perform(root, "add:r1:event").focus == "r2"
        assert perform(root, "add:r2:where").focus == "r3"
        assert [row.kind for row in root.walk()] == [Kind.GROUP, Kind.EVENT, Kind.WHERE]
        assert perform(root, "add:r1:where").said
        assert perform(root, "add:r1:oracle").said

    def test_groups_go_three_deep(self) -> None:
        root = read({"all": [{"any": [{"all": [{"any": []}]}]}]})
        deepest = list(root.walk())[-1]
        done = perform(root, f"add:{deepest.id}:group")
        assert "deeper" in done.said
        assert deepest.children == []

    def test_wrapping_goes_no_deeper_either(self) -> None:
        root = read({"all": [{"any": [{"all": [{"any": [TRAIT]}]}]}]})
        before = to_state(root)
        assert "deeper" in perform(root, "wrap:r2").said
        assert "deeper" in perform(root, "wrap:r5").said
        assert to_state(root) == before

    def test_duplicate__keeps_what_its_tests_compare_with(self) -> None:
        root = self.rows()
        sequence = root.nodes[0]
        perform(root, f"dup:{sequence.id}")
        document = write(root).document
        assert document["all"][0] == document["all"][1]
        assert len({row.id for row in root.walk()}) == len(list(root.walk()))

    def test_remove_and_move(self) -> None:
        root = self.rows()
        first, second, _third = root.nodes
        assert perform(root, f"down:{first.id}").said == "Now 2 of 3."
        assert [row.id for row in root.nodes][:2] == [second.id, first.id]
        assert perform(root, f"up:{second.id}").said == "It cannot go further."
        assert perform(root, f"del:{first.id}").focus == second.id
        assert len(root.nodes) == 2
        assert perform(root, f"del:{root.id}").focus == ""

    def test_steps_move_and_tests_follow(self) -> None:
        root = self.rows()
        steps = root.nodes[0].parts(Kind.STEP)
        perform(root, f"up:{steps[1].id}")
        document = write(root).document["all"][0]["sequence"]
        assert [step["event"] for step in document] == ["Added", "Viewed", "Order"]
        assert document[2]["where"][0]["same_as"]["step"] == 1

    def test_a_step_that_others_compare_with_is_missed(self) -> None:
        root = self.rows()
        steps = root.nodes[0].parts(Kind.STEP)
        perform(root, f"del:{steps[0].id}")
        assert "That step is gone" in next(iter(write(root).problems.values())).text

    def test_wrap_and_unwrap(self) -> None:
        root = self.rows()
        before = write(root).document
        trait = root.nodes[1]
        group = perform(root, f"wrap:{trait.id}").focus
        assert write(root).document["all"][1] == {"any": [TRAIT]}
        perform(root, f"unwrap:{group}")
        assert write(root).document == before

    def test_kind__keeps_what_both_have(self) -> None:
        root = read({"all": [{"event": "Order", "where": WHERE, "during": {"last": "P7D"}}]})
        root.nodes[0].fields["kind"] = "total"
        take_kinds(root)
        row = root.nodes[0]
        assert (row.kind, row.get("event"), row.get("during_amount")) == (Kind.TOTAL, "Order", "7")
        assert len(row.parts(Kind.WHERE)) == 2

    def test_what_is_gone__is_said(self) -> None:
        root = self.rows()
        before = to_state(root)
        for command in ("del:r99", "fly:r1", "add", "add:r1"):
            assert perform(root, command).said
        assert to_state(root) == before


class TestHistory:
    def test_goes_back_and_forth(self) -> None:
        history = History()
        states = [read({"all": [TRAIT] * number}) for number in range(3)]
        for state in states:
            history = history.with_state(state).with_state(state)
        assert len(history.states) == 3
        back = history.moved(-1).moved(-1).moved(-1)
        assert to_state(back.root()) == to_state(states[0])
        assert (back.can_undo, back.can_redo) == (False, True)
        assert not back.with_state(states[2]).can_redo
        assert opened(history.sealed()) == history

    def test_what_looks_alike_is_one_state(self) -> None:
        history = History().with_state(read({"all": [{"known": "email"}, {"engagement": "opened"}]}))
        sent = read({"all": [{"known": "email"}, {"engagement": "opened"}]})
        sent.nodes[1].fields |= {"by": "human", "channel": "email", "journey": "", "during_unit": "days"}
        assert history.with_state(sent) is history

    def test_is_bounded(self) -> None:
        history = History()
        for number in range(40):
            history = history.with_state(read({"all": [{"event": str(number)}]}))
        assert len(history.states) == 25
        assert not history.can_redo

    def test_refuses_what_is_not_ours(self) -> None:
        with pytest.raises(BadForm):
            opened("abc")


def test_scopes__only_journeys_ask_about_the_message() -> None:
    assert Kind.CONTEXT in JOURNEY.kinds
    assert Kind.CONTEXT not in SEGMENT.kinds


@pytest.mark.django_db
def test_editor__says_the_condition_in_words() -> None:
    editor = editor_for({"all": [TRAIT]})
    assert editor.sentence == "plan is “plus”"
    assert not editor.history.can_undo
