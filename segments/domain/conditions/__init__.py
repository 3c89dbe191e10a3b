"""The nodes of a condition, and what they mean at the edges.

A condition asks about one person (`profiles.domain.facts.Facts`) at one moment, `now`. It is true or
false, never unknown; whatever cannot be asked at all (an entry where no run has begun) is an error.

Missing
    A value is missing when nothing stands at the path, when null stands there, or when the operator is
    about another type: nothing is converted, so the text "12" is no number, true is no 1, and a number is
    no text. For a missing value each operator is false. Those that are written as opposites (`is_not`,
    `not_one_of`, `not_contains`, `includes_none`, `no_item`, `unknown`) are true exactly when their
    counterpart is false, and therefore true for a missing value. The empty text is a value.
Groups
    An empty `all` and an empty `none` are true, an empty `any` is false.
Text
    Compared sign by sign, with no language's rules. `ignore_case` lowers both sides by one table that maps
    each sign to one sign. `matches` looks anywhere in the text (see `segments.domain.patterns`).
Numbers
    Exact decimals up to 10^308 either way; what lies beyond is missing.
Dates
    See `segments.domain.values` for what can be read as a date. With a plain day, `before`, `after` and `on`
    compare the day on the person's calendar; with a time of day, `before` and `after` compare moments.
    `within_last d` is now - d < date <= now, `more_than_ago d` is date <= now - d, `within_next d` is
    now < date <= now + d, `more_than_ahead d` is date > now + d: a date passes exactly one of the four.
    The length moves the person's calendar and clock, so a day may have 23 or 25 hours. `anniversary` is
    about days: the date's return is today, or from today up to the last of the days ahead; 29 February
    returns on the 28th where the year has no 29th.
Lists
    `includes…` compare by type. `every_item` is false for an empty list. An item that is no object has
    nothing at any path.
Events
    An event counts when its name fits (exactly, or by what stands before a closing `*`), all of `where`
    holds, and it lies in the window; nothing later than `now` counts, except the message being processed,
    whose clock may run a little ahead. `last d` is ts > now - d, `before_last d` is ts <= now - d, a day
    being 24 hours; `between` is from <= ts < to, plain days being the person's; `since entry` is strictly
    after the entry message in the order of (ts, arrival).
Segments
    A stay lasts from its entering up to, not including, its leaving. `member` is to be in a stay now, with
    `during` one that began in the window. `left` is to be in none while one ended (in the window).
Consent
    A category never mentioned is `unset`.
Totals
    Of the numbers that stand at a path in the events that count; `distinct` takes texts, yes and no too, and
    compares by type. What is something else is left out. The sum of nothing and the distinct values of
    nothing are 0; the average, least and greatest of nothing are missing. Sums are exact.
First, last
    The first or last of the events that count, in the order of (ts, arrival); without any it had nothing.
Sequences
    Events that match the steps, each later than the one before in the order of (ts, arrival), all of them in
    the window; one such chain is enough. `within d` is ts < ts of the event before + d. A `not` step says
    what did not follow the event matched before it: with `within d` nothing from there on with
    ts < its ts + d, and now must be that far; without, nothing up to the event of the next step. What a
    `not` step looks for need not lie in the window. `same_as` a step is to be equal, by type, to what
    stands there; nothing is equal to something missing.
Has been
    Since the trait's history last turned so that the test holds, at `at`: `at_least d` is at <= now - d,
    `less_than d` is at > now - d. A trait never set is missing since ever.
Lists
    To be added by hand to the segment of that slug, as long as that is in force.
Buckets
    The first 52 bits of SHA-256 of "salt:public id", as a share of all they can be; from <= share < to.
Engagement
    Events of messages, with their names and properties. `by` is asked of opens and clicks only.

To add a node: a class in `nodes` and in `Condition`, a case in `reads`, and one function in each reader
(parse, evaluate, describe, next_change, the compiler, the network); mypy names what still lacks it.
"""

from segments.domain.conditions.nodes import (
    ENGAGEMENT_EVENTS,
    AllOf,
    AnyOf,
    BeforeLast,
    Between,
    By,
    Channel,
    Condition,
    ConsentIs,
    ConsentState,
    ContextTest,
    Count,
    CountOperator,
    During,
    Engaged,
    Engagement,
    EventCount,
    EventHad,
    EventLeaf,
    EventSequence,
    EventTotal,
    Ever,
    Group,
    HasBeen,
    IdentityKnown,
    InBucket,
    InSegment,
    Last,
    Leaf,
    NoneOf,
    OnList,
    PersonLeaf,
    Position,
    SequenceStep,
    SinceEntry,
    Source,
    Span,
    Standing,
    Test,
    TotalKind,
    TraitTest,
)
from segments.domain.conditions.reading import Reads, leaves, name_fits, reads

__all__ = [
    "ENGAGEMENT_EVENTS",
    "AllOf",
    "AnyOf",
    "BeforeLast",
    "Between",
    "By",
    "Channel",
    "Condition",
    "ConsentIs",
    "ConsentState",
    "ContextTest",
    "Count",
    "CountOperator",
    "During",
    "Engaged",
    "Engagement",
    "EventCount",
    "EventHad",
    "EventLeaf",
    "EventSequence",
    "EventTotal",
    "Ever",
    "Group",
    "HasBeen",
    "IdentityKnown",
    "InBucket",
    "InSegment",
    "Last",
    "Leaf",
    "NoneOf",
    "OnList",
    "PersonLeaf",
    "Position",
    "Reads",
    "SequenceStep",
    "SinceEntry",
    "Source",
    "Span",
    "Standing",
    "Test",
    "TotalKind",
    "TraitTest",
    "leaves",
    "name_fits",
    "reads",
]
