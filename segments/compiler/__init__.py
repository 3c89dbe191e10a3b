"""A condition as one SQL query: the ids of everybody it holds for.

`people_query` means the same as `segments.domain.evaluate` asked of each person, over everybody or over a
few, now or as of a past moment. Events, memberships and identities are read once each, grouped by person,
and joined: no part is asked person by person. Every boolean piece is true or false, never null.
"""

from segments.compiler.nodes import people_query
from segments.compiler.rows import NotCompilable, Scope

__all__ = ["NotCompilable", "Scope", "people_query"]
