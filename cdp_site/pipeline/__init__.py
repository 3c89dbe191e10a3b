"""The way of a message: from the inbox through store, segments and journeys, one transaction a batch.

Storing is per batch, deciding is per message: messages are resolved to people and their state is moved
forward one by one, in order of arrival; segments and journeys are asked between them on facts that hold
exactly what had arrived. Timers of a person that were due before a message was received run before it.
Everything is then written set-wise, and the inbox rows go in the same commit.

`drain_lane` and `sweep` are wake-ups: called twice, or not at all for a while, they change nothing but
the moment of deciding, never the decision.
"""

from cdp_site.pipeline.computing import compute_waiting
from cdp_site.pipeline.drain import drain_lane
from cdp_site.pipeline.housekeeping import housekeeping
from cdp_site.pipeline.rules import segments_watched
from cdp_site.pipeline.sweeping import call_in_present, sweep

__all__ = ["call_in_present", "compute_waiting", "drain_lane", "housekeeping", "segments_watched", "sweep"]
