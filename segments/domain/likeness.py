"""A rule to start from that is made of what stands out about one person; every part can be taken away."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from segments.domain.values import Json

DAYS: Final = 30  # of what somebody did
MOST_TRAITS: Final = 3
MOST_HABITS: Final = 3
MOST_SEGMENTS: Final = 2
_ORDINARY: Final = 0.9  # what more than so many have says nothing about somebody


def likeness(
    *,
    traits: Mapping[str, Json],
    shares: Mapping[str, Mapping[Json, float]],
    habits: Mapping[str, int],
    segments: Mapping[str, float],
) -> dict[str, Any]:
    """Make a condition that holds for somebody and for people like them.

    Args:
        traits: the person's own.
        shares: trait key -> the values that several people have -> the share who do.
        habits: event name -> how often the person did it in the last `DAYS` days.
        segments: slugs of those the person is in -> the share of everybody who is.

    Returns:
        All of: the rarest traits that are a choice among few, at least half as often what the person does
        most, and the smallest segments.
    """
    common = {
        key: shares[key][value]
        for key, value in traits.items()
        if isinstance(value, str | bool) and value in shares.get(key, {})
    }
    often = sorted(habits, key=lambda name: (-habits[name], name))[:MOST_HABITS]
    return {
        "all": [
            *(_trait(key, traits[key]) for key in _rarest(common, MOST_TRAITS)),
            *(_habit(name, habits[name]) for name in often),
            *({"segment": slug, "is": "member"} for slug in _rarest(segments, MOST_SEGMENTS)),
        ]
    }


def _rarest(shares: Mapping[str, float], most: int) -> Sequence[str]:
    telling = [key for key, share in shares.items() if share <= _ORDINARY]
    return sorted(telling, key=lambda key: (shares[key], key))[:most]


def _trait(key: str, value: Json) -> dict[str, Json]:
    if isinstance(value, bool):
        return {"trait": key, "op": "is_true" if value else "is_false"}
    return {"trait": key, "op": "is", "value": value}


def _habit(name: str, times: int) -> dict[str, Json]:
    count = {"op": "at_least", "value": (times + 1) // 2}
    return {"event": name, "count": count, "during": {"last": f"P{DAYS}D"}}
