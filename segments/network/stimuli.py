"""What can touch a rule, and the rules themselves."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from profiles.domain.facts import Event
from segments.domain.conditions import Condition
from segments.domain.values import Json

RuleId = Hashable


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRule:
    """A condition that somebody wants to be told about."""

    id: RuleId
    condition: Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageStimulus:
    """The person did something."""

    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class TraitStimulus:
    """Traits changed: key -> (value before, value after), None for none.

    A key whose history gained an entry is named, though its value may be as before.
    """

    changes: Mapping[str, tuple[Json, Json]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentStimulus:
    """Consent in these categories may have changed."""

    categories: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityStimulus:
    """Identities of these kinds came or went."""

    kinds: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentStimulus:
    """The person entered or left a segment."""

    slug: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListStimulus:
    """The person was added by hand to a segment, or is no longer."""

    slug: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneStimulus:
    """The person's time zone changed. A changed trait `timezone` says so too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeStimulus:
    """Two persons became one, or one became two: everything may differ."""


Stimulus = (
    MessageStimulus
    | TraitStimulus
    | ConsentStimulus
    | IdentityStimulus
    | SegmentStimulus
    | ListStimulus
    | ZoneStimulus
    | MergeStimulus
)
