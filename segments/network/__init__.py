"""Which live rules can a change of a person touch?

`RuleNetwork.touched(stimulus)` names every rule whose answer may differ after the stimulus from what it was
before, in either direction, and as few others as is cheap. It never answers a rule: whoever is named is then
evaluated in full. What cannot be projected onto one message (counts, windows, comparisons with a run's
entry, dates) counts as "may differ". Rules are handed in; nothing here knows who owns them.

Messages go through networks of durable_rules, one set per event name, kept inside the limits found safe
(`segments.network.durable`). The closures of `segments.network.closures` are the reference: they answer
where that engine is not installed or is switched off, for messages outside its limits, whenever it fails,
and once in `check_every` messages beside it. The other stimuli are looked up in plain tables.

The passing of time is no stimulus: see the due times of segments and runs.
"""

from segments.network.network import Counters, RuleNetwork
from segments.network.proof import NetworkRefused, prove
from segments.network.stimuli import (
    ConsentStimulus,
    IdentityStimulus,
    ListStimulus,
    LiveRule,
    MergeStimulus,
    MessageStimulus,
    RuleId,
    SegmentStimulus,
    Stimulus,
    TraitStimulus,
    ZoneStimulus,
)

__all__ = [
    "ConsentStimulus",
    "Counters",
    "IdentityStimulus",
    "ListStimulus",
    "LiveRule",
    "MergeStimulus",
    "MessageStimulus",
    "NetworkRefused",
    "RuleId",
    "RuleNetwork",
    "SegmentStimulus",
    "Stimulus",
    "TraitStimulus",
    "ZoneStimulus",
    "prove",
]
