"""Generated conditions and people, for tests that compare the readers of a condition.

Values come from small pools full of edges, and half of a person's from the neighbourhood of what is asked,
so that answers are often yes. A person's data are JSON text: in memory they are decoded as the drain
decodes them, in the database they stand as they are.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from profiles.domain.exact import decode_json
from profiles.domain.facts import Event, Facts, Stay, TraitChange
from segments.domain.conditions import By, Engaged, TotalKind
from segments.domain.operators import OPERATORS, Operator, Takes
from segments.domain.values import parse_length

NOW = datetime(2026, 3, 29, 10, 30, tzinfo=UTC)  # in Berlin the clock sprang forward nine hours ago
TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)

KEYS = ["a", "b"]
PROPERTIES = [
    *KEYS,
    "revenue",
    "by",
    "journey",
]  # a and b of traits as well; the others as the product writes them
NAMES = ["Order", "Order Paid", "Viewed", "Email Opened", "Email Sent"]
SLUGS = ["vip", "new"]
CATEGORIES = ["mail", "sms"]
KINDS = ["email", "user_id"]
ZONES = ["", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]

_TEXTS = ["", "a", "A", "ab", "É", "é", "İ", "ΑΣ", "ας", "12", "%_\\", "a\nb", "x😀y"]
_DATES = [
    "2026-03-29", "2026-03-28", "2026-03-22", "2026-04-05", "2000-02-29", "1990-03-29", "2026-02-30",
    "2026-03-29T10:30:00Z", "2026-03-29T10:30:00.000001Z", "2026-03-28T11:30:00+01:00", "2026-03-28T10:30Z",
    "2026-03-22T10:30:00", "2026-03-29T02:30:00", "2025-10-26T02:30:00", "2026-02-28T10:30:00-0500",
    "2026-03-29 12:30:00.1234567890", "0999-12-31", "9999-01-01", "0000-01-01", "2026-3-29",
    "2026-03-29T24:00:00Z", "2026-03-29T10:30:60Z", "2026-03-29T10:30:00+16", "2026-03-29T10:30:00-15:59",
]  # fmt: skip
_NUMBERS = [
    *("0", "1", "-1", "1.0", "12", "0.1", "0.10000000000000000001", "5e-1", "1e2", "1e308", "1.1e308"),
    *("123456789012345678901234567890", "-1e309", "1e400", "1774780200", "1774780200000", "1774780200.5"),
    *("99999999999", "100000000000", "-30610224000", "-30610224001", "253370764799.999999"),
    *("253370764800000", "-62135596800000"),
]
_LISTS = [
    "[]", '["a"]', '["a", 1, true]', "[1.0, null]", '[["a"]]', '[{"sku": "a", "n": 5}, {"sku": "b"}]',
    '[{"sku": "a", "tags": ["x"]}]', "[3, {}]",
]  # fmt: skip
_OBJECTS = ["{}", '{"0": "a"}', '{"c": 1}', '{"c": [{"d": "a"}]}', '{"c": null}']


def _json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


VALUES: list[str] = [
    *("null", "true", "false"),
    *map(_json_text, _TEXTS + _DATES),
    *_NUMBERS,
    *_LISTS,
    *_OBJECTS,
]
values = st.sampled_from(VALUES)

_DAYS = ["2026-03-29", "2026-03-28", "2026-03-22", "2000-02-29", "2026-04-05"]
_SCALARS: list[Any] = [*_TEXTS[1:], *_DAYS[:2], 0, 1, -1, 12, 0.1, 0.5, 100, 12 * 10**29, 1774780200, 1e308]
_LENGTHS = ["P1D", "P7D", "PT24H", "PT1H", "P1M", "P1Y", "P1M1DT1H"]
WANTED: dict[Takes, list[Any]] = {
    Takes.NOTHING: [None],
    Takes.SCALAR: _SCALARS,
    Takes.ITEM: [*_SCALARS, True, False],
    Takes.ITEMS: [["a", 1, True], ["É", 12], [False], ["A", "b", "2026-03-29"], [0.1, "12"], ["a", "a"]],
    Takes.TEXT: _TEXTS[1:],
    Takes.PATTERN: [
        *("a", "^a$", "[^a]", "^.$", r"^\w+$", "(a|É)b?", r"\d{2}", "[é-ü]", r"[\D]x", "^a|b$", "[A-É]", "İ"),
        *("😀", r"\s", "[^\\s]{2,3}", "^(ab?)*$", r"\\", "%_"),
    ],
    Takes.NUMBER: [one for one in _SCALARS if not isinstance(one, str)],
    Takes.RANGE: [[0, 1], [1, 1], [-1e308, 1e308], [0.1, 100], [12, 10**30]],
    Takes.DATE: [
        *_DAYS,
        "2026-03-29T10:30:00Z",
        "2026-03-28T10:30:00Z",
        "2026-03-22T10:30:00",
        "2026-03-29T02:30:00",
    ],
    Takes.DAY: _DAYS,
    Takes.LENGTH: _LENGTHS,
    Takes.RETURN: ["today", {"within_next": "P7D"}, {"within_next": "P1M"}, {"within_next": "P1Y"}],
    Takes.COUNT: [
        {"op": op, "value": value}
        for op, value in (("is", 2), ("is_not", 1), ("at_least", 1), ("less", 2), ("between", [0, 1]))
    ],
    Takes.TESTS: [
        [{"property": "sku", "op": "is", "value": "a"}, {"property": "n", "op": "greater", "value": 1}],
        [{"property": "sku", "op": "is_not", "value": "a"}],
        [{"property": "tags", "op": "any_item", "tests": [{"property": "0", "op": "unknown"}]}],
    ],
}
_item_paths = st.sampled_from(["sku", "n", "tags", "0"])


@st.composite
def comparisons(draw: st.DrawFn, *, is_inner: bool = False) -> dict[str, Any]:
    """An operator with what stands beside it, as JSON."""
    ops = [op for op in Operator if not (is_inner and OPERATORS[op].takes is Takes.TESTS)]
    op = draw(st.sampled_from(ops))
    row = OPERATORS[op]
    document: dict[str, Any] = {"op": str(op)}
    if row.takes is Takes.TESTS:
        tests = st.builds(
            lambda path, test: {"property": path} | test, _item_paths, comparisons(is_inner=True)
        )
        return document | {"tests": draw(st.lists(tests, min_size=1, max_size=2))}
    if row.takes is Takes.NOTHING:
        return document
    document["value"] = draw(st.sampled_from(WANTED[row.takes]))
    wanted = document["value"]
    has_text = isinstance(wanted, str) or (
        isinstance(wanted, list) and any(isinstance(w, str) for w in wanted)
    )
    if row.has_case and has_text and draw(st.booleans()):
        document["ignore_case"] = True
    return document


_paths = st.sampled_from(["a", "b", "a.c", "a.0", "b.0.sku", "a.c.0.d"])
_properties = st.sampled_from(["a", "b", "revenue", "a.c", "a.0", "revenue", "b.0.sku"])
DURING: list[dict[str, Any] | None] = [
    None,
    *({kind: length} for kind in ("last", "before_last") for length in ("P1D", "P7D", "PT24H", "PT1H")),
    {"between": ["2026-03-22", "2026-03-29"]},
    {"between": ["2026-03-28T10:30:00Z", "2026-03-29T10:30:00Z"]},
    {"between": ["2026-03-28T00:00:00", "2027-01-01"]},
]
_during = st.sampled_from(DURING)
_event_counts = st.none() | st.builds(
    lambda op, value: {"op": op, "value": value},
    st.sampled_from(["at_least", "at_most", "exactly"]),
    st.integers(0, 3),
)


def _with(document: dict[str, Any], **parts: Any) -> dict[str, Any]:
    return document | {key: part for key, part in parts.items() if part}


tests = st.builds(
    lambda source, path, test: {source: path} | test,
    st.sampled_from(["property", "property", "context"]),
    _properties,
    comparisons(),
)
_names = st.sampled_from([*NAMES[:3], "Order", "Order*", "*", "Unheard"])
_few_tests: st.SearchStrategy[list[dict[str, Any]]] = st.just([]) | st.lists(tests, max_size=2)
events_asked = st.builds(
    lambda name, where, count, during: _with({"event": name}, where=where, count=count, during=during),
    _names,
    _few_tests,
    _event_counts,
    _during,
)
_NUMBERS_ASKED: list[dict[str, Any]] = [
    {"op": op, "value": value}
    for op in ("is", "is_not", "greater", "at_least", "less", "at_most")
    for value in (0, 1, 2, -1, 0.1, 12, 0.5, 1e308)
] + [{"op": "between", "value": value} for value in WANTED[Takes.RANGE]]
totals_asked = st.builds(
    lambda kind, name, path, where, during, test: _with(
        {"total": str(kind), "event": name, "property": path} | test, where=where, during=during
    ),
    st.sampled_from(TotalKind),
    _names,
    _properties,
    _few_tests,
    _during,
    st.sampled_from(_NUMBERS_ASKED),
)
positions_asked = st.builds(
    lambda word, name, where, had, during: _with({word: name, "had": had}, where=where, during=during),
    st.sampled_from(["first", "last"]),
    _names,
    _few_tests,
    st.lists(tests, min_size=1, max_size=2),
    _during,
)
_within = st.sampled_from([None, None, "P1D", "P1D", "P7D", "PT1H", "PT10H"])
_step_names = st.sampled_from(["Order", "Order", "Order", "Viewed", "Viewed", "Order*", "*"])
_sometimes = st.sampled_from([True, False, False])
_seldom = st.sampled_from([True, *[False] * 7])


@st.composite
def sequences_asked(draw: st.DrawFn) -> dict[str, Any]:
    """Up to four steps, compared with each other in one way, in several, or not at all."""
    sharing = draw(st.sampled_from(["none", "none", "none", "one", "any"]))
    steps: list[dict[str, Any]] = []
    for place in range(draw(st.sampled_from([1, 2, 2, 2, 2, 3, 3, 4]))):
        where = draw(st.lists(tests, max_size=1)) if draw(_seldom) else []
        step: dict[str, Any] = {"event": draw(_step_names)}
        if place:
            step |= _with({}, within=draw(_within))
            step |= {"not": True} if draw(_sometimes) else {}
            earlier = [number for number, before in enumerate(steps) if "not" not in before]
            if sharing == "one" or (sharing == "any" and draw(st.booleans())):
                mine, theirs = (
                    ("a", "a") if sharing == "one" else draw(st.tuples(*[st.sampled_from(KEYS)] * 2))
                )
                link = {"step": draw(st.sampled_from(earlier)), "property": theirs}
                where = [*where, {"property": mine, "op": "is", "same_as": link}]
        steps.append(_with(step, where=where))
    for step in reversed(steps):
        if "not" not in step:
            break
        step.setdefault("within", "P1D")
    return _with({"sequence": steps}, during=draw(_during) if draw(_sometimes) else None)


_engaged = [Engaged.OPENED, Engaged.OPENED, Engaged.SENT, Engaged.CLICKED]


@st.composite
def engagements_asked(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(_engaged))
    by = draw(st.sampled_from([None, *By])) if kind in (Engaged.OPENED, Engaged.CLICKED) else None
    journey = draw(st.sampled_from(["", "", "welcome"]))
    document = _with({"engagement": str(kind)}, by=by and str(by), journey=journey)
    return _with(document, count=draw(_event_counts), during=draw(_during))


_SIMPLE: list[dict[str, Any]] = [{"op": "known"}, {"op": "unknown"}, {"op": "is_not", "value": "a"}]
lasting_asked = st.builds(
    lambda path, test, op, length: {
        "has_been": {"trait": path} | test,
        "for": {"op": op, "value": length},
    },
    st.just("a") | _paths,
    st.sampled_from(_SIMPLE) | comparisons(),
    st.sampled_from(["at_least", "less_than"]),
    st.sampled_from(["P1D", "P7D", "PT1H"]),
).filter(lambda document: not moves(document["has_been"]))
lists_asked = st.builds(lambda slug: {"list": slug}, st.sampled_from([*SLUGS, "unheard"]))
buckets_asked = st.builds(
    lambda salt, start, size: {"bucket": salt, "from": start, "to": start + size},
    st.sampled_from(["a", "é:b"]),
    st.sampled_from([0, 10, 33.3]),
    st.sampled_from([50, 1, 66.7]),
)
_MOVING = [str(op) for op, row in OPERATORS.items() if row.moves]


def moves(comparison: Mapping[str, Any]) -> bool:
    """Whether time alone can turn it."""
    return comparison["op"] in _MOVING or any(moves(test) for test in comparison.get("tests", ()))


traits_asked = st.builds(lambda path, test: {"trait": path} | test, _paths, comparisons())
segments_asked = st.builds(
    lambda slug, standing, during: _with(
        {"segment": slug, "is": standing}, during=None if standing == "not_member" else during
    ),
    st.sampled_from([*SLUGS, "unheard"]),
    st.sampled_from(["member", "not_member", "left"]),
    _during,
)
consents_asked = st.builds(
    lambda category, state: {"consent": category, "is": state},
    st.sampled_from(CATEGORIES),
    st.sampled_from(["granted", "denied", "unset"]),
)
kinds_asked = st.builds(lambda kind: {"known": kind}, st.sampled_from(KINDS))
leaves = st.one_of(
    *(traits_asked, traits_asked, lasting_asked, events_asked, events_asked, totals_asked, positions_asked),
    *(sequences_asked(), sequences_asked(), engagements_asked(), segments_asked, lists_asked, buckets_asked),
    *(consents_asked, kinds_asked),
)
trees = st.recursive(
    leaves,
    lambda inner: st.builds(
        lambda word, parts: {word: parts},
        st.sampled_from(["all", "any", "none"]),
        st.lists(inner, max_size=3),
    ),
    max_leaves=6,
)

AGOS = [
    *(timedelta(), TICK, -TICK, -timedelta(hours=3), timedelta(hours=1), timedelta(hours=11)),
    *(
        DAY,
        DAY - TICK,
        DAY + TICK,
        7 * DAY,
        7 * DAY - TICK,
        7 * DAY + TICK,
        8 * DAY,
        8 * DAY - TICK,
        400 * DAY,
    ),
]
_agos = st.sampled_from(AGOS)
_pasts = _agos.filter(lambda ago: ago >= timedelta())


@dataclass(frozen=True, slots=True, kw_only=True)
class Did:
    """An event as JSON text."""

    name: str
    ago: timedelta
    properties: str
    context: str
    is_stray: bool  # still stands under the id of somebody merged into this person


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One generated person."""

    zone: str = ""
    first_seen_ago: timedelta = 500 * DAY
    traits: tuple[tuple[str, timedelta, str], ...] = ()  # key, ago, JSON text; later ones win
    consents: tuple[tuple[str, timedelta, bool], ...] = ()
    identities: tuple[tuple[str, timedelta, timedelta | None], ...] = ()  # kind, linked ago, moved away ago
    stays: tuple[tuple[str, timedelta, timedelta | None], ...] = ()  # slug, entered ago, left ago
    events: tuple[Did, ...] = ()
    # Slug, said ago, taken back ago, and whether it was an adding.
    lists: tuple[tuple[str, timedelta, timedelta | None, bool], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What people should be like for answers to be near their edges."""

    values: Mapping[str, Sequence[str]]  # key -> JSON texts near what is asked of it
    agos: Sequence[timedelta]  # lengths of time that are asked about, and a moment to either side


def hints_of(documents: Sequence[Mapping[str, Any]]) -> Hints:
    """Values for which the conditions' comparisons are likely to hold, or to fail by a little."""
    found: dict[str, list[str]] = defaultdict(list)
    for document in documents:
        for path, comparison in _compared(document):
            key, *rest = path.split(".")
            for value in _near(comparison):
                for part in reversed(rest):
                    value = [value] if part == "0" else {part: value}
                found[key].append(_json_text(value))
    lengths = [length for document in documents for length in _lengths(document)]
    # An event now and one a length ago are that far apart; so are one a length and one two lengths ago.
    agos = [ago for one in lengths for ago in (one, one, one - TICK, one + TICK, 2 * one, timedelta())]
    return Hints(values=found, agos=agos)


def _lengths(document: Any) -> Iterator[timedelta]:
    """Every exact length of time in a document."""
    if isinstance(document, str) and (length := parse_length(document)) is not None and not length.months:
        yield length.exact()
    elif isinstance(document, list | dict):
        for part in document.values() if isinstance(document, dict) else document:
            yield from _lengths(part)


def _compared(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for word in ("all", "any", "none", "where", "had", "sequence"):
        for part in document.get(word, ()):
            yield from _compared(part)
    if "has_been" in document:
        yield from _compared(document["has_been"])
    for word in ("trait", "property", "context"):
        if word in document and "op" in document and "same_as" not in document:
            yield document[word], document


def _near(comparison: Mapping[str, Any]) -> list[Any]:
    takes = OPERATORS[Operator(comparison["op"])].takes
    wanted: Any = comparison.get("value")
    match takes:
        case Takes.NOTHING:
            return [True, False, "", None]
        case Takes.SCALAR | Takes.ITEM | Takes.TEXT:
            both = [wanted.upper(), f"{wanted}x", f"x{wanted}"] if isinstance(wanted, str) else []
            return [wanted, [wanted, "z"], *both]
        case Takes.ITEMS:
            return [*wanted, wanted, [*wanted, "z"], wanted[:1]]
        case Takes.PATTERN:
            return ["a", "A", "é", "ab", "12", "yx"]
        case Takes.NUMBER | Takes.RANGE:
            bounds = wanted if isinstance(wanted, list) else [wanted]
            return [*bounds, *(bound + step for bound in bounds for step in (1, -1))]
        case Takes.COUNT:
            return [[], [1], [1, 2], [1, 2, 3]]
        case Takes.TESTS:
            items = [{test["property"]: value} for test in comparison["tests"] for value in _near(test)]
            joined = {test["property"]: _near(test)[0] for test in comparison["tests"]}
            return [[joined], [joined, joined, {}], *([item] for item in items)]
        case _:
            return _DATES[:20]


def _member_values(hints: Hints, key: str) -> st.SearchStrategy[str]:
    near = hints.values.get(key)
    return st.sampled_from(near) | values if near else values


_WRITTEN = {
    "by": st.sampled_from(['"human"', '"machine"', '"prefetch"']),
    "journey": st.sampled_from(['"welcome"', '"other"']),
}
_SHARED = st.sampled_from(['"a"', "1", "1.0", "true"])  # few, so that two events often have the same


def _objects(hints: Hints) -> st.SearchStrategy[str]:
    pairs = st.fixed_dictionaries(
        {},
        optional={
            key: _WRITTEN[key] if key in _WRITTEN else _SHARED | _member_values(hints, key)
            for key in PROPERTIES
        },
    )
    return pairs.map(lambda found: "{" + ", ".join(f'"{key}": {value}' for key, value in found.items()) + "}")


def _agos_near(hints: Hints) -> st.SearchStrategy[timedelta]:
    return st.sampled_from(hints.agos) | _agos if hints.agos else _agos


def _did(hints: Hints) -> st.SearchStrategy[Did]:
    return st.builds(
        Did,
        name=st.sampled_from(["Order", "Order", "Viewed", *NAMES]),
        ago=_agos_near(hints),
        properties=_objects(hints),
        context=_objects(hints),
        is_stray=st.booleans(),
    )


def _stays(hints: Hints) -> st.SearchStrategy[Any]:
    agos = _agos_near(hints)
    return st.tuples(st.sampled_from(SLUGS), agos, st.none() | agos)


_sayings = st.tuples(st.sampled_from(SLUGS), _agos, st.none() | _agos, st.booleans()).filter(
    lambda said: said[2] is None or said[2] <= said[1]
)


def _sound_stays(stays: Sequence[tuple[str, timedelta, timedelta | None]]) -> tuple[Any, ...]:
    """At most one open stay a segment, and none that ends before it begins."""
    kept, is_open = [], set()
    for slug, entered, left in stays:
        if left is None:
            if slug in is_open:
                continue
            is_open.add(slug)
        elif left > entered:
            entered, left = left, entered
        kept.append((slug, entered, left))
    return tuple(kept)


def members(hints: Hints) -> st.SearchStrategy[Member]:
    """People about whom much of what the hints come from holds."""
    pasts = _agos_near(hints).filter(lambda ago: ago >= timedelta())
    traits = [st.tuples(st.just(key), pasts, _member_values(hints, key)) for key in KEYS]
    return st.builds(
        Member,
        zone=st.sampled_from(ZONES),
        first_seen_ago=_pasts,
        traits=st.lists(st.one_of(traits), min_size=1, max_size=4).map(tuple),
        consents=st.lists(st.tuples(st.sampled_from(CATEGORIES), _pasts, st.booleans()), max_size=3).map(
            tuple
        ),
        identities=st.lists(
            st.tuples(st.sampled_from(KINDS), _pasts, st.none() | _pasts).filter(
                lambda link: link[2] is None or link[2] < link[1]
            ),
            max_size=2,
        ).map(tuple),
        stays=st.lists(_stays(hints), max_size=3).map(_sound_stays),
        events=st.lists(_did(hints), min_size=1, max_size=7).map(tuple),
        lists=st.lists(_sayings, max_size=2, unique_by=lambda one: one[0]).map(tuple),
    )


_SOMEBODY = UUID(int=1)


def facts_of(member: Member, *, at: datetime, person_id: int = 1, uuid: UUID = _SOMEBODY) -> Facts:
    """The member as rules see them at a moment: values and identities of that moment."""
    traits: dict[str, tuple[datetime, int, Any]] = {}
    changes: dict[str, list[TraitChange]] = {}
    for place, (key, ago, text) in enumerate(member.traits):
        _keep_latest(traits, key, NOW - ago, place, decode_json(text), until=at)
        change = TraitChange(at=NOW - ago, arrival=place, value=decode_json(text))
        changes.setdefault(key, []).append(change)
    lists: dict[str, list[Stay]] = {}
    for slug, said, ended, is_added in member.lists:
        if is_added:
            left_at = None if ended is None else NOW - ended
            lists.setdefault(slug, []).append(Stay(entered_at=NOW - said, left_at=left_at))
    consent: dict[str, tuple[datetime, int, Any]] = {}
    for place, (category, ago, is_granted) in enumerate(member.consents):
        _keep_latest(consent, category, NOW - ago, place, is_granted, until=at)
    stays: dict[str, list[Stay]] = {}
    for slug, entered, left in sorted(member.stays, key=lambda stay: -stay[1]):
        stays.setdefault(slug, []).append(
            Stay(entered_at=NOW - entered, left_at=None if left is None else NOW - left)
        )
    history = events_in_memory(member)
    return Facts(
        person_id=person_id,
        uuid=uuid,
        zone=member.zone or "UTC",
        traits={key: found[2] for key, found in traits.items() if found[2] is not None},
        consent={category: found[2] for category, found in consent.items()},
        identities=frozenset(
            kind
            for kind, linked, moved in member.identities
            if NOW - linked <= at and not (moved is not None and NOW - moved <= at)
        ),
        stays=stays,
        lists=lists,
        events_of=lambda name: [one for one in history if fits(one.name, name)],
        trait_history={
            key: sorted(found, key=lambda change: (change.at, change.arrival))
            for key, found in changes.items()
        },
    )


def _keep_latest(
    kept: dict[str, tuple[datetime, int, Any]],
    key: str,
    at: datetime,
    place: int,
    value: Any,
    *,
    until: datetime,
) -> None:
    if at <= until and (key not in kept or (at, place) >= kept[key][:2]):
        kept[key] = (at, place, value)


def fits(name: str, wanted: str) -> bool:
    return name.startswith(wanted[:-1]) if wanted.endswith("*") else name == wanted


def events_in_memory(member: Member) -> list[Event]:
    """The member's events, in order."""
    found = [
        Event(
            name=did.name,
            ts=NOW - did.ago,
            arrival=place,
            received_at=NOW - did.ago,
            message_id=str(UUID(int=place + 1)),
            properties=decode_json(did.properties),
            context=decode_json(did.context),
        )
        for place, did in enumerate(member.events)
    ]
    return sorted(found, key=lambda one: one.order)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Some people, and what is asked of them."""

    members: Sequence[Member]
    asked: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    later: datetime = NOW
    then: datetime = NOW - DAY


LATER = [  # nights on which clocks are set, the last days of February, the turn of a year
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    datetime(2027, 2, 28, 12, tzinfo=UTC),
    datetime(2028, 2, 29, 12, tzinfo=UTC),
    datetime(2027, 12, 31, 23, 30, tzinfo=UTC),
    NOW + DAY,
    NOW + 7 * DAY - TICK,
]


_atoms = st.sampled_from(["a", "B", "é", ".", "[a-c]", "[^b]", r"\d", r"\w", r"\s", r"\.", "(?:a|B)", "(ab)"])
_pieces = st.builds(
    lambda atom, repeat: atom + repeat, _atoms, st.sampled_from(["", "?", "*", "+", "{2}", "{1,3}"])
)
patterns = st.builds(
    lambda start, parts, end: start + "".join(parts) + end,
    st.sampled_from(["", "^"]),
    st.lists(_pieces, min_size=1, max_size=5),
    st.sampled_from(["", "$"]),
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Four conditions, two of one part each, and people who come near to them."""
    asked = [*draw(st.lists(leaves, min_size=2, max_size=2)), *draw(st.lists(trees, min_size=2, max_size=2))]
    hints = hints_of(asked)
    return World(
        members=draw(st.lists(members(hints), min_size=1, max_size=5)),
        asked=asked,
        later=draw(st.sampled_from(LATER)),
        then=NOW - draw(_pasts),
    )
