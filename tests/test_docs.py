"""What README and docs name is what the code has: each operator, node, step, setting, command, endpoint.

A table that is kept stands below a comment `<!-- kept: name -->`; its names are the code spans of one of its
columns. Examples are fenced blocks whose language says what they are, and each is parsed.
"""

import ast
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from cdp_site.pages.api_docs import METHODS
from connectors.domain.call import CALLS
from connectors.domain.vendor import Action
from connectors.registry import CHANNELS
from connectors.rendering import child, shared_renderer
from connectors.rendering.renderer import SECONDS
from connectors.services.templates import VARIABLES
from journeys.domain.decision import Outcome, Refusal
from journeys.domain.definition import parse_journey
from journeys.domain.parse.steps import KINDS
from segments.domain.operators import Operator
from segments.domain.parse import parse_condition
from segments.domain.parse.nodes import NODES
from tests.addresses import addresses

ROOT: Path = settings.BASE_DIR
README = ROOT / "README.md"
DOCS = ROOT / "docs"
APPS = ("profiles", "segments", "journeys", "connectors", "cdp_site")
PAGES = [README, *sorted(DOCS.glob("*.md"))]

_CODE = re.compile(r"`([^`\n]+)`")
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def kept(name: str, *, file: Path = README, column: int = 0) -> list[str]:
    """The code spans of a column of the table below a mark."""
    return [code for row in _rows(name, file=file) for code in _CODE.findall(_cells(row)[column])]


def kept_rows(name: str, *, file: Path) -> list[tuple[str, ...]]:
    """The rows of the table below a mark, with one code span in each cell."""
    return [tuple(_CODE.findall(row)) for row in _rows(name, file=file)]


def kept_cells(name: str, *, file: Path) -> list[list[str]]:
    """The cells of the table below a mark, each its code span, or its words where it has none."""
    return [[next(iter(_CODE.findall(cell)), cell) for cell in _cells(row)] for row in _rows(name, file=file)]


def _rows(name: str, *, file: Path) -> list[str]:
    _, mark, rest = file.read_text().partition(f"<!-- kept: {name} -->\n")
    assert mark, f"{file.name} has no table {name!r}"
    return [line for line in rest.split("\n\n", 1)[0].splitlines() if line.startswith("|")][2:]


def code_spans(file: Path) -> list[str]:
    """The code spans of a file's text, without its examples."""
    return _CODE.findall(_FENCE.sub("", file.read_text()))


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]


def agree(told: Iterable[str], *, code: Iterable[str]) -> None:
    """Both name the same things, and none is told twice."""
    told = list(told)
    assert sorted(set(told)) == sorted(set(code))
    assert len(told) == len(set(told)), "something is told twice"


# -- tables --------------------------------------------------------------------------------------------


def test_readme__targets_of_make() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    parts = {"checks", "browser"}  # of `lint` and `test`

    agree(kept("targets"), code=[f"make {name}" for name in set(phony[1].split()) - parts])


def test_readme__commands() -> None:
    files = (ROOT / "cdp_site" / "management" / "commands").glob("*.py")

    agree(kept("commands"), code=[file.stem for file in files if file.stem != "__init__"])


def environment_of(file: Path) -> set[str]:
    """The variables that a module reads: calls of `env.<type>("NAME", …)`."""
    return {
        node.args[0].value
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "env"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def test_readme__settings() -> None:
    agree(kept("settings"), code=environment_of(ROOT / "cdp_site" / "settings.py"))


def test_readme__apps() -> None:
    agree(kept("apps"), code=APPS)


def test_readme__nodes() -> None:
    agree(kept("nodes"), code=NODES)


def test_readme__operators() -> None:
    told = kept("operators", column=1)

    assert set(told) == {operator.value for operator in Operator}


def test_readme__steps() -> None:
    agree(kept("steps"), code=KINDS)


def test_readme__outcomes() -> None:
    agree(kept("outcomes"), code=[outcome.value for outcome in Outcome])


def test_readme__channels() -> None:
    agree(kept("channels"), code=CHANNELS)


def test_connections__each_action_of_each_crm() -> None:
    told = kept_cells("actions", file=DOCS / "connections.md")
    crms = ("crm", "hubspot", "salesforce", "pipedrive")

    assert [kind.name for kind in CHANNELS.values() if kind.actions] == list(crms)
    assert [action for action, *_ in told] == [action.value for action in Action]
    for action, *cells in told:
        does = {crm for crm, cell in zip(crms, cells, strict=True) if cell != "no"}
        assert does == {crm for crm in crms if action in CHANNELS[crm].actions}, action


def test_readme__public_endpoints() -> None:
    written = {address.route for address in addresses() if address.access and address.access.kind == "public"}
    named = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route) for route in written if "<path:" not in route}

    agree(kept("endpoints"), code=[f"/{path}" for path in {*named, *CALLS}])


