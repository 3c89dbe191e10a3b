"""What somebody does to a draft: types into its parts, moves its steps about, takes some out.

What is typed is put over the draft as it is now: field by field, so that what others changed meanwhile and
nobody typed over stays as they have it.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

from journeys import drafts
from journeys.canvas import title_of
from journeys.domain.editing import (
    EXIT,
    Edited,
    NotThere,
    Spot,
    add_part,
    add_way,
    copy_to,
    duplicate,
    insert,
    kept_ways,
    merged_part,
    move,
    nudge,
    nudge_case,
    put,
    remove,
    remove_way,
)
from journeys.domain.layout import Way
from journeys.domain.outline import Document, own, step_in, steps_of
from journeys.editor import content_of, known_things
from journeys.forms import Typed, goal_in_full, typed
from journeys.models import Journey
from journeys.queries import waiting_at
from profiles.domain.exact import is_same_json
from profiles.domain.facts import Json
from segments.forms import ConditionEditor


class TooLongAgo(Exception):
    """What somebody changed is a draft that is not kept any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartTyped:
    """What somebody typed into a part."""

    edited: Edited
    editors: Mapping[str, ConditionEditor]


def type_into(journey: Journey, part: str, data: Any, *, seen: int) -> PartTyped:
    """Put what was typed into a part, as it was at the revision `seen`, over the draft as it is now.

    Raises:
        NotThere: the draft has no such part any more.
        TakenOut: the part has no longer what was changed in it.
        TooLongAgo: nobody knows what was seen.
        segments.forms.BadForm: no form of ours sends that.
    """
    now = content_of(journey.draft, part)
    result = typed_over(journey, part, data, seen=seen)
    is_same = is_same_json(result.content, own(goal_in_full(part, now)))
    edited = Edited(document=journey.draft) if is_same else put(journey.draft, part, result.content)
    return PartTyped(edited=edited, editors=result.editors)


def typed_over(journey: Journey, part: str, data: Any, *, seen: int) -> Typed:
    """A part of the draft with what was typed put over it; raises what `type_into` does."""
    document = drafts.document_at(journey, seen)
    if document is None:
        raise TooLongAgo
    before, now = content_of(document, part), content_of(journey.draft, part)
    if before is None or now is None:
        raise NotThere(part)
    mine = typed(part, before, data, known=known_things(journey))
    base, theirs = (goal_in_full(part, one) for one in (before, now))
    return Typed(content=_merged(part, base, mine.content, theirs), editors=mine.editors)


def _merged(part: str, seen: Json, mine: Json, theirs: Json) -> Json:
    if part == EXIT:  # the rule itself
        return theirs if is_same_json(mine, seen) else mine
    return merged_part(seen, mine, theirs)


def new_id(kind: str) -> str:
    """An id that no step had before: decisions and people still speak of those that are gone."""
    return f"{kind}-{secrets.token_hex(3)}".replace("_", "-")


Operation = Callable[[Journey, Mapping[str, Any]], Edited]


def operate(journey: Journey, name: str, given: Mapping[str, Any]) -> Edited:
    """Change the structure of the draft. Raises NotThere."""
    if name not in _OPERATIONS:
        raise NotThere(name)
    return _OPERATIONS[name](journey, given)


def _spot(given: Mapping[str, Any]) -> Spot:
    return Spot.read(str(given.get("at", "")))


def _number(given: Mapping[str, Any], name: str) -> int:
    text = str(given.get(name, ""))
    if not text.removeprefix("-").isdecimal() or len(text) > 5:
        raise NotThere(text)
    return int(text)


def _paste(journey: Journey, given: Mapping[str, Any]) -> Edited:
    slug = str(given.get("from") or journey.slug)
    source = Journey.objects.filter(slug=slug).values_list("draft", flat=True).first() or {}
    return copy_to(journey.draft, str(given.get("id")), source=source, to=_spot(given), new_id=new_id)


def _nudge_case(journey: Journey, given: Mapping[str, Any]) -> Edited:
    number, _colon, by = str(given.get("case", "")).partition(":")
    place = {"number": number, "by": by}
    return nudge_case(journey.draft, str(given.get("id")), _number(place, "number"), by=_number(place, "by"))


_OPERATIONS: Final[Mapping[str, Operation]] = {
    "insert": lambda journey, given: insert(
        journey.draft, str(given.get("kind")), at=_spot(given), new_id=new_id
    ),
    "move": lambda journey, given: move(journey.draft, str(given.get("id")), to=_spot(given)),
    "nudge": lambda journey, given: nudge(journey.draft, str(given.get("id")), by=_number(given, "by")),
    "nudge_case": _nudge_case,
    "duplicate": lambda journey, given: duplicate(journey.draft, str(given.get("id")), new_id=new_id),
    "paste": _paste,
    "remove": lambda journey, given: remove(
        journey.draft, str(given.get("id")), keep=str(given.get("keep", ""))
    ),
    "add_part": lambda journey, given: add_part(journey.draft, str(given.get("id"))),
    "add_way": lambda journey, given: add_way(journey.draft, str(given.get("id"))),
    "remove_way": lambda journey, given: remove_way(
        journey.draft, str(given.get("id")), _number(given, "way")
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked before a step goes."""

    step: str
    title: str
    ways: Sequence[tuple[str, str, int]]  # key, label and number of steps of each way that can stay
    waiting: int  # people who stand at it, or inside of it
    others: int  # steps that go with it


def question_of(journey: Journey, step_id: str, *, way: int | None = None) -> Question | None:
    """What to ask before a step, or one of its ways, is removed; None for nothing."""
    found = step_in(journey.draft, step_id)
    if found is None:
        return None
    ways = kept_ways(found.part)
    gone = [found.part] if way is None else list(_way_numbered(ways, way))
    ids = [str(each.part.get("id")) for each in steps_of(gone, "")]
    at = waiting_at(journey)
    waiting = sum(at.get(one, 0) for one in ids)
    inside = len(ids) - (way is None)
    if not waiting and not inside:
        return None
    labels = {} if way is not None else {each.key: each for each in ways}
    return Question(
        step=step_id,
        title=title_of(found.part),
        ways=[(key, _way_name(each), len(each.steps)) for key, each in labels.items()],
        waiting=waiting,
        others=inside,
    )


def _way_numbered(ways: Sequence[Way], number: int) -> Sequence[Document]:
    return next((way.steps for way in ways if way.key.endswith(f"/{number}")), ())


def _way_name(way: Way) -> str:
    names = {"then": _("It happened"), "else": _("Everyone else"), "steps": _("Each round")}
    return way.name or names.get(way.key, way.key)
