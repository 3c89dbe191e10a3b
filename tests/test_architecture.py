"""What holds for the whole code: who may import whom, how models are declared and named."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import models

from cdp_site.jinja import environment, icon
from cdp_site.privacy import Erase, PersonalData

APPS = ("profiles", "segments", "journeys", "connectors")
OURS = ("cdp_site", *APPS)
# What an app shows to the others. Beside rule 3 of the house: `arrays` and `partitions` are SQL that others
# need too, `live` and `revision` are the pipeline's side of segments, `store` the drain's of profiles, and
# `catalogue` is what forms suggest.
SHOWN = frozenset(
    {
        "domain",
        "models",
        "queries",
        "services",
        "arrays",
        "catalogue",
        "partitions",
        "forms",  # of segments: the editor of conditions, wherever a page needs one
        "live",
        "revision",
        "store",
        "network",
    }
)
MODELS = [model for label in OURS for model in apps.get_app_config(label).get_models()]
HOLDS_DATA = (models.JSONField, models.BinaryField, models.TextField)


def modules(*packages: str) -> Iterator[tuple[str, ast.Module]]:
    for package in packages:
        for path in sorted((Path(settings.BASE_DIR) / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield str(path.relative_to(settings.BASE_DIR)), ast.parse(path.read_text())


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("app", APPS)
def test_apps__import_only_what_others_show(app: str) -> None:
    strays = []
    for path, tree in modules(app):
        for name in imported(tree):
            other, _dot, rest = name.partition(".")
            if other in APPS and other != app and rest.split(".")[0] not in SHOWN:
                strays.append(f"{path}: {name}")
    assert strays == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
class TestModel:
    def test_says_how_personal_data_is_treated(self, model: type[models.Model]) -> None:
        declared = getattr(model, "personal_data", None)
        assert isinstance(declared, PersonalData)
        columns = {field.name for field in model._meta.get_fields()} | {
            field.attname for field in model._meta.concrete_fields
        }
        assert {*declared.columns, *declared.impersonal} <= columns
        assert declared.person is None or declared.person in columns
        assert declared.retain

    def test_names_each_column_that_can_hold_data(self, model: type[models.Model]) -> None:
        declared: PersonalData = model.personal_data  # type: ignore[attr-defined]
        named = {*declared.columns, *declared.impersonal}
        # Free text of a table without people in it is the company's own; json and bytes can hold anything.
        kinds = HOLDS_DATA[:2] if declared.erase is Erase.NONE else HOLDS_DATA
        unnamed = [
            field.name
            for field in model._meta.concrete_fields
            if isinstance(field, kinds) and field.name not in named
        ]
        assert unnamed == []

    def test_erases_what_is_keyed_by_person(self, model: type[models.Model]) -> None:
        declared: PersonalData = model.personal_data  # type: ignore[attr-defined]
        if any(field.attname == "person_id" for field in model._meta.concrete_fields):
            assert declared.person == "person_id"
            assert declared.erase in (Erase.DELETE, Erase.SCRUB)

    def test_names_tell_kinds(self, model: type[models.Model]) -> None:
        for field in model._meta.concrete_fields:
            if isinstance(field, models.DateTimeField):
                assert re.search(r"(_at|_until)$|^(at|ts)$", field.name), f"instant {field.name}"
            elif isinstance(field, models.DateField):
                assert field.name.endswith("_on"), f"date {field.name}"
            elif isinstance(field, models.BooleanField):
                assert re.match(r"(is|has|can)_", field.name), f"yes or no {field.name}"


def templates() -> list[Path]:
    return sorted((Path(settings.BASE_DIR) / "templates").rglob("*.html"))


@pytest.mark.parametrize("path", templates(), ids=lambda path: path.name)
class TestTemplate:
    def test_is_sound_jinja(self, path: Path) -> None:
        environment().parse(path.read_text())

    def test_has_nothing_that_the_content_policy_refuses(self, path: Path) -> None:
        # What a template computes is no mark-up: in `{% for one in some %}`, "one" is no event's handler.
        text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
        assert not re.search(r"\sstyle\s*=|<style|<script(?![^>]*\bsrc=)|\son[a-z]+\s*=|javascript:", text)
        assert not re.search(r"hx-on|hx-vals=.js:|hx-trigger=\"[^\"]*\[", text)

    def test_marks_nothing_safe(self, path: Path) -> None:
        assert "|safe" not in path.read_text().replace(" ", "")

    def test_names_icons_that_exist(self, path: Path) -> None:
        for name in re.findall(r"icon\(\s*\"([^\"]+)\"", path.read_text()):
            assert icon(name)


def test_tasks__are_found_by_their_names() -> None:
    """Strings that name a function of ours are invisible to the import rules; each must resolve."""
    from django.utils.module_loading import import_string

    named = re.compile(rf"({'|'.join(OURS)})(\.[a-z_]+)*\.tasks\.[a-z_]+")
    found = {
        node.value
        for _path, tree in modules(*OURS)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and named.fullmatch(node.value)
    }
    for name in found:
        assert callable(import_string(name))
