"""Who was added or kept out by hand, in the live pipeline: the rows of `ManualMember`."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db import connection

from profiles.arrays import bare
from profiles.domain.facts import Stay
from profiles.domain.history import PersonState


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """Somebody was added to a segment, or removed from it, for a time."""

    is_added: bool
    at: datetime
    ended_at: datetime | None

    def is_in_force(self, now: datetime) -> bool:
        return self.at <= now and (self.ended_at is None or self.ended_at > now)


@dataclass(slots=True)
class Manual:
    """What was said by hand about the people of one transaction."""

    _said: dict[int, dict[str, list[ByHand]]] = field(default_factory=lambda: defaultdict(dict))
    _new: list[tuple[int, str, bool, datetime, str]] = field(default_factory=list)

    def load(self, people: Collection[int], *, states: Mapping[int, PersonState]) -> None:
        """Read what was said about these people, and show it in their states; they must be locked."""
        if not people:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT m.person_id, s.slug, m.is_added, m.at, m.ended_at"
                " FROM segments_manual AS m JOIN segments_segment AS s ON s.id = m.segment_id"
                " WHERE m.person_id = ANY(%s::bigint[]) ORDER BY m.at, m.id",
                [bare(sorted(people))],
            )
            for person, slug, is_added, at, ended_at in cursor.fetchall():
                said = ByHand(is_added=is_added, at=at, ended_at=ended_at)
                self._said[person].setdefault(slug, []).append(said)
                if is_added:
                    states[person].lists.setdefault(slug, []).append(Stay(entered_at=at, left_at=ended_at))

    def take(self, said: Mapping[int, Mapping[str, Sequence[ByHand]]]) -> None:
        """Take what was said about people as if it had been read; their states show it already."""
        for person, by_slug in said.items():
            self._said[person] = {slug: list(all_said) for slug, all_said in by_slug.items()}

    def of(self, person: int, *, now: datetime) -> Mapping[str, bool]:
        """What is in force: segment -> whether the person was added (or else removed)."""
        if person not in self._said:
            return {}
        return {
            slug: said.is_added
            for slug, all_said in self._said[person].items()
            for said in all_said
            if said.is_in_force(now)
        }

    def changed_at(self, person: int, *, now: datetime) -> set[str]:
        """The segments of which something was said, or taken back, at this very moment."""
        if person not in self._said:
            return set()
        return {
            slug
            for slug, all_said in self._said[person].items()
            if any(now in (said.at, said.ended_at) for said in all_said)
        }

    def say(self, state: PersonState, slug: str, *, is_added: bool, by: str, now: datetime) -> bool:
        """Add somebody to a segment or remove them, in memory until `write`; tell whether that is new."""
        said = self._said[state.person_id].setdefault(slug, [])
        standing = next((one for one in said if one.is_in_force(now)), None)
        if standing is not None and standing.is_added is is_added:
            return False
        if standing is not None:
            said[said.index(standing)] = replace(standing, ended_at=now)
        said.append(ByHand(is_added=is_added, at=now, ended_at=None))
        stays = state.lists.setdefault(slug, [])
        if is_added:
            stays.append(Stay(entered_at=now))
        elif stays and stays[-1].left_at is None:
            stays[-1] = replace(stays[-1], left_at=now)
        self._new.append((state.person_id, slug, is_added, now, by))
        return True

    def end(self, state: PersonState, slug: str, *, now: datetime) -> None:
        """Take back what was said of somebody and a segment, in memory alone."""
        said = self._said[state.person_id].get(slug, [])
        standing = next((one for one in said if one.is_in_force(now)), None)
        if standing is not None:
            said[said.index(standing)] = replace(standing, ended_at=now)
        stays = state.lists.get(slug)
        if stays and stays[-1].left_at is None:
            stays[-1] = replace(stays[-1], left_at=now)

    def write(self, *, survivor: Mapping[int, int]) -> None:
        """Write what was said here, each word ending the one before it."""
        for person, slug, is_added, at, by in self._new:
            values: dict[str, int | str | bool | datetime] = {
                "slug": slug,
                "added": is_added,
                "at": at,
                "by": by,
            }
            values["person"] = survivor.get(person, person)
            with connection.cursor() as cursor:
                for statement in _SAY:
                    cursor.execute(statement, values)

    def absorb(self, *, old: int, new: int) -> None:
        """Give what was said of a merged person to the survivor; the newest word in force stays."""
        for slug, said in self._said.pop(old, {}).items():
            self._said[new][slug] = sorted([*self._said[new].get(slug, ()), *said], key=lambda one: one.at)


def repoint_manual(old: Sequence[int], new: Sequence[int]) -> None:
    """Give what was said of merged people to the survivors; of two words in force the newest stays."""
    with connection.cursor() as cursor:
        for statement in _REPOINT:
            cursor.execute(statement, {"old": list(old), "new": list(new)})


_SAY = (
    "UPDATE segments_manual AS m SET ended_at = greatest(m.at, %(at)s) FROM segments_segment AS s"
    " WHERE s.slug = %(slug)s AND m.segment_id = s.id AND m.person_id = %(person)s AND m.ended_at IS NULL",
    # Nobody is on a list but by hand: to end the word is enough.
    "INSERT INTO segments_manual (segment_id, person_id, is_added, at, by)"
    " SELECT s.id, %(person)s, %(added)s, %(at)s, %(by)s FROM segments_segment AS s"
    """ WHERE s.slug = %(slug)s AND (%(added)s OR s.condition -> 'if' <> '{"any": []}')""",
)

_PAIRS = "unnest(%(old)s::bigint[], %(new)s::bigint[]) AS pair (old, new)"
_REPOINT = (
    f"""
    UPDATE segments_manual AS said SET ended_at = greatest(said.at, now())
      FROM (
           SELECT m.id, row_number() OVER (
                      PARTITION BY m.segment_id, coalesce(pair.new, m.person_id) ORDER BY m.at DESC, m.id DESC
                  ) AS place
             FROM segments_manual AS m LEFT JOIN {_PAIRS} ON pair.old = m.person_id
            WHERE m.ended_at IS NULL AND m.person_id = ANY(%(old)s::bigint[] || %(new)s::bigint[])
           ) AS ranked
     WHERE ranked.id = said.id AND ranked.place > 1
    """,
    f"""
    UPDATE segments_manual AS said
       SET person_id = pair.new, origin_person_id = coalesce(said.origin_person_id, said.person_id)
      FROM {_PAIRS} WHERE said.person_id = pair.old
    """,
)
