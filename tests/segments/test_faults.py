"""The generated agreement would notice: with a fault put into one reader, it finds a difference.

Nothing else of ours is ever patched in tests. Here the fault is the point.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from psycopg.sql import SQL, Composable

from segments.compiler import nodes
from segments.compiler.rows import Rows, at
from segments.domain.conditions import AnyOf, Count, Last, NoneOf, Span
from segments.domain.evaluate import people
from segments.domain.evaluate.sequences import _Search
from tests.segments.test_agreement import agreement, check
from tests.segments.worlds import World, worlds

TREES = 1_000  # at most: as many as `make test` asks; each of these faults shows up long before


def differs() -> bool:
    """Whether the readers are found to disagree."""

    @settings(agreement(TREES), phases=[Phase.generate], derandomize=True, report_multiple_bugs=False)
    @given(world=worlds())
    def look(world: World) -> None:
        check(world)

    try:
        look()
    except AssertionError:
        return True
    return False


def window_edge(patch: pytest.MonkeyPatch) -> None:
    """Exactly so long ago is still in the last while."""
    right = Rows.window

    def window(self: Rows, column: SQL, during: Any, *, zone: Composable) -> list[Composable]:
        if not isinstance(during, Last):
            return right(self, column, during, zone=zone)
        return [SQL("{} >= {}").format(column, at(self.scope.now - during.length.exact()))]

    patch.setattr(Rows, "window", window)


def dropped_none(patch: pytest.MonkeyPatch) -> None:
    """None of some is read as any of them."""
    right = nodes._answer

    def answer(rows: Rows, condition: Any) -> Any:
        return right(rows, AnyOf(of=condition.of) if isinstance(condition, NoneOf) else condition)

    patch.setattr(nodes, "_answer", answer)


def count_off_by_one(patch: pytest.MonkeyPatch) -> None:
    right = Count.holds_for
    patch.setattr(Count, "holds_for", lambda self, number: right(self, number + 1))


def late_by_one(patch: pytest.MonkeyPatch) -> None:
    """An event exactly at the end of `within` is in time."""

    def is_late(self: _Search, step: Any, at: int, *, since: int) -> bool:
        return step.within is not None and self.events[at].ts > self._end(step.within.exact(), since)

    patch.setattr(_Search, "_is_late", is_late)


def lasted_too_long(patch: pytest.MonkeyPatch) -> None:
    """Exactly as long is not yet at least so long."""

    def has_lasted(leaf: Any, since: Any, now: Any) -> bool:
        is_long = since is not None and since < now - leaf.length.exact()
        return since is not None and (is_long if leaf.span is Span.AT_LEAST else not is_long)

    patch.setattr(people, "_has_lasted", has_lasted)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "put_in",
    [window_edge, dropped_none, count_off_by_one, late_by_one, lasted_too_long],
    ids=lambda one: one.__name__,
)
def test_fault__is_found(
    put_in: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in(monkeypatch)

    assert differs()
