"""A message nested without end is taken out of its batch; everything else stays as it was."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.domain.depth import DEEPEST, TAKEN_OUT, without_deep_messages

TEXTS = st.text(alphabet='ab"\\\\[]{}', max_size=6)
JSON = st.recursive(TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=8)


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


@given(st.lists(JSON), JSON)
def test_without_deep_messages__leaves_the_others(messages: list[object], context: object) -> None:
    body = json.dumps({"batch": messages, "context": context}).encode()
    assert without_deep_messages(body) == body


@given(st.lists(JSON, max_size=3), st.lists(JSON, max_size=3))
def test_without_deep_messages__takes_out_the_deep(before: list[object], after: list[object]) -> None:
    deep = '{"a": ' + nested(5000) + "}"
    items = [*map(json.dumps, before), deep, *map(json.dumps, after)]
    body = f'{{"batch": [{", ".join(items)}], "sentAt": "x"}}'.encode()
    found = json.loads(without_deep_messages(body))
    assert found == {"batch": [*before, json.loads(TAKEN_OUT), *after], "sentAt": "x"}


def test_without_deep_messages__the_border() -> None:
    for levels, is_kept in ((DEEPEST - 2, True), (DEEPEST - 1, False)):
        body = f'{{"batch":[{nested(levels)}]}}'.encode()
        assert (without_deep_messages(body) == body) is is_kept


def test_without_deep_messages__no_json_stays_none() -> None:
    for body in (b"", b"]]]]", b'{"batch":[' + b"[" * 5000, b'"never ends'):
        assert without_deep_messages(body) == body


def test_without_deep_messages__gives_up_on_what_is_nothing_but_brackets() -> None:
    with pytest.raises(RecursionError):
        without_deep_messages(b'{"batch":' + b"[" * 2_000_000 + b"]" * 2_000_000 + b"}")


def test_without_deep_messages__takes_time_in_proportion() -> None:
    body = b'{"batch":[' + b"[" * 5000 + b'"' + b'\\"' * 2_000_000
    began = time.perf_counter()
    assert without_deep_messages(body) == body
    assert time.perf_counter() - began < 30  # a second; the square of it would be days
