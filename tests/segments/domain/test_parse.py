"""Every fault has a path; every document comes back as it was read; every operator is described."""

from typing import Any

import pytest

from segments.domain.conditions import By, Engaged, Reads, TotalKind, reads
from segments.domain.describe import describe
from segments.domain.operators import OPERATORS, Operator
from segments.domain.parse import ConditionError, parse_condition, to_json
from tests.segments.domain.documents import SAMPLE_VALUES

E: dict[str, Any] = {"event": "x"}
T: dict[str, Any] = {"trait": "x", "op": "is", "value": "a"}

_SAME: dict[str, Any] = {"property": "a", "op": "is", "same_as": {"step": 0, "property": "a"}}
_TOTAL: dict[str, Any] = {"total": "sum", "event": "x", "property": "a", "op": "is", "value": 1}
_LASTING: dict[str, Any] = {"op": "at_least", "value": "P7D"}


def then(*steps: dict[str, Any]) -> dict[str, Any]:
    """A sequence that begins with x."""
    return {"sequence": [E, *(E | step for step in steps)]}


FAULTS: list[tuple[Any, str, str]] = [
    (_TOTAL | {"total": "median"}, "total", "must be one of sum, average, min, max, distinct"),
    (_TOTAL | {"op": "known"}, "", "must compare numbers"),
    (_TOTAL | {"value": "a"}, "", "must compare numbers"),
    (_TOTAL | {"op": "one_of", "value": [1]}, "", "must compare numbers"),
    (_TOTAL | {"count": {"op": "at_least", "value": 1}}, "count", "is not a known key here"),
    ({"last": "x"}, "had", "must hold at least one test"),
    ({"first": "x", "had": [{"property": "a"}]}, "had[0].op", "is missing"),
    ({"sequence": []}, "sequence", "must hold from 1 to 10 steps"),
    ({"sequence": [E] * 11}, "sequence", "must hold from 1 to 10 steps"),
    ({"sequence": [E | {"not": True}]}, "sequence[0].not", "needs a step before it"),
    ({"sequence": [E | {"within": "P1D"}]}, "sequence[0].within", "needs a step before it"),
    (then({"not": True}), "sequence[1].within", "is needed"),
    (then({"not": True}, {"not": True, "within": "P1D"}), "sequence[1].within", "is needed"),
    (then({"not": 1}), "sequence[1].not", "must be true or false"),
    (then({"within": "P1M"}), "sequence[1].within", "must be in weeks, days"),
    (then({"where": [_SAME | {"op": "greater"}]}), "sequence[1].where[0].op", "must be is"),
    (
        then({"where": [_SAME | {"ignore_case": True}]}),
        "sequence[1].where[0].ignore_case",
        "is for texts only",
    ),
    (
        then({"not": True}, {"where": [_SAME | {"same_as": {"step": 1, "property": "a"}}]}),
        "sequence[2].where[0].same_as.step",
        "must be the number of an earlier step that happens",
    ),
    (
        then({"where": [_SAME | {"same_as": {"step": 1, "property": "a"}}]}),
        "sequence[1].where[0].same_as.step",
        "must be the number of an earlier step that happens",
    ),
    (E | {"where": [_SAME]}, "where[0].same_as", "is only possible inside of a journey"),
    ({"has_been": T}, "for", "is missing"),
    ({"has_been": {"event": "x"}, "for": _LASTING}, "has_been.trait", "is missing"),
    ({"has_been": T, "for": _LASTING | {"op": "exactly"}}, "for.op", "must be one of at_least, less_than"),
    ({"has_been": T, "for": _LASTING | {"value": "P1M"}}, "for.value", "must be in weeks, days"),
    (
        {"has_been": {"trait": "x", "op": "within_last", "value": "P1D"}, "for": _LASTING},
        "has_been.op",
        "changes with the clock",
    ),
    ({"list": ""}, "list", "must not be empty"),
    ({"bucket": "a", "from": 50, "to": 50}, "to", "must be more than from, and both from 0 to 100"),
    ({"bucket": "a", "from": 0, "to": 101}, "to", "must be more than from, and both from 0 to 100"),
    ({"bucket": "a", "from": "0", "to": 10}, "from", "must be a number"),
    ({"engagement": "read"}, "engagement", "must be one of sent, delivered, opened, clicked"),
    ({"engagement": "sent", "by": "machine"}, "by", "goes with opened and clicked only"),
    ({"engagement": "sent", "step": "s1"}, "step", "needs the journey that it is a step of"),
    ({"engagement": "sent", "channel": "fax"}, "channel", "must be one of email, sms, push"),
    ([], "", "must be an object"),
    ({}, "", "must have exactly one of the keys"),
    ({"sequel": []}, "", "must have exactly one of the keys"),
    ({"all": [], "any": []}, "", "must have exactly one of the keys"),
    ({"all": {}}, "all", "must be a list"),
    ({"all": [E, {"any": [{"trat": "x"}]}]}, "all[1].any[0]", "must have exactly one of the keys"),
    (E | {"wher": []}, "wher", "is not a known key here"),
    ({"event": ""}, "event", "must not be empty"),
    ({"event": 1}, "event", "must be a text"),
    ({"event": "a\0"}, "event", "holds a character that cannot be stored"),
    (E | {"count": {"op": "at_least", "value": 1.5}}, "count.value", "must be a whole number"),
    (E | {"count": {"op": "at_least", "value": True}}, "count.value", "must be a whole number"),
    (E | {"count": {"op": "at_least", "value": -1}}, "count.value", "must be from 0 to 1000000"),
    (E | {"count": {"op": "more", "value": 1}}, "count.op", "must be one of at_least, at_most, exactly"),
    (E | {"count": {"op": "at_least"}}, "count.value", "is missing"),
    (E | {"during": {"last": "P1M"}}, "during.last", "must be in weeks, days, hours, minutes or seconds"),
    (E | {"during": {"last": "7d"}}, "during.last", "must be a length of time"),
    (E | {"during": {"last": "P0D"}}, "during.last", "must be a length of time"),
    (E | {"during": {"last": "P999999D"}}, "during.last", "must be a length of time"),
    (E | {"during": {"first": "P7D"}}, "during", "must have exactly one of the keys"),
    (E | {"during": {"between": ["2026-01-01"]}}, "during.between", "must hold two dates"),
    (E | {"during": {"between": ["2026-01-01", "2026-02-30"]}}, "during.between[1]", "must be a date"),
    (E | {"during": {"between": ["2026-01-02", "2026-01-01"]}}, "during.between", "must end after it begins"),
    (E | {"during": {"since": "entry"}}, "during.since", "is only possible inside of a journey"),
    (E | {"where": [{"op": "known"}]}, "where[0]", "must have exactly one of the keys property, context"),
    (E | {"where": [{"property": "a..b", "op": "known"}]}, "where[0].property", "has an empty part"),
    (
        E | {"where": [{"property": "a", "op": "is", "same_as": {"entry": "properties.a"}}]},
        "where[0].same_as",
        "is only possible inside of a journey",
    ),
    (T | {"op": "equals"}, "op", "must be one of is, is_not"),
    (T | {"value": True}, "value", "use is_true, is_false"),
    (T | {"value": None}, "value", "must be a text or a number"),
    (T | {"value": float("nan")}, "value", "must be a number"),
    (T | {"value": 10**309}, "value", "must be a number"),
    (T | {"ignore_case": 1}, "ignore_case", "must be true or false"),
    (T | {"value": 5, "ignore_case": True}, "ignore_case", "is for texts only"),
    (T | {"op": "greater"}, "value", "must be a number"),
    (T | {"op": "greater", "value": 5, "ignore_case": True}, "ignore_case", "is not a known key here"),
    (T | {"op": "one_of", "value": []}, "value", "must hold at least one value"),
    (T | {"op": "one_of", "value": ["a", None]}, "value[1]", "must be a text or a number"),
    (T | {"op": "between", "value": [2, 1]}, "value", "must begin with the smaller number"),
    (T | {"op": "known"}, "value", "is not a known key here"),
    (T | {"op": "on", "value": "2026-01-01T10:00"}, "value", "must be a day"),
    (T | {"op": "anniversary", "value": {"within_next": "PT1H"}}, "value.within_next", "whole days"),
    (T | {"op": "length", "value": {"op": "contains", "value": "a"}}, "value", "must compare numbers"),
    (T | {"op": "length", "value": {"op": "is", "value": "a"}}, "value", "must compare numbers"),
    ({"trait": "x", "op": "any_item", "tests": []}, "tests", "must hold at least one test"),
    (
        {"trait": "x", "op": "any_item", "tests": [{"context": "a", "op": "known"}]},
        "tests[0].property",
        "is missing",
    ),
    (T | {"op": "matches", "value": "(?=a)"}, "value", "unknown kind of group"),
    ({"segment": "vip", "is": "in"}, "is", "must be one of member, not_member, left"),
    ({"segment": "vip", "is": "not_member", "during": {"last": "P1D"}}, "during", "goes with member or left"),
    ({"consent": "mail", "is": "yes"}, "is", "must be one of granted, denied, unset"),
    ({"known": None}, "known", "must be a text"),
    ({"context": "a", "op": "known"}, "context", "is only possible inside of a journey"),
]


