"""What steps are called where nobody named them."""

import pytest

from cdp_site.pages.steps import step_names
from journeys.domain.parse.steps import KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_step_names__every_kind_has_words(kind: str) -> None:
    document = {"steps": [{"id": "a", "kind": kind}, {"id": "b", "kind": kind, "name": "Ours"}]}
    names = step_names(document)
    assert names["a"] != kind
    assert names["b"] == "Ours"
