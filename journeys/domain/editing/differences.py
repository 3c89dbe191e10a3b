"""What tells two documents apart, part by part, sound or not."""

from collections.abc import Mapping
from dataclasses import dataclass

from journeys.domain.changes import ChangeKind
from journeys.domain.editing.spots import sequences_in
from journeys.domain.outline import KEYS, Document, own
from profiles.domain.exact import is_same_json
from profiles.domain.facts import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One part that is not the same."""

    part: str
    kind: ChangeKind


def differences(before: Document, after: Document) -> list[Difference]:
    """What became of each part, in the order of the new document; what is gone stands last."""
    old, new = _parts(before), _parts(after)
    found = []
    for part, (place, content) in new.items():
        if part not in old:
            found.append(Difference(part=part, kind=ChangeKind.ADDED))
        elif not is_same_json(old[part][1], content):
            found.append(Difference(part=part, kind=ChangeKind.CHANGED))
        elif old[part][0] != place:
            found.append(Difference(part=part, kind=ChangeKind.MOVED))
    gone = [Difference(part=part, kind=ChangeKind.REMOVED) for part in old if part not in new]
    return found + gone


def _parts(document: Document) -> dict[str, tuple[str, Json]]:
    """Part -> its sequence, and what it holds itself."""
    around = {part: ("", own(document[key])) for part, key in KEYS.items() if key in document}
    steps = {
        str(step.get("id")): (address, own(step))
        for address, sequence in sequences_in(document)
        for step in sequence
        if isinstance(step, Mapping)
    }
    return around | steps
