"""Take messages that are nested too deeply out of a batch, so that the rest of it can be read.

The decoder gives up on the whole text at some thousand levels; nobody means to send half as many.
"""

import re

DEEPEST = 500  # levels of a whole batch
MOST_TOKENS = 100_000  # texts and brackets looked at; four kilobytes of gzip can hold millions
TAKEN_OUT = b'"nested too deeply to be read"'
# A text that never ends is matched to the end of the body: tried anew at each of its quotes, it would
# take time that grows with the square of its length.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
_ITEM = 3  # the batch is an object (1) that holds a list (2) of messages


def without_deep_messages(body: bytes) -> bytes:
    """Put a text in the place of each message beyond the depth. What is no JSON stays no JSON.

    Raises:
        RecursionError: finding the messages at fault would cost more than they are worth.
    """
    parts: list[bytes] = []
    depth = deepest = start = copied = 0
    is_list = False
    for number, token in enumerate(_TOKEN.finditer(body)):
        if number == MOST_TOKENS:
            raise RecursionError
        bracket = token[0]
        if bracket in b"[{":
            depth += 1
            if depth == _ITEM - 1:
                is_list = bracket == b"["
            elif depth == _ITEM:
                start, deepest = token.start(), depth
            deepest = max(deepest, depth)
        elif bracket in b"]}":
            if depth == _ITEM and is_list and deepest > DEEPEST:
                parts += [body[copied:start], TAKEN_OUT]
                copied = token.end()
            depth -= 1
    return b"".join([*parts, body[copied:]])
