"""The readers of a condition agree: in memory and in SQL, now and in the past, everybody and a few."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from itertools import count
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, currently_in_test_context, given, note, settings
from hypothesis import strategies as st

from profiles.domain.exact import decode_json
from segments.compiler import Scope, people_query
from segments.compiler.operators import COMPILED
from segments.domain.conditions import Condition, ConsentState, CountOperator, Standing
from segments.domain.describe import describe
from segments.domain.evaluate import evaluate, holds
from segments.domain.explain import explain
from segments.domain.operators import OPERATORS, Operator, Takes
from segments.domain.parse import ConditionError, parse_condition, to_json
from segments.domain.patterns import Pattern
from segments.domain.values import lower, number
from segments.models import Segment
from segments.queries import scanning, scope_of
from tests.segments.worlds import (
    AGOS,
    DAY,
    DURING,
    NAMES,
    NOW,
    SLUGS,
    VALUES,
    WANTED,
    Did,
    Member,
    World,
    facts_of,
    patterns,
    worlds,
)

_TREES_A_WORLD = 4
_THEN = NOW - DAY


def agreement(examples: int) -> settings:
    """Settings of a generated test over so many trees."""
    return settings(
        max_examples=examples // _TREES_A_WORLD,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate, Phase.shrink],
    )


def test_operators__have_the_same_keys_in_every_table() -> None:
    assert COMPILED.keys() == OPERATORS.keys()


@pytest.mark.django_db
@agreement(1_000)
@given(world=worlds())
def test_readers__agree(world: World) -> None:
    check(world)


@pytest.mark.full
@pytest.mark.django_db
@agreement(int(os.environ.get("AGREEMENT_TREES", "20000")))
@given(world=worlds())
def test_readers__agree_at_length(world: World) -> None:
    check(world)


@pytest.mark.django_db
@pytest.mark.parametrize("op", list(Operator))
def test_operator__agrees_on_every_value(op: Operator) -> None:
    """Every wanted value against every value, dates in three zones; one person each."""
    row = OPERATORS[op]
    members = [
        Member(zone=zone, traits=(("a", DAY, text),))
        for zone in (("", "Europe/Berlin", "America/New_York") if row.needs_clock else ("",))
        for text in VALUES
    ]
    people = store(members)
    key = "tests" if row.takes is Takes.TESTS else "value"
    for wanted in WANTED[row.takes]:
        for ignore_case in (False, True) if row.has_case else (False,):
            document = {"trait": "a", "op": str(op)} | ({} if wanted is None else {key: wanted})
            try:
                condition = parse_condition(document | ({"ignore_case": True} if ignore_case else {}))
            except ConditionError:
                assert ignore_case  # only there can a wanted value be refused: numbers have no case
                continue
            check_answers(condition, members, people, at=NOW, is_past=False)


@pytest.mark.django_db
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(
    source=patterns,
    ignore_case=st.booleans(),
    texts=st.lists(st.text("abAB1 .éÉ\n\\", max_size=6), max_size=8),
)
def test_patterns__agree(source: str, ignore_case: bool, texts: list[str]) -> None:
    pattern = Pattern(source=source)
    lowered = [lower(text) if ignore_case else text for text in texts]
    with connection.cursor() as cursor:
        cursor.execute(
            'SELECT (text COLLATE "C") ~ %s FROM unnest(%s::text[]) WITH ORDINALITY AS t (text, place)'
            " ORDER BY place",
            [pattern.postgresql(ignore_case=ignore_case), lowered],
        )
        in_sql = [row[0] for row in cursor.fetchall()]
    assert in_sql == [pattern.is_found_in(text, ignore_case=ignore_case) for text in lowered]


def check_all(documents: Iterable[dict[str, Any]], members: Sequence[Member]) -> None:
    """Ask everything of everybody, now and in the past."""
    people = store(members)
    for document in documents:
        condition = parse_condition(document)
        for at, is_past in ((NOW, False), (_THEN, True)):
            check_answers(condition, members, people, at=at, is_past=is_past)


def did(ago: timedelta, *, name: str = "Order", is_stray: bool = False) -> Did:
    return Did(name=name, ago=ago, properties="{}", context="{}", is_stray=is_stray)


@pytest.mark.django_db
def test_events__agree_at_every_edge() -> None:
    """Each window at each of its ends, by three zones; each count on both its sides."""
    members = [
        Member(zone=zone, events=(did(ago, is_stray=zone != ""),))
        for zone in ("", "Europe/Berlin", "America/New_York")
        for ago in AGOS
    ]
    check_all(({"event": "Order"} | ({"during": during} if during else {}) for during in DURING), members)
    crowds = [Member(events=(did(DAY),) * number) for number in range(4)]
    crowds += [Member(events=(did(DAY), did(2 * DAY, is_stray=True), did(DAY, name="Order Paid")))]
    counts = [{"op": op, "value": value} for op in CountOperator for value in range(4)]
    check_all(
        ({"event": name, "count": count} for name in ("Order", "Order*", "*") for count in counts), crowds
    )


@pytest.mark.django_db
def test_stays__agree_at_every_edge() -> None:
    spans = [(entered, left) for entered in AGOS for left in (None, *AGOS) if left is None or left <= entered]
    members = [Member(stays=(("vip", entered, left),)) for entered, left in spans]
    members += [Member(stays=(("vip", 8 * DAY, 7 * DAY), ("vip", entered, left))) for entered, left in spans]
    check_all(
        (
            {"segment": "vip", "is": standing} | ({"during": during} if during else {})
            for standing in Standing
            for during in DURING
            if not (during and standing is Standing.NOT_MEMBER)
        ),
        members,
    )


@pytest.mark.django_db
def test_histories__agree_at_every_edge() -> None:
    """Traits, consent, identities and people themselves, each seen just before, at and after the moment."""
    pasts = [ago for ago in AGOS if ago >= timedelta()]
    members = [Member(first_seen_ago=ago) for ago in pasts]
    for ago in pasts:
        members += [
            Member(traits=(("a", 8 * DAY, "1"), ("a", ago, "2"))),
            Member(traits=(("a", ago, "1"), ("a", ago, "null"))),
            Member(consents=(("mail", 8 * DAY, True), ("mail", ago, False))),
            Member(consents=(("mail", ago, False), ("mail", ago, True))),
            Member(identities=(("email", ago, None),)),
            Member(identities=(("email", 500 * DAY, ago),)),
        ]
    documents: list[dict[str, Any]] = [
        {"all": []},
        *({"trait": "a", "op": "is", "value": value} for value in (1, 2)),
        {"trait": "a", "op": "unknown"},
        *({"consent": "mail", "is": state} for state in ConsentState),
        {"known": "email"},
    ]
    check_all(documents, members)


def check(world: World) -> None:
    conditions = [parse_condition(document) for document in world.asked]
    with transaction.atomic():
        people = store(world.members)
        for condition in conditions:
            check_reading(condition, world.members[0])
            for at, is_past in ((NOW, False), (world.later, False), (world.then, True)):
                check_answers(condition, world.members, people, at=at, is_past=is_past)
        transaction.set_rollback(True)


def check_reading(condition: Condition, member: Member) -> None:
    assert parse_condition(to_json(condition)) == condition
    assert describe(condition)
    answer = evaluate(condition, facts_of(member, at=NOW), NOW)
    assert explain(answer.reason.to_json())[0].is_held is answer.holds


def check_answers(
    condition: Condition,
    members: Sequence[Member],
    people: list[int],
    *,
    at: datetime,
    is_past: bool,
) -> set[int]:
    """Ask in memory and in SQL, of everybody and of a few; give who holds."""
    if currently_in_test_context():
        note(f"{to_json(condition)} at {at}, of {members}")
    in_memory = set()
    for person, member, uuid in zip(people, members, uuids_of(members), strict=True):
        if is_past and NOW - member.first_seen_ago > at:
            continue
        facts = facts_of(member, at=at, person_id=person, uuid=uuid)
        answer = evaluate(condition, facts, at)
        assert holds(condition, facts, at) is answer.holds
        if answer.holds:
            in_memory.add(person)
    everybody = scope_at(at, is_past=is_past)
    assert query(condition, everybody) & set(people) == in_memory, f"{to_json(condition)} at {at}"
    few = people[: len(people) // 2 + 1]
    assert query(condition, replace(everybody, people=few)) == in_memory & set(few)
    return in_memory


def scope_at(at: datetime, *, is_past: bool) -> Scope:
    """Everybody, with overrides looked for even where there are none, and times for all but the future."""
    return replace(scope_of(now=at, is_past=is_past), has_overrides=True, has_times=at <= NOW)


def query(condition: Condition, scope: Scope) -> set[int]:
    with scanning() if scope.people is None else connection.cursor() as cursor:
        cursor.execute(people_query(condition, scope))
        rows = [row[0] for row in cursor.fetchall()]
    assert len(rows) == len(set(rows))
    return set(rows)


def uuids_of(members: Sequence[Member]) -> list[UUID]:
    """Public ids, the same whenever the same people are made: a share of all people hangs on them."""
    return [uuid5(UUID(int=0), f"{place}:{members!r}") for place in range(len(members))]


_ids = count(1_000_000)  # beyond what the sequences give in a test


def store(members: Sequence[Member]) -> list[int]:
    """Put people into the database as the product would have; give their ids."""
    rows = Rows()
    people = [rows.add(member, uuid=uuid) for member, uuid in zip(members, uuids_of(members), strict=True)]
    Segment.objects.bulk_create(
        [Segment(slug=slug, name=slug, condition={}) for slug in SLUGS], ignore_conflicts=True
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO profiles_eventname (name) VALUES (%s) ON CONFLICT DO NOTHING",
            [(name,) for name in {*NAMES, *(did.name for member in members for did in member.events)}],
        )
        for statement, found in rows.tables.items():
            cursor.executemany(statement, found)
    return people


PERSON = """INSERT INTO profiles_person
    (id, traits, consent, first_seen_at, last_seen_at, time_zone, merged_into_id,
     uuid, trait_times, consent_times, locale)
    VALUES (%s, %s::jsonb, %s::jsonb, %s, %s, %s, %s, %s, '{}', '{}', '')"""
OVERRIDE = "INSERT INTO profiles_personoverride (old_person_id, new_person_id) VALUES (%s, %s)"
TRAIT = (
    "INSERT INTO profiles_traitchange (person_id, key, at, arrival, value) VALUES (%s, %s, %s, %s, %s::jsonb)"
)
CONSENT = """INSERT INTO profiles_consentchange (person_id, category, at, arrival, is_granted, origin)
    VALUES (%s, %s, %s, %s, %s, 'message')"""
IDENTITY = (
    "INSERT INTO profiles_identity (id, kind, value, person_id, is_verified) VALUES (%s, %s, %s, %s, false)"
)
LINK = """INSERT INTO profiles_identitylink (identity_id, person_id, at, arrival, reason)
    VALUES (%s, %s, %s, %s, 'linked')"""
STAY = """INSERT INTO segments_membership (segment_id, person_id, entered_at, left_at, why)
    SELECT id, %s, %s, %s, '{}' FROM segments_segment WHERE slug = %s"""
EVENT = """INSERT INTO profiles_event (person_id, ts, name_id, identity_id, message_id, received_at, arrival,
    source_id, revenue, properties, context)
    SELECT %s, %s, id, 0, gen_random_uuid(), %s, %s, 1, %s, %s::jsonb, %s::jsonb
    FROM profiles_eventname WHERE name = %s"""
TOTAL = """INSERT INTO profiles_persontotal (person_id, name_id, count, first_at, last_at, revenue, times)
    SELECT %s, id, %s, %s, %s, %s, %s FROM profiles_eventname WHERE name = %s"""
MANUAL = """INSERT INTO segments_manual (segment_id, person_id, is_added, at, ended_at, by)
    SELECT id, %s, %s, %s, %s, '' FROM segments_segment WHERE slug = %s"""


_STATEMENTS = (PERSON, OVERRIDE, TRAIT, CONSENT, IDENTITY, LINK, STAY, MANUAL, EVENT, TOTAL)


class Rows:
    """Rows of all tables, in the order in which they may be inserted."""

    def __init__(self) -> None:
        self.tables: dict[str, list[tuple[Any, ...]]] = {statement: [] for statement in _STATEMENTS}

    def add(self, member: Member, *, uuid: UUID) -> int:
        """A member, and somebody merged into them under whom some events still stand."""
        person = self.person(member, uuid=uuid)
        old = self.person(Member(), merged_into=person)
        self.tables[OVERRIDE].append((old, person))
        for place, (key, ago, text) in enumerate(member.traits):
            self.tables[TRAIT].append((person, key, NOW - ago, place, text))
        for place, (category, ago, is_granted) in enumerate(member.consents):
            self.tables[CONSENT].append((person, category, NOW - ago, place, is_granted))
        for slug, entered, left in member.stays:
            self.tables[STAY].append((person, NOW - entered, None if left is None else NOW - left, slug))
        for place, did in enumerate(member.events):
            holder = old if did.is_stray else person
            self.tables[EVENT].append(
                (holder, NOW - did.ago, NOW, place, revenue_of(did), did.properties, did.context, did.name)
            )
        for slug, said, ended, is_added in member.lists:
            ended_at = None if ended is None else NOW - ended
            self.tables[MANUAL].append((person, is_added, NOW - said, ended_at, slug))
        self.totals(member, person=person)
        self.identities(member, person=person)
        return person

    def person(self, member: Member, *, merged_into: int | None = None, uuid: UUID | None = None) -> int:
        person = next(_ids)
        now = facts_of(member, at=NOW)
        traits = {key: text for key, text in _latest_texts(member).items() if key in now.traits}
        consent = {category: json.dumps(is_granted) for category, is_granted in now.consent.items()}
        first_seen_at = NOW - member.first_seen_ago
        self.tables[PERSON].append(
            (
                person,
                _object(traits),
                _object(consent),
                first_seen_at,
                NOW,
                member.zone,
                merged_into,
                uuid or uuid4(),
            )
        )
        return person

    def totals(self, member: Member, *, person: int) -> None:
        """What the store keeps beside the events, of merged people too."""
        for name in {did.name for did in member.events}:
            events = [did for did in member.events if did.name == name]
            moments = [NOW - did.ago for did in events]
            revenues = [revenue for did in events if (revenue := revenue_of(did)) is not None]
            with localcontext(prec=1_000):
                revenue = sum(revenues, Decimal()) if revenues else None
            # Some are not noted, some out of date: as many as one person in four.
            times = (sorted(moments), sorted(moments), sorted(moments)[1:], None)[person % 4]
            self.tables[TOTAL].append((person, len(events), min(moments), max(moments), revenue, times, name))

    def identities(self, member: Member, *, person: int) -> None:
        """Identities that were linked to this person, some of which moved on to somebody else."""
        for kind, linked, moved in member.identities:
            identity = next(_ids)
            owner = person if moved is None else self.person(Member())
            self.tables[IDENTITY].append((identity, kind, str(identity), owner))
            self.tables[LINK].append((identity, person, NOW - linked, 0))
            if moved is not None:
                self.tables[LINK].append((identity, owner, NOW - moved, 1))


def revenue_of(did: Did) -> Decimal | None:
    """As the store promotes it."""
    exact = number(decode_json(did.properties).get("revenue"))
    return None if exact is None else Decimal(exact)


def _object(texts: Mapping[str, str]) -> str:
    return "{" + ", ".join(f'"{key}": {text}' for key, text in texts.items()) + "}"


def _latest_texts(member: Member) -> dict[str, str]:
    ordered = sorted(enumerate(member.traits), key=lambda pair: (-pair[1][1], pair[0]))
    return {key: text for _, (key, _, text) in ordered}


@pytest.mark.django_db
def test_scope__without_overrides_reads_no_table_of_them() -> None:
    condition = parse_condition({"event": "Order"})
    text = people_query(condition, scope_of(now=NOW)).as_string(None)
    assert "personoverride" not in text
    assert Segment.objects.count() == 0
