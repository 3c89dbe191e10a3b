"""Adding people to segments and keeping them out by hand.

What is said by hand beats the rule. It is written here, together with a row that has the sweep settle each
person at that very moment: dependants, journeys and all that follows from it happen there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Final

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest

from cdp_site import audit
from cdp_site.wakeup import wake
from profiles.models import Person
from segments.live import live_segments
from segments.live.dues import write_dues
from segments.models import ManualMember, Segment
from segments.revision import share_rules

PORTION: Final = 2_000  # people locked and written in one transaction


class Mode(StrEnum):
    """What to do with people named by hand."""

    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"  # they, and nobody else, are added
    FORGET = "forget"  # what was said by hand of them is taken back: the rule alone decides again


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """How many people something was said about that was not in force already."""

    added: int = 0
    removed: int = 0
    forgotten: int = 0

    def __add__(self, other: "Changed") -> "Changed":
        return Changed(
            added=self.added + other.added,
            removed=self.removed + other.removed,
            forgotten=self.forgotten + other.forgotten,
        )


def change_members(slug: str, people: Sequence[int], *, mode: Mode, actor: str, now: datetime) -> Changed:
    """Say by hand who is in a segment, or is kept out of it; portion by portion, each in a transaction.

    Args:
        people: ids; merged and unknown ones are passed over.

    Raises:
        Segment.DoesNotExist: no segment has the slug.
    """
    segment = Segment.objects.get(slug=slug)
    changed = Changed()
    if mode is Mode.REPLACE:
        named = set(people)
        added = segment.manual_members.filter(is_added=True, ended_at=None).order_by("person_id")
        others = [id_ for id_ in added.values_list("person_id", flat=True) if id_ not in named]
        for some in _portions(others):
            changed += say_by_hand(segment, some, mode=Mode.FORGET, actor=actor, now=now)
    for some in _portions(people):
        changed += say_by_hand(segment, some, mode=mode, actor=actor, now=now)
    audit.record(
        actor,
        f"segment.{mode.value}_members",
        object_kind="segment",
        object_id=slug,
        after={"people": len(people), "added": changed.added, "removed": changed.removed},
    )
    transaction.on_commit(partial(wake, "runs"))
    return changed


def _portions(people: Sequence[int]) -> Iterator[list[int]]:
    ordered = sorted(set(people))
    for start in range(0, len(ordered), PORTION):
        yield ordered[start : start + PORTION]


@transaction.atomic
def say_by_hand(segment: Segment, people: Sequence[int], *, mode: Mode, actor: str, now: datetime) -> Changed:
    """One portion of `change_members`."""
    share_rules()  # nobody publishes until the commit: who is to be asked about these people stays so
    asking = _asking(segment)
    # Who is being decided about reads and writes these rows too: people first, in order of their ids.
    locked = Person.objects.select_for_update().filter(pk__in=people, merged_into=None).order_by("pk")
    ids = list(locked.values_list("pk", flat=True))
    wanted = _wanted(segment, mode)
    in_force = ManualMember.objects.in_force().filter(segment=segment, person__in=ids)
    standing = dict(in_force.values_list("person_id", "is_added"))
    moved = [id_ for id_ in ids if standing.get(id_) is not wanted]
    in_force.filter(person__in=moved).update(ended_at=Greatest(F("at"), now))
    if wanted is not None:
        ManualMember.objects.bulk_create(
            [
                ManualMember(segment=segment, person_id=id_, is_added=wanted, at=now, by=actor)
                for id_ in moved
            ],
            batch_size=PORTION,
        )
    write_dues([(id_, which, now) for id_ in moved for which in asking])
    match wanted:
        case None:
            return Changed(forgotten=len(moved))
        case True:
            return Changed(added=len(moved))
        case False:
            return Changed(removed=len(moved))


def _asking(segment: Segment) -> list[int]:
    """The live segments to be asked about whoever is named: this one, or those that ask for it as a list.

    From a live one the sweep goes on to all that ask for it. One that is not live settles nobody until it is
    published or goes on; but its list is what was said, and counts at once.
    """
    if Segment.objects.live().filter(pk=segment.pk).exists():
        return [segment.pk]
    return [live.id for live in live_segments() if segment.slug in live.reads.lists]


def _wanted(segment: Segment, mode: Mode) -> bool | None:
    """What is to be in force: added, removed, or nothing."""
    match mode:
        case Mode.ADD | Mode.REPLACE:
            return True
        case Mode.REMOVE:
            return None if segment.is_list else False  # nobody is on a list but by hand
        case Mode.FORGET:
            return None
