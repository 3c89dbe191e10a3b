"""One function per kind of node, and the table of them; those about events stand in `events`."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from segments.domain.conditions import (
    AllOf,
    AnyOf,
    Condition,
    ConsentIs,
    ConsentState,
    ContextTest,
    HasBeen,
    IdentityKnown,
    InBucket,
    InSegment,
    NoneOf,
    OnList,
    Position,
    Span,
    Standing,
    TraitTest,
)
from segments.domain.operators import moves
from segments.domain.parse import events
from segments.domain.parse.comparisons import exact_length, read_comparison, read_number
from segments.domain.parse.keys import Budget, ConditionError, Keys, read_list, read_path, read_word
from segments.domain.phrases import Phrase, gettext_noop
from segments.domain.values import Json


def parse_condition(document: Json, *, path: str = "", allow_entry: bool = False) -> Condition:
    """Read a condition.

    Args:
        path: what stands before the paths of errors, for a condition inside of a larger document.
        allow_entry: inside of a journey, where a run's entry message and the message being processed exist.

    Raises:
        ConditionError: the document is outside the grammar.
    """
    budget = Budget(allow_entry=allow_entry)
    return _condition(document, path, 0, budget)


def _condition(document: Json, path: str, depth: int, budget: Budget) -> Condition:
    budget.spend(path, depth=depth)
    keys = Keys(document, path)
    kinds = [kind for kind in NODES if keys.has(kind)]
    if kinds == ["event", "total"]:  # a total names its events so
        kinds = ["total"]
    if len(kinds) != 1:
        choices = Phrase(
            gettext_noop("must have exactly one of the keys {kinds}"), {"kinds": ", ".join(NODES)}
        )
        raise ConditionError(path, choices)
    condition = NODES[kinds[0]](keys, depth, budget)
    keys.finish()
    return condition


def _group(kind: Callable[[tuple[Condition, ...]], Condition], key: str) -> "_Parser":
    def parse(keys: Keys, depth: int, budget: Budget) -> Condition:
        parts = read_list(keys.take(key), keys.where(key))
        return kind(
            tuple(
                _condition(part, f"{keys.where(key)}[{place}]", depth + 1, budget)
                for place, part in enumerate(parts)
            )
        )

    return parse


def _trait(keys: Keys, depth: int, budget: Budget) -> Condition:
    path = read_path(keys.take("trait"), keys.where("trait"))
    return TraitTest(path=path, comparison=read_comparison(keys, depth, budget))


def _context(keys: Keys, depth: int, budget: Budget) -> Condition:
    budget.need_entry(keys.where("context"))
    path = read_path(keys.take("context"), keys.where("context"))
    return ContextTest(path=path, comparison=read_comparison(keys, depth, budget))


def _segment(keys: Keys, depth: int, budget: Budget) -> Condition:
    slug = keys.text("segment")
    standing = read_word(Standing, keys.take("is"), keys.where("is"))
    if keys.has("during") and standing is Standing.NOT_MEMBER:
        raise ConditionError(
            keys.where("during"), gettext_noop("goes with member or left only: since when or until when")
        )
    return InSegment(slug=slug, standing=standing, during=events.read_during(keys, budget))


def _has_been(keys: Keys, depth: int, budget: Budget) -> Condition:
    where = keys.where("has_been")
    budget.spend(where, depth=depth + 1)
    test = Keys(keys.take("has_been"), where)
    path = read_path(test.take("trait"), test.where("trait"))
    comparison = read_comparison(test, depth + 1, budget)
    test.finish()
    if moves(comparison):
        raise ConditionError(
            test.where("op"), gettext_noop("changes with the clock: how long it has held cannot be told")
        )
    lasted = Keys(keys.take("for"), keys.where("for"))
    span = read_word(Span, lasted.take("op"), lasted.where("op"))
    length = exact_length(lasted.take("value"), lasted.where("value"))
    lasted.finish()
    return HasBeen(path=path, comparison=comparison, span=span, length=length)


def _list(keys: Keys, depth: int, budget: Budget) -> Condition:
    return OnList(slug=keys.text("list"))


def _bucket(keys: Keys, depth: int, budget: Budget) -> Condition:
    salt = keys.text("bucket")
    start, end = (read_number(keys.take(key), keys.where(key)) for key in ("from", "to"))
    if not 0 <= start < end <= 100:
        raise ConditionError(keys.where("to"), gettext_noop("must be more than from, and both from 0 to 100"))
    return InBucket(salt=salt, start=start, end=end)


def _consent(keys: Keys, depth: int, budget: Budget) -> Condition:
    return ConsentIs(
        category=keys.text("consent"), state=read_word(ConsentState, keys.take("is"), keys.where("is"))
    )


def _known(keys: Keys, depth: int, budget: Budget) -> Condition:
    return IdentityKnown(kind=keys.text("known"))


_Parser = Callable[[Keys, int, Budget], Condition]
NODES: Final[Mapping[str, _Parser]] = {
    "all": _group(lambda parts: AllOf(of=parts), "all"),
    "any": _group(lambda parts: AnyOf(of=parts), "any"),
    "none": _group(lambda parts: NoneOf(of=parts), "none"),
    "trait": _trait,
    "has_been": _has_been,
    "event": events.read_event,
    "total": events.read_total,
    "last": partial(events.read_position, position=Position.LAST),
    "first": partial(events.read_position, position=Position.FIRST),
    "sequence": events.read_sequence,
    "engagement": events.read_engagement,
    "segment": _segment,
    "list": _list,
    "bucket": _bucket,
    "consent": _consent,
    "known": _known,
    "context": _context,
}
