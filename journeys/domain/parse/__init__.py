"""JSON to the nodes of a journey; every fault is reported at once, with its place.

A reader that finds a fault notes it and goes on with what it can make of the rest, so its
result may only be used when `Reader.faults` is empty.
"""

from journeys.domain.parse.around import read_entry, read_goal
from journeys.domain.parse.keys import Fault, JourneyError, Reader
from journeys.domain.parse.settings import read_company, read_settings
from journeys.domain.parse.steps import read_sequence

__all__ = [
    "Fault",
    "JourneyError",
    "Reader",
    "read_company",
    "read_entry",
    "read_goal",
    "read_sequence",
    "read_settings",
]
