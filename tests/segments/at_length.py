"""Generated tests once more for `make test-full`, over many more examples."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def at_length(test: Any, *, examples: int) -> Any:
    """The same test of `data` over so many examples."""
    longer = settings(
        max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    return pytest.mark.full(longer(given(data=st.data())(test.hypothesis.inner_test)))
