"""One function per kind of node, and the table of them."""

from collections.abc import Callable, Mapping
from typing import Final

from segments.domain.conditions import (
    AllOf,
    AnyOf,
    BeforeLast,
    Between,
    Condition,
    ConsentIs,
    ConsentState,
    ContextTest,
    Count,
    CountOperator,
    During,
    EventCount,
    Ever,
    IdentityKnown,
    InSegment,
    Last,
    NoneOf,
    SinceEntry,
    Source,
    Standing,
    Test,
    TraitTest,
)
from segments.domain.parse.comparisons import exact_length, read_comparison, read_date
from segments.domain.parse.keys import (
    LARGEST_COUNT,
    Budget,
    ConditionError,
    Keys,
    read_list,
    read_path,
    read_word,
)
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


def _event(keys: Keys, depth: int, budget: Budget) -> Condition:
    name = keys.text("event")
    where = read_list(keys.take("where"), keys.where("where")) if keys.has("where") else []
    return EventCount(
        name=name,
        where=tuple(
            _test(test, f"{keys.where('where')}[{place}]", depth + 1, budget)
            for place, test in enumerate(where)
        ),
        count=_count(keys.take("count"), keys.where("count")) if keys.has("count") else Count(),
        during=_during(keys, budget),
    )


def _segment(keys: Keys, depth: int, budget: Budget) -> Condition:
    slug = keys.text("segment")
    standing = read_word(Standing, keys.take("is"), keys.where("is"))
    if keys.has("during") and standing is Standing.NOT_MEMBER:
        raise ConditionError(
            keys.where("during"), gettext_noop("goes with member or left only: since when or until when")
        )
    return InSegment(slug=slug, standing=standing, during=_during(keys, budget))


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
    "event": _event,
    "segment": _segment,
    "consent": _consent,
    "known": _known,
    "context": _context,
}


def _test(document: Json, path: str, depth: int, budget: Budget) -> Test:
    budget.spend(path, depth=depth)
    keys = Keys(document, path)
    sources = [source for source in Source if keys.has(source)]
    if len(sources) != 1:
        raise ConditionError(
            path,
            Phrase(gettext_noop("must have exactly one of the keys {kinds}"), {"kinds": ", ".join(Source)}),
        )
    source = sources[0]
    looked_at = read_path(keys.take(source), keys.where(source))
    test = Test(
        source=source, path=looked_at, comparison=read_comparison(keys, depth, budget, may_enter=True)
    )
    keys.finish()
    return test


def _count(document: Json, path: str) -> Count:
    keys = Keys(document, path)
    op = read_word(CountOperator, keys.take("op"), keys.where("op"))
    value = keys.take("value")
    keys.finish()
    if type(value) is not int:
        raise ConditionError(f"{path}.value", gettext_noop("must be a whole number"))
    if not 0 <= value <= LARGEST_COUNT:
        raise ConditionError(
            f"{path}.value", Phrase(gettext_noop("must be from 0 to {most}"), {"most": LARGEST_COUNT})
        )
    return Count(op=op, value=value)


def _during(keys: Keys, budget: Budget) -> During:
    if not keys.has("during"):
        return Ever()
    where = keys.where("during")
    window = Keys(keys.take("during"), where)
    kinds = [kind for kind in ("last", "before_last", "between", "since") if window.has(kind)]
    if len(kinds) != 1:
        raise ConditionError(
            where,
            Phrase(
                gettext_noop("must have exactly one of the keys {kinds}"),
                {"kinds": "last, before_last, between, since"},
            ),
        )
    value = window.take(kinds[0])
    window.finish()
    return _window(kinds[0], value, window.where(kinds[0]), budget)


def _window(kind: str, value: Json, path: str, budget: Budget) -> During:
    match kind:
        case "last":
            return Last(length=exact_length(value, path))
        case "before_last":
            return BeforeLast(length=exact_length(value, path))
        case "between":
            return _between(value, path)
        case _:
            budget.need_entry(path)
            if value != "entry":
                raise ConditionError(path, gettext_noop("must be entry"))
            return SinceEntry()


def _between(value: Json, path: str) -> Between:
    ends = read_list(value, path)
    if len(ends) != 2:
        raise ConditionError(path, gettext_noop("must hold two dates, from and to"))
    start, end = read_date(ends[0], f"{path}[0]"), read_date(ends[1], f"{path}[1]")
    if type(start) is type(end) and str(start) >= str(end):
        raise ConditionError(path, gettext_noop("must end after it begins"))
    return Between(start=start, end=end)