@pytest.mark.parametrize(("document", "path", "message"), FAULTS)
def test_parse__names_the_place_and_the_fault(document: Any, path: str, message: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse_condition(document, path="if")
    assert caught.value.path == (f"if.{path}" if path else "if")
    assert message in caught.value.message


def test_parse__refuses_what_is_too_deep_or_too_long() -> None:
    deep: Any = E
    for _ in range(21):
        deep = {"all": [deep]}
    with pytest.raises(ConditionError, match="nested too deeply"):
        parse_condition(deep)
    with pytest.raises(ConditionError, match="at most 500 parts"):
        parse_condition({"all": [E] * 500})
    assert parse_condition({"all": [E] * 499})


def test_parse__same_as_names_something_of_the_entry() -> None:
    for entry in ("cart_id", "properties", "name.x"):
        where = [{"property": "a", "op": "is", "same_as": {"entry": entry}}]
        with pytest.raises(ConditionError, match=r"where\[0\].same_as.entry: must begin with"):
            parse_condition(E | {"where": where}, allow_entry=True)


DOCUMENTS: list[dict[str, Any]] = [
    *({"trait": "a.b", "op": str(op)} | values for op, values in SAMPLE_VALUES.items()),
    E,
    E
    | {
        "where": [
            {"property": "items.0.sku", "op": "is", "same_as": {"entry": "properties.sku"}},
            {"context": "page.path", "op": "starts_with", "value": "/p", "ignore_case": True},
        ],
        "count": {"op": "exactly", "value": 0},
        "during": {"since": "entry"},
    },
    {"event": "Order *", "during": {"last": "P7DT4H"}},
    {"event": "*", "during": {"before_last": "PT90M"}},
    E | {"during": {"between": ["2026-01-01T10:00:00", "2026-02-01T00:00:00Z"]}},
    {"segment": "vip", "is": "member", "during": {"last": "P7D"}},
    {"segment": "vip", "is": "not_member"},
    {"segment": "vip", "is": "left"},
    {"consent": "email_marketing", "is": "unset"},
    {"known": "email"},
    {"context": "device.type", "op": "one_of", "value": ["mobile", "tablet"], "ignore_case": True},
    {"none": [E, {"any": [T, {"all": []}]}]},
    *(_TOTAL | {"total": str(kind), "during": {"last": "P7D"}} for kind in TotalKind),
    _TOTAL | {"where": [{"property": "b", "op": "known"}], "op": "between", "value": [1, 2.5]},
    {
        "last": "x",
        "where": [{"property": "b", "op": "known"}],
        "had": [{"context": "a", "op": "is", "value": 1}],
    },
    {"first": "x", "had": [{"property": "a", "op": "is_true"}], "during": {"before_last": "P7D"}},
    {"sequence": [E]},
    then({"where": [_SAME], "within": "PT4H"}, {"not": True}, {"within": "P1D"})
    | {"during": {"last": "P30D"}},
    then({"where": [_SAME | {"same_as": {"entry": "properties.a"}}]}, {"not": True, "within": "P1D"}),
    {"has_been": T, "for": _LASTING},
    {"has_been": {"trait": "a.b", "op": "unknown"}, "for": {"op": "less_than", "value": "PT4H"}},
    {"list": "beta"},
    {"bucket": "a", "from": 0, "to": 33.3},
    *({"engagement": str(kind)} for kind in Engaged),
    *({"engagement": "opened", "by": str(by)} for by in By),
    {
        "engagement": "clicked",
        "channel": "sms",
        "journey": "j",
        "step": "s",
        "count": {"op": "exactly", "value": 2},
    },
]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_to_json__gives_an_equal_condition(document: dict[str, Any]) -> None:
    condition = parse_condition(document, allow_entry=True)
    written = to_json(condition)
    assert parse_condition(written, allow_entry=True) == condition
    assert to_json(parse_condition(written, allow_entry=True)) == written
    assert len(describe(condition)) > 4


def test_conditions__yes_and_one_are_not_equal() -> None:
    one, yes = (parse_condition({"trait": "x", "op": "includes", "value": value}) for value in (1, True))
    assert one != yes
    assert len({one, yes}) == 2


def test_to_json__keeps_what_was_written() -> None:
    document = {"event": "x", "count": {"op": "exactly", "value": 3}, "during": {"last": "P7D"}}
    assert to_json(parse_condition(document)) == document


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (
            {
                "event": "Page Viewed",
                "where": [{"property": "path", "op": "is", "value": "/pricing"}],
                "count": {"op": "exactly", "value": 3},
                "during": {"last": "P7D"},
            },
            "did “Page Viewed” (where path is “/pricing”) exactly 3 times in the last 7 days",
        ),
        (
            {"all": [E | {"count": {"op": "exactly", "value": 0}}, {"any": [{"known": "email"}, T]}]},
            "never did “x” and (has a known email or x is “a”)",
        ),
        ({"none": [{"event": "Order *"}]}, "not (did anything that begins with “Order ” at least 1 time)"),
        ({"consent": "mail", "is": "granted"}, "has granted the consent “mail”"),
        (
            {"segment": "vip", "is": "left", "during": {"last": "P1DT12H"}},
            "has left the segment “vip” in the last 1 day and 12 hours",
        ),
        (
            {"trait": "tags", "op": "length", "value": {"op": "at_least", "value": 2}},
            "the count is at least 2 for the number of items in tags",
        ),
        ({"all": []}, "everybody"),
        (
            {
                "total": "sum",
                "event": "Order Completed",
                "property": "revenue",
                "during": {"last": "P90D"},
                "op": "greater",
                "value": 500,
            },
            "the sum of revenue over “Order Completed” in the last 90 days is greater than 500",
        ),
        (
            {"last": "Order", "had": [{"property": "coupon", "op": "known"}], "during": {"last": "P7D"}},
            "the last “Order” in the last 7 days had: coupon is known",
        ),
        (
            {
                "sequence": [
                    {"event": "Product Viewed"},
                    {
                        "event": "Order Completed",
                        "where": [{"property": "sku", "op": "is", "same_as": {"step": 0, "property": "sku"}}],
                        "within": "PT24H",
                        "not": True,
                    },
                ],
                "during": {"last": "P30D"},
            },
            "did “Product Viewed”, then for 24 hours not “Order Completed” (where sku is the sku of step 1),"
            " all in the last 30 days",
        ),
        (
            then({"within": "PT1H"}, {"not": True}, {}),
            "did “x”, then within 1 hour “x”, then not “x”, then “x”",
        ),
        ({"has_been": T, "for": _LASTING}, "x is “a”, for at least 7 days"),
        ({"list": "beta"}, "was added to “beta” by hand"),
        ({"bucket": "a", "from": 0, "to": 50}, "is among 0 to 50 per cent of people by “a”"),
        (
            {"engagement": "opened", "journey": "welcome", "during": {"last": "P30D"}},
            "opened an email of the journey “welcome” at least 1 time in the last 30 days",
        ),
        (
            {"engagement": "clicked", "by": "anyone", "count": {"op": "exactly", "value": 0}},
            "clicked a link in an email (people or programs) exactly 0 times",
        ),
    ],
)
def test_describe__says_it_like_a_person(document: dict[str, Any], sentence: str) -> None:
    assert describe(parse_condition(document)) == sentence


