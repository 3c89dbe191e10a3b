"""What two people made of one part, put together: what each of them changed, by what both of them saw."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from journeys.domain.outline import Document, own
from profiles.domain.exact import is_same_json
from profiles.domain.facts import Json

# Whoever changed one of these has it as they wrote it: half of two rules is no rule.
_RULES: Final = ("if", "on", "until", "until_date")
_LENGTHS: Final = frozenset({"for", "until", "until_date"})  # of which a wait has one
_ENTRANCES: Final = ("schedule", "date", "segment", "api", "event")  # the first that `on` has is its form
_ABSENT: Final[Any] = object()  # null is a value


class TakenOut(Exception):
    """What was changed stood in a list, and is not found in it any more."""


def merged_part(seen: Json, mine: Json, theirs: Json) -> Json:
    """A part without the steps below it: what was seen, with what `mine` changed over what became of it.

    Args:
        mine: what was typed over `seen`, way for way, and holds no steps.

    Raises:
        TakenOut: what was changed is not found in what became of it.
    """
    return own(merged(_marked(seen, seen), _marked(mine, seen), _marked(theirs, theirs)))


def _marked(content: Json, whole: Json) -> Json:
    """A part whose ways hold the ids of their steps: by them a way is known when all else of it changed."""
    alone = own(content)
    if not isinstance(alone, Mapping):
        return alone
    ways = {key: alone[key] for key in ("cases", "variants") if isinstance(alone.get(key), list)}
    return {**alone, **{key: list(map(_marked_way, found, whole[key])) for key, found in ways.items()}}


def _marked_way(way: Json, whole: Json) -> Json:
    steps = whole.get("steps") if isinstance(whole, Mapping) else None
    if not isinstance(way, Mapping) or not isinstance(steps, list):
        return way
    return {**way, "steps": [str(step.get("id")) for step in steps if isinstance(step, Mapping)]}


def merged(seen: Json, mine: Json, theirs: Json) -> Json:
    """What was seen, with what `mine` changed put over what became of it meanwhile.

    A list of `mine` is the one that was seen, with more at its end or with something taken out.

    Raises:
        TakenOut: what was changed is not found in what became of it.
    """
    if is_same_json(mine, seen):
        return theirs
    if is_same_json(theirs, seen) or is_same_json(mine, theirs):
        return mine
    if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
        return _objects(seen if isinstance(seen, Mapping) else {}, mine, theirs)
    if isinstance(mine, list) and isinstance(theirs, list):
        return _lists(seen if isinstance(seen, list) else [], mine, theirs)
    return mine


def _objects(seen: Document, mine: Document, theirs: Document) -> Json:
    result: dict[str, Json] = dict(theirs)
    wholes = list(_wholes(mine, theirs))
    for key in dict.fromkeys((*theirs, *mine)):
        if not any(key in whole for whole in wholes):
            result[key] = merged(*(each.get(key, _ABSENT) for each in (seen, mine, theirs)))
    for whole in wholes:
        before, ours = ({key: each[key] for key in each if key in whole} for each in (seen, mine))
        if not is_same_json(ours, before):
            result = {key: value for key, value in result.items() if key not in whole} | ours
    return {key: value for key, value in result.items() if value is not _ABSENT}


def _wholes(mine: Document, theirs: Document) -> Iterator[frozenset[str]]:
    """The keys that are one thing together: one of them alone, or those of which only some go together."""
    if mine.get("kind") == "wait":
        yield _LENGTHS
    elif _entrance(mine) != _entrance(theirs):
        yield frozenset({"on", "key", "present"})  # the last two are not for every form of the first
    yield from (frozenset({rule}) for rule in _RULES)


def _entrance(entry: Document) -> str | None:
    on = entry.get("on")
    return next((form for form in _ENTRANCES if form in on), None) if isinstance(on, Mapping) else None


def _lists(seen: Sequence[Json], mine: Sequence[Json], theirs: Sequence[Json]) -> Json:
    if not any(isinstance(one, Mapping | list) for one in (*seen, *mine, *theirs)):
        return _choices(seen, mine, theirs)
    is_longer = len(mine) >= len(seen)
    here = dict(enumerate(range(len(seen)))) if is_longer else _places(seen, mine)
    there = _places(seen, theirs)
    result: dict[int | None, Json] = dict(enumerate(theirs))
    for number, before in enumerate(seen):
        if number not in here:
            result.pop(there.get(number), None)
        elif not is_same_json(mine[here[number]], before):
            if number not in there:
                raise TakenOut
            result[there[number]] = merged(before, mine[here[number]], theirs[there[number]])
    old = set(here.values())
    return [*result.values(), *(one for place, one in enumerate(mine) if place not in old)]


def _choices(seen: Sequence[Json], mine: Sequence[Json], theirs: Sequence[Json]) -> Json:
    """Plain values, of which each is in or not; where each took out what the other left, it is as I said."""

    def has(values: Sequence[Json], one: Json) -> bool:
        return any(is_same_json(one, value) for value in values)

    kept = [one for one in mine if has(theirs, one) or not has(seen, one)]
    return [*kept, *(one for one in theirs if not has(seen, one) and not has(mine, one))] or mine


_Things = Mapping[int, Json]  # by their numbers
_Pairs = Iterator[tuple[int, int]]


def _places(seen: Sequence[Json], now: Sequence[Json]) -> dict[int, int]:
    """Where each thing that was seen stands now. What could be two things is neither."""
    found: dict[int, int] = {}
    left, free = dict(enumerate(seen)), dict(enumerate(now))
    for pairs in (
        _unmoved,
        _twins,
        *map(_alone, (_share_steps, _hold_the_same, _have_one_name)),
        _empty,
        _last,
    ):
        found |= dict(pairs(left, free))
        taken = set(found.values())
        left = {number: one for number, one in left.items() if number not in found}
        free = {place: one for place, one in free.items() if place not in taken}
    return found


def _unmoved(left: _Things, free: _Things) -> _Pairs:
    return ((at, at) for at, one in left.items() if at in free and is_same_json(one, free[at]))


def _twins(left: _Things, free: _Things) -> _Pairs:
    taken: set[int] = set()
    for number, one in left.items():
        twins = (place for place in free if place not in taken and is_same_json(one, free[place]))
        if (twin := next(twins, None)) is not None:
            taken.add(twin)
            yield number, twin


def _alone(is_it: Callable[[Json, Json], bool]) -> Callable[[_Things, _Things], _Pairs]:
    """Pair what fits nothing else on either side."""

    def pairs(left: _Things, free: _Things) -> _Pairs:
        for number, one in left.items():
            places = [place for place, other in free.items() if is_it(one, other)]
            if len(places) == 1 and sum(is_it(each, free[places[0]]) for each in left.values()) == 1:
                yield number, places[0]

    return pairs


def _empty(left: _Things, free: _Things) -> _Pairs:
    """Ways that nothing was in: what they hold is all that can be told of them."""
    for at, one in left.items():
        if at in free and not _steps(one) and is_same_json(own(one), own(free[at])):
            yield at, at


def _last(left: _Things, free: _Things) -> _Pairs:
    """The one that is left over, where nothing but what it holds is new; a bare one was added anew."""
    for at, one in left.items():
        is_alone = len(left) == 1 and left.keys() == free.keys()
        if is_alone and _steps(one) == _steps(free[at]) and (own(free[at]) or not own(one)):
            yield at, at


def _share_steps(one: Json, other: Json) -> bool:
    return not set(_steps(one)).isdisjoint(_steps(other))


def _hold_the_same(one: Json, other: Json) -> bool:
    return bool(own(one)) and is_same_json(own(one), own(other))


def _have_one_name(one: Json, other: Json) -> bool:
    return _name(one) is not None and _name(one) == _name(other)


def _steps(one: Json) -> Sequence[str]:
    return one.get("steps", ()) if isinstance(one, Mapping) else ()


def _name(one: Json) -> Json:
    """What a thing in a list goes by: a way by its name, a cap by whom it is for."""
    if not isinstance(one, Mapping):
        return None
    return one.get("name") or ([one.get("class"), one["per"]] if "per" in one else None)
