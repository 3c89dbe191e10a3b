"""Reads about people for pages and the API: lists, search, one profile. Nothing here writes."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.contrib.postgres.search import SearchQuery
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from profiles.domain.finding import prefix_query
from profiles.domain.identity import ANONYMOUS, EMAIL, PHONE, Key, normalise
from profiles.domain.naming import Naming, naming_of
from profiles.models import Identity, Person, PersonMerge, PersonOverride, PersonTotal

COUNTED_EXACTLY_TO = 50_000  # beyond it the table's statistics are near enough, and free
LONGEST_TEXT = 200
MOST_WEIGHED = 500


class Known(StrEnum):
    """Which people a list shows."""

    ALL = ""
    KNOWN = "known"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLine:
    """A person as lists show them."""

    id: int
    uuid: UUID
    naming: Naming
    user_id: str
    email: str
    device_count: int
    consent: Mapping[str, bool]
    first_seen_at: datetime
    last_seen_at: datetime
    exact_kind: str = ""  # searches: the kind of identity that was typed in full
    was_merged: bool = False  # searches: what was found has become part of this person


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many there are; beyond a bound only about."""

    value: int
    is_exact: bool


def people_count() -> Count:
    """Count the people who are not part of somebody else."""
    some = Person.objects.current()[: COUNTED_EXACTLY_TO + 1].count()
    if some <= COUNTED_EXACTLY_TO:
        return Count(value=some, is_exact=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = 'profiles_person'::regclass")
        row = cursor.fetchone()
    return Count(value=max(int(row[0]), some) if row else some, is_exact=False)


def people_newest_first(
    *, limit: int, known: Known = Known.ALL, before: int | None = None
) -> list[PersonLine]:
    """List people by the order they came in, from the one after `before` on."""
    people = Person.objects.current().order_by("-id")
    if known is not Known.ALL:
        named = Exists(Identity.objects.filter(person=OuterRef("pk")).exclude(kind=ANONYMOUS))
        people = people.filter(named if known is Known.KNOWN else ~named)
    if before is not None:
        people = people.filter(pk__lt=before)
    return _lines(list(people[:limit]))


def people_by_id(ids: Sequence[int]) -> list[PersonLine]:
    """These people as lists show them, in this order; merged ones are left out."""
    found = {person.pk: person for person in Person.objects.current().filter(pk__in=ids)}
    return _lines([found[id_] for id_ in ids if id_ in found])


def people_found(text: str, *, limit: int) -> list[PersonLine]:
    """Find people: first those with exactly this identifier, then by the beginnings of words.

    Whoever became part of somebody else leads to that person.
    """
    text = text.replace("\0", "").strip()[:LONGEST_TEXT]  # PostgreSQL holds no NUL
    if not text:
        return []
    exact = _by_identifier(text)
    hits = [person for person, _ in exact]
    hits += [person for person in _by_words(text, limit=limit) if person not in hits]
    kinds = {person.pk: kind for person, kind in exact}
    return _lines(_survivors(hits)[:limit], found=hits, kinds=kinds)


def matching(text: str) -> QuerySet[Person]:
    """Everybody who has words beginning with each of these, in names, addresses or customer numbers."""
    query = prefix_query(text.replace("\0", "").strip()[:LONGEST_TEXT])
    return Person.objects.filter(search=_WrittenQuery(query)) if query else Person.objects.none()


def person_by_identity(kind: str, value: str) -> Person | None:
    """The person an identity belongs to, however it is spelt."""
    usable = normalise(kind, value)
    held = Identity.objects.select_related("person").filter(kind=kind, value=usable or value).first()
    return held.person if held else None


def person_of(uuid: UUID) -> Person | None:
    """The person of a public id, or whom they became part of."""
    person = Person.objects.select_related("merged_into").filter(uuid=uuid).first()
    return (person.merged_into or person) if person else None


def person_ids_of(person: Person) -> list[int]:
    """All ids that events of this person may still carry, the person's own first."""
    merged = PersonOverride.objects.filter(new_person_id=person.pk).order_by("old_person_id")
    return [person.pk, *merged.values_list("old_person_id", flat=True)]


def identities_of(person: Person) -> QuerySet[Identity]:
    """The identities somebody holds, oldest first."""
    return Identity.objects.filter(person=person).order_by("first_seen_at", "id")


def merges_of(person: Person) -> QuerySet[PersonMerge]:
    """How others became part of this person, directly or by way of somebody absorbed, newest first."""
    absorbed = Person.objects.filter(merged_into=person).values("id")
    found = PersonMerge.objects.filter(Q(new_person_id=person.pk) | Q(new_person_id__in=absorbed))
    return found.order_by("-at", "-id")


def identities_by_person(people: Collection[int]) -> dict[int, list[Key]]:
    """Identities of many at once."""
    held: dict[int, list[Key]] = defaultdict(list)
    rows = Identity.objects.filter(person__in=people).order_by("id").values_list("person_id", "kind", "value")
    for person, kind, value in rows:
        if person is not None:
            held[person].append((kind, value))
    return held


def totals_by_person(people: Collection[int]) -> dict[int, list[PersonTotal]]:
    """The lifetime totals of many people, by person."""
    found: dict[int, list[PersonTotal]] = defaultdict(list)
    for total in PersonTotal.objects.filter(person_id__in=list(people)).select_related("name"):
        found[total.person_id].append(total)
    return found


def namings(people: Sequence[Person]) -> dict[int, Naming]:
    """What to call each of these people."""
    held = identities_by_person([person.pk for person in people])
    return {p.pk: naming_of(traits=p.traits, identities=held.get(p.pk, ())) for p in people}


def _lines(
    people: Sequence[Person], *, found: Sequence[Person] = (), kinds: Mapping[int, str] | None = None
) -> list[PersonLine]:
    held = identities_by_person([person.pk for person in people])
    absorbing = {person.merged_into_id for person in found if person.merged_into_id}
    return [
        _line(
            person,
            held.get(person.pk, ()),
            exact_kind=(kinds or {}).get(person.pk, ""),
            was_merged=person.pk in absorbing,
        )
        for person in people
    ]


def _line(person: Person, identities: Sequence[Key], *, exact_kind: str, was_merged: bool) -> PersonLine:
    by_kind: dict[str, list[str]] = defaultdict(list)
    for kind, value in identities:
        by_kind[kind].append(value)
    return PersonLine(
        id=person.pk,
        uuid=person.uuid,
        naming=naming_of(traits=person.traits, identities=identities),
        user_id=next(iter(by_kind["user_id"]), ""),
        email=next(iter(by_kind[EMAIL]), ""),
        device_count=len(by_kind[ANONYMOUS]),
        consent=person.consent,
        first_seen_at=person.first_seen_at,
        last_seen_at=person.last_seen_at,
        exact_kind=exact_kind,
        was_merged=was_merged,
    )


def _survivors(people: Sequence[Person]) -> list[Person]:
    return list(dict.fromkeys(person.merged_into or person for person in people))


# Identities are only indexed by (kind, value): the kinds in use are walked through the same index.
_KINDS_WALKED = """
WITH RECURSIVE kinds AS (
    (SELECT kind FROM profiles_identity ORDER BY kind LIMIT 1)
    UNION ALL
    SELECT (SELECT i.kind FROM profiles_identity AS i WHERE i.kind > kinds.kind ORDER BY i.kind LIMIT 1)
      FROM kinds WHERE kinds.kind IS NOT NULL
)
"""
_KINDS = (
    _KINDS_WALKED
    + """
SELECT i.kind, i.person_id FROM kinds JOIN profiles_identity AS i
    ON i.kind = kinds.kind AND i.value = ANY(%s)
 WHERE i.person_id IS NOT NULL
"""
)


def identity_kinds() -> list[str]:
    """The kinds of identity in use."""
    with connection.cursor() as cursor:
        cursor.execute(_KINDS_WALKED + "SELECT kind FROM kinds WHERE kind IS NOT NULL ORDER BY kind")
        return [row[0] for row in cursor.fetchall()]


def _by_identifier(text: str) -> list[tuple[Person, str]]:
    """Find people by one identifier typed in full; a public id too."""
    forms = {text, normalise(EMAIL, text), normalise(PHONE, text)} - {None}
    with connection.cursor() as cursor:
        cursor.execute(_KINDS, [list(forms)])
        kinds: dict[Any, str] = {person: kind for kind, person in cursor.fetchall()}
    wanted = Person.objects.select_related("merged_into").filter(pk__in=kinds)
    public = _as_uuid(text)
    if public is not None:
        wanted |= Person.objects.select_related("merged_into").filter(uuid=public)
    return [(person, kinds.get(person.pk, "id")) for person in wanted]


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _by_words(text: str, *, limit: int) -> list[Person]:
    query = prefix_query(text)
    if not query:
        return []
    # One letter may fit everybody: only so many are looked at before the latest are chosen.
    some = Person.objects.filter(search=_WrittenQuery(query))
    found = Person.objects.select_related("merged_into").filter(pk__in=some.values("pk")[:MOST_WEIGHED])
    return list(found.order_by("-last_seen_at", "-id")[:limit])


class _WrittenQuery(SearchQuery):
    """A query in PostgreSQL's own notation: its words are compared as they are, not parsed."""

    template = "(%(expressions)s)::tsquery"
