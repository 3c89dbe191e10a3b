"""The words by which a person is found: written with the person, and looked for by their beginnings.

Both sides cut text here and not in the database's parser, which takes half an email apart and makes a
negative number of the second half of "K-05610".
"""

import re
from collections.abc import Iterable
from typing import Final

LONGEST_WORD: Final = 200  # characters; PostgreSQL takes 2,046 bytes
MOST_WORDS: Final = 8  # of one search

_PARTS = re.compile(r"[^\W_]+")


def search_words(values: Iterable[str]) -> list[str]:
    """All words of some texts and, of those with signs inside, their parts; in lower case, none twice."""
    found: dict[str, None] = {}
    for word in (word for value in values for word in value.lower().split()):
        for part in (word, *filter(None, word.split("@")), *_PARTS.findall(word)):
            found[part[:LONGEST_WORD]] = None
    return list(found)


def prefix_query(text: str) -> str:
    """Write a text search query for people who have words beginning with each of these.

    Words are quoted and not parsed, as the written ones are not.
    """
    words = [word[:LONGEST_WORD] for word in text.lower().split()[:MOST_WORDS]]
    quoted = [word.replace("\\", "\\\\").replace("'", "''") for word in words]
    return " & ".join(f"'{word}':*" for word in quoted)
