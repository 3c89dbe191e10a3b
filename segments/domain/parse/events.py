"""The nodes about events, and what they are made of: tests, counts, windows."""

from functools import partial
from typing import Final

from segments.domain.conditions import (
    BeforeLast,
    Between,
    By,
    Channel,
    Condition,
    Count,
    CountOperator,
    During,
    Engaged,
    Engagement,
    EventCount,
    EventHad,
    EventSequence,
    EventTotal,
    Ever,
    Last,
    Position,
    SequenceStep,
    SinceEntry,
    Source,
    Test,
    TotalKind,
)
from segments.domain.operators import EntryValue, Operator, StepValue
from segments.domain.parse.comparisons import (
    SameAs,
    exact_length,
    read_comparison,
    read_date,
    read_entry,
    read_number_comparison,
)
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

MOST_STEPS: Final = 10  # of a sequence


def read_event(keys: Keys, depth: int, budget: Budget) -> Condition:
    return EventCount(
        name=keys.text("event"),
        where=_tests(keys, "where", depth, budget),
        count=_count_of(keys),
        during=read_during(keys, budget),
    )


def read_total(keys: Keys, depth: int, budget: Budget) -> Condition:
    return EventTotal(
        kind=read_word(TotalKind, keys.take("total"), keys.where("total")),
        name=keys.text("event"),
        path=read_path(keys.take("property"), keys.where("property")),
        where=_tests(keys, "where", depth, budget),
        during=read_during(keys, budget),
        comparison=read_number_comparison(keys),
    )


def read_position(keys: Keys, depth: int, budget: Budget, *, position: Position) -> Condition:
    name = keys.text(position)
    where = _tests(keys, "where", depth, budget)
    had = _tests(keys, "had", depth, budget)
    if not had:
        raise ConditionError(keys.where("had"), gettext_noop("must hold at least one test"))
    during = read_during(keys, budget)
    return EventHad(position=position, name=name, where=where, had=had, during=during)


def read_sequence(keys: Keys, depth: int, budget: Budget) -> Condition:
    where = keys.where("sequence")
    documents = read_list(keys.take("sequence"), where)
    if not 1 <= len(documents) <= MOST_STEPS:
        raise ConditionError(
            where, Phrase(gettext_noop("must hold from 1 to {most} steps"), {"most": MOST_STEPS})
        )
    steps: list[SequenceStep] = []
    for place, document in enumerate(documents):
        steps.append(_step(document, f"{where}[{place}]", steps, depth + 1, budget))
    for place, step in reversed(list(enumerate(steps))):
        if not step.is_not:
            break
        if step.within is None:
            raise ConditionError(
                f"{where}[{place}].within",
                gettext_noop("is needed: with nothing to come after it, it is never over"),
            )
    return EventSequence(steps=tuple(steps), during=read_during(keys, budget))


def _step(document: Json, path: str, before: list[SequenceStep], depth: int, budget: Budget) -> SequenceStep:
    budget.spend(path, depth=depth)
    keys = Keys(document, path)
    for key in ("not", "within"):
        if keys.has(key) and not before:
            raise ConditionError(keys.where(key), gettext_noop("needs a step before it"))
    step = SequenceStep(
        name=keys.text("event"),
        where=_tests(keys, "where", depth, budget, same_as=partial(_same_as, before=before, budget=budget)),
        within=exact_length(keys.take("within"), keys.where("within")) if keys.has("within") else None,
        is_not=_yes_no(keys, "not"),
    )
    keys.finish()
    return step


def _yes_no(keys: Keys, key: str) -> bool:
    if not keys.has(key):
        return False
    value = keys.take(key)
    if not isinstance(value, bool):
        raise ConditionError(keys.where(key), gettext_noop("must be true or false"))
    return value


def _same_as(
    document: Json, path: str, *, before: list[SequenceStep], budget: Budget
) -> EntryValue | StepValue:
    keys = Keys(document, path)
    if not keys.has("step"):
        return read_entry(document, path, budget=budget)
    step = keys.take("step")
    if type(step) is not int or not 0 <= step < len(before) or before[step].is_not:
        raise ConditionError(
            keys.where("step"), gettext_noop("must be the number of an earlier step that happens, from 0")
        )
    value = StepValue(step=step, path=read_path(keys.take("property"), keys.where("property")))
    keys.finish()
    return value


def read_engagement(keys: Keys, depth: int, budget: Budget) -> Condition:
    kind = read_word(Engaged, keys.take("engagement"), keys.where("engagement"))
    by = read_word(By, keys.take("by"), keys.where("by")) if keys.has("by") else By.HUMAN
    channel = Channel.EMAIL
    if keys.has("channel"):
        channel = read_word(Channel, keys.take("channel"), keys.where("channel"))
    engagement = Engagement(
        kind=kind,
        by=by,
        channel=channel,
        journey=keys.text("journey") if keys.has("journey") else "",
        step=keys.text("step") if keys.has("step") else "",
        count=_count_of(keys),
        during=read_during(keys, budget),
    )
    if by is not By.HUMAN and not engagement.has_reader:
        raise ConditionError(keys.where("by"), gettext_noop("goes with opened and clicked only"))
    if engagement.step and not engagement.journey:
        raise ConditionError(keys.where("step"), gettext_noop("needs the journey that it is a step of"))
    return engagement


def _tests(
    keys: Keys, key: str, depth: int, budget: Budget, *, same_as: SameAs | None = None
) -> tuple[Test, ...]:
    if not keys.has(key):
        return ()
    where = keys.where(key)
    return tuple(
        _test(test, f"{where}[{place}]", depth + 1, budget, same_as=same_as)
        for place, test in enumerate(read_list(keys.take(key), where))
    )


def _test(document: Json, path: str, depth: int, budget: Budget, *, same_as: SameAs | None) -> Test:
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
    read_link = same_as or partial(read_entry, budget=budget)
    comparison = read_comparison(keys, depth, budget, same_as=read_link)
    is_linked = isinstance(comparison.value, StepValue)
    if is_linked and (comparison.op is not Operator.IS or comparison.ignore_case):
        raise ConditionError(keys.where("op"), gettext_noop("must be is, to compare with a step"))
    keys.finish()
    return Test(source=source, path=looked_at, comparison=comparison)


def _count_of(keys: Keys) -> Count:
    return _count(keys.take("count"), keys.where("count")) if keys.has("count") else Count()


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


def read_during(keys: Keys, budget: Budget) -> During:
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
