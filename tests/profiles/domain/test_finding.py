"""How people are found by words."""

import pytest

from profiles.domain.finding import LONGEST_WORD, prefix_query, search_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ann  Lee", ["ann", "lee"]),
        ("K-05610", ["k-05610", "k", "05610"]),
        (
            "ann.lee@example.com",
            ["ann.lee@example.com", "ann.lee", "example.com", "ann", "lee", "example", "com"],
        ),
        ("Ann ANN", ["ann"]),
        ("Søren Åse", ["søren", "åse"]),
        ("--", ["--"]),
        (" ", []),
    ],
)
def test_search_words(text: str, words: list[str]) -> None:
    assert search_words([text]) == words


def test_search_words__are_no_longer_than_the_database_takes() -> None:
    assert [len(word) for word in search_words(["ä" * 9000])] == [LONGEST_WORD]


def test_prefix_query__quotes_each_word() -> None:
    assert prefix_query("O'Neil \\x") == "'o''neil':* & '\\\\x':*"
