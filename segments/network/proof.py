"""A trial build in a process of its own, before rules are published.

The limits of `segments.network.durable` keep the extension from hanging. Should one be found that they do
not know, this hangs and is killed instead of every worker.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from profiles.domain.facts import Event
from segments.domain.conditions import Condition, reads
from segments.domain.parse import parse_condition, to_json
from segments.network.durable import IS_INSTALLED
from segments.network.network import RuleNetwork
from segments.network.stimuli import LiveRule, MessageStimulus

_ROOT: Final = Path(__file__).resolve().parents[2]


class NetworkRefused(Exception):
    """The rules could not be built, or not in time."""


def prove(conditions: Iterable[Condition], *, seconds: float = 20.0) -> None:
    """Build a network of these conditions in a process of its own.

    Raises:
        NetworkRefused: it failed, crashed or took longer than `seconds`.
    """
    if not IS_INSTALLED:
        return
    documents = json.dumps([to_json(condition) for condition in conditions])
    try:
        result = subprocess.run(
            [sys.executable, "-c", f"from {__name__} import build; build()"],
            input=documents,
            capture_output=True,
            text=True,
            timeout=seconds,
            cwd=_ROOT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NetworkRefused(f"building took more than {seconds:g} seconds") from error
    if result.returncode != 0:
        raise NetworkRefused(result.stderr.strip().rpartition("\n")[2] or f"exit code {result.returncode}")


def build() -> None:
    """Build a network of the conditions on standard input; what `prove` runs."""
    documents = json.load(sys.stdin)
    conditions = [parse_condition(document, allow_entry=True) for document in documents]
    network = RuleNetwork(
        [LiveRule(id=place, condition=condition) for place, condition in enumerate(conditions)],
        engine="durable",
        check_every=1,
    )
    for condition in conditions:
        for name in reads(condition).event_names:
            network.touched(MessageStimulus(event=_empty_event(name.rstrip("*"))))
    network.close()
    if network.counters.failures or network.counters.differences:
        raise NetworkRefused(f"the engine failed on these rules: {network.counters}")


def _empty_event(name: str) -> Event:
    now = datetime(2000, 1, 1, tzinfo=UTC)
    return Event(
        name=name, ts=now, arrival=0, received_at=now, message_id=str(UUID(int=0)), properties={}, context={}
    )
