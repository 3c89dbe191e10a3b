"""One person's answer to a condition, with the reasons or fast.

`evaluate` and `holds` mean the same; `evaluate` asks every part and keeps what it saw, `holds` stops as
soon as the answer is certain. Both follow the rules atop `segments.domain.conditions`, and raise
`EvaluationError` where a question makes no sense for the facts at hand.
"""

from segments.domain.evaluate.asking import evaluate, holds
from segments.domain.evaluate.people import EVER, consent_state, held_since
from segments.domain.evaluate.reasons import Answer, Reason
from segments.domain.evaluate.tests import passes
from segments.domain.evaluate.windows import EvaluationError, lies_in

__all__ = [
    "EVER",
    "Answer",
    "EvaluationError",
    "Reason",
    "consent_state",
    "evaluate",
    "held_since",
    "holds",
    "lies_in",
    "passes",
]
