"""Every address of the product, walked for tests: its view, its mark, and a path to call it by."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from cdp_site.web import Access

# What stands for a path parameter of this name; anything else is by its converter.
SAMPLES = {
    "uuid": "00000000-0000-0000-0000-000000000000",
    "int": "0",
    "slug": "nothing",
    "str": "nothing",
    "path": "nothing",
}
OUTSIDE = frozenset({"admin"})  # the stock admin guards itself; a test of its own looks at that


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One url pattern."""

    route: str
    path: str  # with sample parameters
    view: str
    access: Access | None


def addresses() -> list[Address]:
    """All url patterns but those of the stock admin, in the order of the table."""
    return list(_walk(get_resolver().url_patterns, route="", path="/"))


def _walk(patterns: list[URLPattern | URLResolver], *, route: str, path: str) -> Iterator[Address]:
    for pattern in patterns:
        here, called = route + str(pattern.pattern), path + _sample(pattern)
        if isinstance(pattern, URLResolver):
            if pattern.namespace not in OUTSIDE:
                yield from _walk(pattern.url_patterns, route=here, path=called)
        else:
            view = pattern.callback
            yield Address(
                route=here, path=called, view=f"{view.__module__}.{view.__qualname__}", access=access_of(view)
            )


def _sample(pattern: URLPattern | URLResolver) -> str:
    route = str(pattern.pattern)
    converters: dict[str, Any] = pattern.pattern.converters
    for name, converter in converters.items():
        kind = type(converter).__name__.removesuffix("Converter").lower().replace("string", "str")
        for written in (f"<{kind}:{name}>", f"<{name}>"):
            route = route.replace(written, SAMPLES[kind])
    return route


def access_of(view: Any) -> Access | None:
    """The mark of a view: of a page on the function, of the API on its permission."""
    mark = getattr(view, "access", None)
    if mark is None and (cls := getattr(view, "cls", None)):
        mark = next(
            (found for one in cls.permission_classes if (found := getattr(one, "access", None))), None
        )
    return mark if isinstance(mark, Access) else None
