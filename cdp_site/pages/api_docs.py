"""The management API described: the OpenAPI document, and the same as a page to read.

The page is made from the document, so that it can't tell anything else; no script of others is needed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

from cdp_site.web import StaffRequest, public_page, staff_page

METHODS = ("get", "post", "put", "patch", "delete")
DEEPEST = 6  # of nested objects that the page spells out
Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a body, or one parameter."""

    name: str
    kind: str  # "text", "list of number", …: the type in JSON's words
    is_required: bool
    note: str
    depth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One method of one path."""

    key: str
    method: str
    path: str
    summary: str
    parameters: Sequence[Field]
    takes: Sequence[Field]
    gives: Sequence[tuple[str, Sequence[Field]]]  # status and the body's fields


@public_page
@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """Answer with the OpenAPI document, for generators of clients."""
    return JsonResponse(_document(), json_dumps_params={"indent": 1})


@staff_page()
@require_safe
def docs(request: StaffRequest) -> HttpResponse:
    """Show the API as a page."""
    document = _document()
    chapters: dict[str, list[Endpoint]] = {}
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                chapter = path.removeprefix("/api/v1/").split("/")[0]
                chapters.setdefault(chapter, []).append(_endpoint(method, path, methods[method], document))
    context = {"chapters": chapters, "base_url": settings.BASE_URL}
    return render(request, "pages/api_docs.html", context)


def _document() -> dict[str, Any]:
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    found: dict[str, Any] = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return found


def _endpoint(method: str, path: str, operation: Schema, document: Schema) -> Endpoint:
    said = str(operation.get("description") or operation.get("summary") or "")
    return Endpoint(
        key=str(operation["operationId"]),
        method=method.upper(),
        path=path,
        summary=said,
        parameters=[_parameter(one) for one in operation.get("parameters", ())],
        takes=_fields(_body(operation.get("requestBody", {})), document),
        gives=[
            (status, _fields(_body(answer), document)) for status, answer in operation["responses"].items()
        ],
    )


def _parameter(parameter: Schema) -> Field:
    return Field(
        name=str(parameter["name"]),
        kind=_kind(parameter.get("schema", {})),
        is_required=bool(parameter.get("required")),
        note=str(parameter.get("description", "")),
    )


def _body(holder: Schema) -> Schema:
    content: Mapping[str, Schema] = holder.get("content", {})
    found: Schema = next((one.get("schema", {}) for one in content.values()), {})
    return found


def _fields(schema: Schema, document: Schema, depth: int = 0) -> list[Field]:
    schema = _resolved(schema, document)
    if schema.get("type") == "array":
        schema = _resolved(schema.get("items", {}), document)
    if depth > DEEPEST:
        return []
    required = set(schema.get("required", ()))
    found = []
    for name, inner in schema.get("properties", {}).items():
        inner = _resolved(inner, document)
        found.append(
            Field(
                name=name,
                kind=_kind(inner),
                is_required=name in required,
                note=str(inner.get("description", "")),
                depth=depth,
            )
        )
        found += _fields(inner, document, depth + 1)
    return found


def _resolved(schema: Schema, document: Schema) -> Schema:
    if len(schema.get("allOf", ())) == 1:
        schema = {**schema["allOf"][0], **{key: value for key, value in schema.items() if key != "allOf"}}
    reference = schema.get("$ref")
    if not reference:
        return schema
    found: Schema = document["components"]["schemas"][str(reference).rsplit("/", 1)[-1]]
    return found


_KINDS = {"string": "text", "integer": "whole number", "boolean": "true or false", "array": "list"}


def _kind(schema: Schema) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    kind = schema.get("format") or schema.get("type", "any")
    return _KINDS.get(kind, str(kind))
