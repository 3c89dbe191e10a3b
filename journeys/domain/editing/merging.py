"""What two people made of one part, put together: what each of them changed, by what both of them saw."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from journeys.domain.editing.spots import NotThere
from profiles.domain.facts import Json

# Whoever changed one of these has it as they wrote it: half of two rules is no rule.
_WHOLE: Final = frozenset({"if", "on", "until", "until_date"})


def merged(seen: Json, mine: Json, theirs: Json) -> Json:
    """What was seen, with what `mine` changed put over what became of it meanwhile.

    Raises:
        NotThere: what was changed stood in a list, and is gone from it.
    """
    if mine == seen:
        return theirs
    if theirs == seen:
        return mine
    if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
        return _objects(seen if isinstance(seen, Mapping) else {}, mine, theirs)
    if isinstance(seen, list) and isinstance(mine, list) and isinstance(theirs, list):
        return _lists(seen, mine, theirs)
    return mine


def _objects(seen: Mapping[str, Json], mine: Mapping[str, Json], theirs: Mapping[str, Json]) -> Json:
    result: dict[str, Json] = dict(theirs)
    for key in seen.keys() | mine.keys():
        if key not in mine:
            result.pop(key, None)
        elif key in _WHOLE:
            result[key] = mine[key] if mine[key] != seen.get(key) or key not in seen else theirs.get(key)
        elif key in seen or key in theirs:
            result[key] = merged(seen.get(key), mine[key], theirs.get(key))
        else:
            result[key] = mine[key]
    return {key: value for key, value in result.items() if value is not None}


def _lists(seen: Sequence[Json], mine: Sequence[Json], theirs: Sequence[Json]) -> Json:
    if len(mine) != len(seen):
        kept = [one for one in theirs if one not in seen or one in mine]
        return kept + [one for one in mine if one not in seen]
    result: list[Any] = list(theirs)
    for number, place in enumerate(_places(seen, theirs)):
        if mine[number] == seen[number]:
            continue
        if place is None:
            raise NotThere(str(number))
        result[place] = merged(seen[number], mine[number], theirs[place])
    return result


def _places(seen: Sequence[Json], theirs: Sequence[Json]) -> list[int | None]:
    """Where each thing that was seen stands now: told by what it holds, by its name, by its number."""
    found: dict[int, int] = {}
    free = dict(enumerate(theirs))

    def find(is_it: Callable[[int, int], bool]) -> None:
        for number in range(len(seen)):
            place = next((place for place in free if is_it(number, place)), None)
            if number not in found and place is not None:
                found[number] = place
                del free[place]

    find(lambda number, place: number == place and seen[number] == theirs[place])
    find(lambda number, place: seen[number] == theirs[place])
    find(lambda number, place: bool(_name(seen[number])) and _name(seen[number]) == _name(theirs[place]))
    if len(seen) == len(theirs):
        find(lambda _number, _place: True)
    return [found.get(number) for number in range(len(seen))]


def _name(one: Json) -> str:
    return str(one.get("name") or "") if isinstance(one, Mapping) else ""
