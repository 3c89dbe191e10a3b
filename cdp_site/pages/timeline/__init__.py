"""One person's history across the apps: what they did, what was decided, what was sent, what changed.

`queries` reads one page of it in one statement, `entries` holds what was read, `phrases` says each
entry in one sentence. Pages go by a cursor (time, rank, tie), never by counting rows.
"""

from cdp_site.pages.timeline.entries import Cursor, Entry, Group, Source
from cdp_site.pages.timeline.phrases import Line, line_of
from cdp_site.pages.timeline.queries import Wanted, entries_of

__all__ = ["Cursor", "Entry", "Group", "Line", "Source", "Wanted", "entries_of", "line_of"]
