"""Patterns: what is inside the subset matches as written, what is outside is refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segments.domain.patterns import Pattern, PatternError
from tests.segments.worlds import patterns


@pytest.mark.parametrize(
    "source",
    [
        *("", "a||b", "(a", "a)", "()", "a]", "a}", "[a", "[[a]", "\\"),
        *("*a", "a**", "a*?", "a{2}{3}", "a{,3}", "a{3,2}", "a{256}", "a{1,2", "^*", "(^a)+"),
        *("(?=a)", "(?i)a", r"\1", r"\b", r"\p{L}", r"\x41", "[z-a]", r"[a-\d]", "\0"),
        *(
            "((a{100}){100})",
            "(?:[a-c]{1,20}){1,90}",
            "(a?){200}a{101}",
            "a" * 501,
            "(" * 30 + "a" + ")" * 30,
        ),
    ],
)
def test_pattern__refuses_what_is_outside_the_subset(source: str) -> None:
    with pytest.raises(PatternError):
        Pattern(source=source)


@pytest.mark.parametrize(
    ("source", "found", "not_found"),
    [
        ("b+", ["abc"], ["ac"]),
        ("^ab?c$", ["ac", "abc"], ["abbc", "xac", "ac\n"]),
        ("a|^b|c$", ["xa", "bx", "xc"], ["xb", "cx"]),
        (r"\d{2,3}", ["a12"], ["1a2", "١٢"]),
        (r"^\w+$", ["a_1"], ["é"]),
        (r"a\.b", ["a.b"], ["axb"]),
        ("^.$", ["é", "😀"], ["\n", ""]),
        ("[^a-c]", ["d", "\n", "ß"], ["abc"]),
        (r"[\d\-x]", ["-", "5", "x"], ["y"]),
        (r"^[^\s]+$", ["a-b"], ["a b"]),
        (r"[\D]", ["a"], ["12"]),
        ("[]a]", [], []),
    ],
)
def test_pattern__matches_anywhere(source: str, found: list[str], not_found: list[str]) -> None:
    if source == "[]a]":
        with pytest.raises(PatternError):
            Pattern(source=source)
        return
    pattern = Pattern(source=source)
    assert [text for text in found if not pattern.is_found_in(text)] == []
    assert [text for text in not_found if pattern.is_found_in(text)] == []


@given(source=patterns, text=st.text(alphabet="abAB1 .é\n", max_size=8))
def test_pattern__agrees_with_python(source: str, text: str) -> None:
    python = re.compile(source.replace("$", r"\Z"), re.ASCII)
    assert Pattern(source=source).is_found_in(text) is (python.search(text) is not None)
