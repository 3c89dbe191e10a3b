"""Decide for the people of one transaction: what rules say, and what follows.

The `Desk` is what is known of the people and decided so far. `reading` lays it, the `Decider` moves it
forward in time with `settling`, `runs`, `entries` and `moments`, `writing` stores what came of it.
"""

from cdp_site.pipeline.deciding.decider import Decider
from cdp_site.pipeline.deciding.desk import Desk
from cdp_site.pipeline.deciding.entries import plan
from cdp_site.pipeline.deciding.moments import postpone
from cdp_site.pipeline.deciding.reading import due_rules, load_due, load_facts, wanted_names
from cdp_site.pipeline.deciding.runs import park_due
from cdp_site.pipeline.deciding.writing import write_decisions

__all__ = [
    "Decider",
    "Desk",
    "due_rules",
    "load_due",
    "load_facts",
    "park_due",
    "plan",
    "postpone",
    "wanted_names",
    "write_decisions",
]