def test_http_api__private_endpoints() -> None:
    paths: dict[str, dict[str, Any]] = Client().get("/api/schema/").json()["paths"]
    code = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, methods in paths.items()
        for method in methods
        if method in METHODS
    }

    agree(kept("private", file=DOCS / "http-api.md"), code=code)


def test_conditions__each_node_and_operator_is_explained() -> None:
    explained = set(code_spans(DOCS / "conditions.md"))

    assert set(NODES) <= explained
    assert {operator.value for operator in Operator} <= explained


def test_journeys__each_step_outcome_and_refusal_is_explained() -> None:
    explained = set(code_spans(DOCS / "journeys.md"))

    assert set(KINDS) <= explained
    assert {outcome.value for outcome in Outcome} <= explained
    assert {refusal.value for refusal in Refusal} <= explained


def test_messages__variables() -> None:
    agree(kept("variables", file=DOCS / "messages.md"), code=VARIABLES)


def test_messages__bounds() -> None:
    told = kept("bounds", file=DOCS / "messages.md", column=1)
    memory = child.MEMORY_BYTES // 2**20

    assert told == [str(bound) for bound in (child.TEMPLATE_SECONDS, memory, child.LONGEST_OUTPUT, SECONDS)]


# -- examples ------------------------------------------------------------------------------------------

EXAMPLES: dict[str, tuple[str, str]] = {
    f"{file.stem}-{number}": (kind, text)
    for file in PAGES
    for number, (kind, text) in enumerate(
        re.findall(r"^```json ([\w-]+)\n(.*?)^```$", file.read_text(), re.MULTILINE | re.DOTALL)
    )
}


@pytest.mark.parametrize(("kind", "text"), EXAMPLES.values(), ids=EXAMPLES)
def test_examples__each_can_be_read(kind: str, text: str) -> None:
    document = json.loads(text)
    match kind:
        case "condition":
            parse_condition(document)
        case "journey-condition":
            parse_condition(document, allow_entry=True)
        case "journey":
            parse_journey(document)
        case "content":
            for segment in document["segments"]:
                parse_condition(segment["condition"])
            for journey in document["journeys"]:
                parse_journey(journey["document"])
        case _:
            pytest.fail(f"nobody knows how to read an example of {kind}")


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_templates__ask_for_nothing_but_what_there_is(file: Path) -> None:
    examples = re.findall(r"^```jinja\n(.*?)^```$", file.read_text(), re.MULTILINE | re.DOTALL)
    read = shared_renderer().read({str(number): text for number, text in enumerate(examples)})

    assert {use.path[0] for use in read.unknown} <= VARIABLES


def test_examples__use_every_kind_of_step_and_node() -> None:
    journeys = " ".join(text for kind, text in EXAMPLES.values() if kind == "journey")
    conditions = " ".join(text for _kind, text in EXAMPLES.values())

    assert [step for step in KINDS if f'"kind": "{step}"' not in journeys] == []
    assert [node for node in NODES if f'"{node}":' not in conditions] == []


# -- links ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_links__lead_somewhere(file: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)[^)]*\)", file.read_text())

    assert [link for link in links if not (file.parent / link).exists()] == []


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_paths__named_in_the_text_exist(file: Path) -> None:
    """Files of ours in code spans: `connectors/ingest.py`, `segments/compiler/`."""
    named = [
        code
        for code in code_spans(file)
        if re.fullmatch(rf"(?:{'|'.join(APPS)}|tests|docs|templates)/[\w./-]+", code)
    ]

    assert [path for path in named if not (ROOT / path).exists()] == []
