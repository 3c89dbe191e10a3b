"""The terms of one event name as rulesets of durable_rules, inside the limits that were found safe.

The C extension crashes, hangs or answers wrongly outside of limits that its interface does not name. It is
used so that they cannot be reached:

- It only sees what `segments.network.projection` lets through.
- It compares names by a 32-bit hash: a collision is refused when a ruleset is built.
- At most `MOST_TERMS` terms and `MOST_NAMES` names a ruleset; larger sets are split.
- A fact is asserted, the fired rules are read, and it is retracted. A sentinel rule fires once after
  building: deleting the state of a ruleset in which nothing ever fired corrupts the heap.
- One lock for the whole extension: it is not safe for threads.
"""

import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import Final

from profiles.domain.facts import Event
from segments.network.plan import Term
from segments.network.projection import Projection
from segments.network.stimuli import RuleId

try:
    import durable_rules_engine
except ImportError:  # no compiler at hand, or Python 3.13: the closures do its work
    durable_rules_engine = None

IS_INSTALLED: Final = durable_rules_engine is not None
MOST_TERMS: Final = 60
MOST_NAMES: Final = 200
_SESSION: Final = "0"
_MATCHED: Final = 0
_UNMATCHED: Final = 1

_LOCK: Final = threading.Lock()
_ruleset_numbers = count(1)
_fact_numbers = count(1)


class EngineFailed(Exception):
    """The extension raised an error, or gave an answer that makes no sense."""


class Shard:
    """One ruleset: some terms of one event name."""

    def __init__(self, terms: Sequence[Term]) -> None:
        """Build and warm the ruleset.

        Raises:
            EngineFailed: the extension refused it.
        """
        self._rules = [term.rules for term in terms]
        self._projection = Projection()
        rules = {
            str(place): {"all": [{"m": self._projection.pattern(term.tests)}]}
            for place, term in enumerate(terms)
        }
        rules["warm"] = {"all": [{"m": {"w": 1}}]}
        _refuse_collisions(self._projection.names)
        self._handle: int | None = None
        with _LOCK:
            self._handle = _create(json.dumps(rules))
            if _fired(self._handle, '"w":1') != ["warm"]:
                raise EngineFailed("the sentinel did not fire")

    def touched(self, event: Event) -> list[frozenset[RuleId]]:
        """The rules of the terms that a message passes.

        Raises:
            Outside: the message must be answered elsewhere.
            EngineFailed: the shard is broken; close it.
        """
        if not self._projection.may_match(event):
            return []
        values = self._projection.values(event)
        with _LOCK:
            if self._handle is None:
                raise EngineFailed("the shard is closed")
            fired = _fired(self._handle, values)
        if not fired:
            return []
        try:
            return [self._rules[int(name)] for name in fired]
        except (IndexError, ValueError) as error:
            raise EngineFailed("an unknown rule fired") from error

    def close(self) -> None:
        """Free the ruleset; safe to call twice."""
        with _LOCK:
            handle, self._handle = self._handle, None
            if handle is not None:
                durable_rules_engine.delete_state(handle, _SESSION)
                durable_rules_engine.delete_ruleset(handle)


def shards_of(terms: Iterable[Term]) -> list[Shard]:
    """Split terms into rulesets inside the limits, and build them."""
    return [Shard(some) for some in _portions(terms)]


def _portions(terms: Iterable[Term]) -> Iterator[list[Term]]:
    portion: list[Term] = []
    names = 0
    for term in terms:
        most_names = 2 * len(term.tests)  # a number takes two
        if portion and (len(portion) == MOST_TERMS or names + most_names > MOST_NAMES):
            yield portion
            portion, names = [], 0
        portion.append(term)
        names += most_names
    if portion:
        yield portion


def _create(rules: str) -> int:
    try:
        return int(durable_rules_engine.create_ruleset(f"wayfare{next(_ruleset_numbers)}", rules))
    except Exception as error:  # the extension raises plain exceptions with a number in the text
        raise EngineFailed(f"a ruleset was refused: {error}") from error


def _fired(handle: int, values: str) -> list[str]:
    """Assert a fact, read the names of the rules it fires, take it back. The lock is held."""
    head = f'{{"id":"{next(_fact_numbers)}","sid":"{_SESSION}"'
    fired: list[str] = []
    try:
        code, state = durable_rules_engine.assert_fact(handle, f"{head},{values}}}")
        if code == _UNMATCHED:  # nothing was kept
            return fired
        if code != _MATCHED:
            raise EngineFailed(f"asserting a fact gave {code}")
        result = durable_rules_engine.start_action_for_state(handle, state)
        message = result[1] if result else None
        while message is not None:  # {"<rule>": {"m": <the fact>}}
            fired.append(message[2 : message.index('"', 2)])
            if len(fired) > MOST_TERMS + 1:
                raise EngineFailed("rules fire without end")
            message = durable_rules_engine.complete_and_start_action(handle, state)
        durable_rules_engine.retract_fact(handle, head + "}")
    except EngineFailed:
        raise
    except Exception as error:  # as in `_create`
        raise EngineFailed(f"a fact was refused: {error}") from error
    return fired


def _refuse_collisions(names: Sequence[str]) -> None:
    reserved = ["w", "id", "sid"]
    if len(names) > MOST_NAMES:
        raise EngineFailed("too many names for one ruleset")
    if len({_hashed(name) for name in [*names, *reserved]}) != len(names) + len(reserved):
        raise EngineFailed("two names have the same hash")


def _hashed(name: str) -> int:
    """FNV-1a with 32 bits: all that the extension compares of a name."""
    value = 2166136261
    for byte in name.encode():
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return value