def test_describe__speaks_the_translator_s_language() -> None:
    class Shouting:
        def gettext(self, message: str) -> str:
            return (
                message.upper()
                .replace("{WHAT}", "{what}")
                .replace("{VALUE}", "{value}")
                .replace("{TEXT}", "{text}")
            )

        def ngettext(self, singular: str, plural: str, number: int) -> str:
            return singular if number == 1 else plural

    assert describe(parse_condition(T), translator=Shouting()) == "x IS “a”"


def test_reads__gathers_what_must_be_at_hand() -> None:
    found = reads(
        parse_condition(
            {
                "any": [
                    {"event": "a", "during": {"last": "P7D"}},
                    {"none": [{"event": "b*", "during": {"last": "PT4H"}}]},
                    {"trait": "address.country", "op": "is", "value": "DE"},
                    {"segment": "vip", "is": "member"},
                    {"consent": "mail", "is": "granted"},
                    {"known": "email"},
                    _TOTAL | {"event": "c", "during": {"last": "P2D"}},
                    {"sequence": [{"event": "d"}, {"event": "e"}], "during": {"last": "P1D"}},
                    {"engagement": "opened", "during": {"last": "P1D"}},
                    {"has_been": {"trait": "plan.name", "op": "known"}, "for": _LASTING},
                    {"list": "beta"},
                    {"bucket": "a", "from": 0, "to": 50},
                ]
            }
        )
    )
    assert found.event_names == {"a", "b*", "c", "d", "e", "Email Opened"}
    assert found.window is not None
    assert found.window.days == 7
    assert found.trait_keys == {"address", "plan"}
    assert found.trait_histories == {"plan"}
    assert found.lists == {"beta"}
    assert found.segments == {"vip"}
    assert found.consents == {"mail"}
    assert found.identity_kinds == {"email"}
    assert (found.needs_context, found.needs_entry, found.needs_zone) == (False, False, False)


@pytest.mark.parametrize("during", [None, {"before_last": "P7D"}, {"between": ["2026-01-01", "2026-01-02"]}])
def test_reads__other_windows_reach_to_the_beginning(during: Any) -> None:
    assert reads(parse_condition(E | ({"during": during} if during else {}))).window is None


def test_reads__nothing_needs_nothing() -> None:
    assert reads(parse_condition({"all": []})) == Reads()


def test_operators__all_have_samples() -> None:
    assert set(SAMPLE_VALUES) == set(Operator) == set(OPERATORS)
