"""Steps that say where people go: branch, split, repeat, another journey, out."""

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate
from math import ceil

from journeys.domain.decision import LedgerEntry, Outcome, Over
from journeys.domain.nodes import Branch, Exit, GoToJourney, Repeat, Split
from journeys.domain.steps.result import GoOn, Moment, Result, left
from profiles.domain.facts import Json
from segments.domain.buckets import BITS, share_of
from segments.domain.evaluate import Reason, evaluate

ELSE = "else"
HOLD_OUT = "hold_out"


def branch(step: Branch, moment: Moment) -> Result:
    """Take the first case that holds. The ledger keeps the reasons of every case that was asked."""
    reasons: list[Reason] = []
    taken, into = ELSE, step.otherwise
    for case in step.cases:
        answer = evaluate(case.condition, moment.facts, moment.now)
        reasons.append(answer.reason)
        if answer.holds:
            taken, into = case.name, case.steps
            break
    tree = {"node": "any", "held": taken != ELSE, "children": [each.to_json() for each in reasons]}
    entry = LedgerEntry(step=step.id, outcome=Outcome.BRANCHED, reason=taken, tree=tree)
    return Result(way=GoOn(into=into), ledger=(entry,))


def split(step: Split, moment: Moment) -> Result:
    """Take the variant of the person's share of the hash; who is behind all of them is held out."""
    share = share_of(step.salt, moment.facts.uuid)
    for variant, end in zip(step.variants, _ends(step), strict=True):
        if share < end:
            entry = LedgerEntry(step=step.id, outcome=Outcome.SPLIT, reason=variant.name)
            return Result(way=GoOn(into=variant.steps), ledger=(entry,))
    entry = LedgerEntry(step=step.id, outcome=Outcome.SPLIT, reason=HOLD_OUT)
    return Result(way=GoOn(), ledger=(entry,))


def _ends(step: Split) -> tuple[int, ...]:
    return _bounds(tuple(variant.share for variant in step.variants))


@lru_cache(maxsize=1024)
def _bounds(shares: tuple[Decimal, ...]) -> tuple[int, ...]:
    """Where the variants of these shares end among all hashes."""
    return tuple(ceil(Fraction(total) * (1 << BITS) / 100) for total in accumulate(shares))


def repeat(step: Repeat, moment: Moment) -> Result:
    """Begin another round, unless all are done or what they are for holds."""
    number = moment.rounds.get(step.id, 0)
    if number >= step.times:
        return _over(step, Over.TIMES)
    if step.until and (answer := evaluate(step.until, moment.facts, moment.now)).holds:
        return _over(step, Over.UNTIL, tree=answer.reason.to_json())
    entry = LedgerEntry(step=step.id, outcome=Outcome.REPEATED, reason=str(number + 1))
    return Result(way=GoOn(into=step.steps), ledger=(entry,), round=number + 1)


def _over(step: Repeat, over: Over, *, tree: Json = None) -> Result:
    entry = LedgerEntry(step=step.id, outcome=Outcome.REPEATED, reason=over.value, tree=tree)
    return Result(way=GoOn(), ledger=(entry,), round=0)


def go_to_journey(step: GoToJourney) -> Result:
    return left(step.id, Outcome.MOVED_ON, reason=step.journey, goes_to=step.journey)


def leave(step: Exit) -> Result:
    return left(step.id, Outcome.EXITED, reason=step.reason)
