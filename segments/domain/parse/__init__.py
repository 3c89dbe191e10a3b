"""Between JSON and the tree of a condition.

`parse_condition` accepts exactly the grammar: whatever it does not know is an error with the path to it.
`to_json` writes a tree back; parsing that gives an equal tree.
"""

from segments.domain.parse.keys import ConditionError
from segments.domain.parse.nodes import parse_condition
from segments.domain.parse.writing import to_json

__all__ = ["ConditionError", "parse_condition", "to_json"]
