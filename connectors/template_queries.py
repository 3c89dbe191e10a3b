"""Reads of templates: what reachable people lack of what they ask for, and where parts are used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from django.db import connection
from django.db.models import Q
from psycopg.sql import SQL, Literal

from connectors.domain.template import PERSON, Content, plain_path, texts_of, used_parts
from connectors.models import Template
from connectors.rendering import Use, shared_renderer
from profiles.queries import people_count

ASKED: Final = 200_000  # people; of more, so many are asked
_ALWAYS: Final = frozenset({"person.id", "person.email", "person.traits"})  # of whom a mail can reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """Something a template writes without saying what to write where it is missing."""

    path: str  # person.firstName
    count: int  # people who can be reached and have nothing there


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """What people lack that a template asks for."""

    reachable: int
    is_exact: bool
    lacks: tuple[Lack, ...]  # what most people lack first; nothing that everybody has
    of_events: tuple[str, ...]  # paths of what happened, which nobody can count beforehand


def lacking(content: Content, *, parts: Mapping[str, Content]) -> Lacking:
    """Find what people who have an address lack of what a mail asks for.

    Raises:
        RenderError: the mail cannot be read.
    """
    texts = texts_of(content)
    content = replace(content, parts=shared_renderer().read(texts).parts)
    for slug in used_parts(content, parts=parts):
        texts |= {f"{slug}.{name}": text for name, text in texts_of(parts[slug]).items()}
    uses = [use for use in shared_renderer().read(texts).uses if not use.has_default]
    asked = _without_default(uses, content=content)
    paths = [path for path in asked if path.startswith(f"{PERSON}.")]
    reachable, missing, is_exact = _missing([path.split(".")[1:] for path in paths])
    found = [Lack(path=path, count=count) for path, count in zip(paths, missing, strict=True) if count]
    return Lacking(
        reachable=reachable,
        is_exact=is_exact,
        lacks=tuple(sorted(found, key=lambda lack: (-lack.count, lack.path))),
        of_events=tuple(path for path in asked if path.startswith(("event.", "entry."))),
    )


def _without_default(uses: Sequence[Use], *, content: Content) -> list[str]:
    paths = dict.fromkeys(plain_path(use.path) for use in uses)
    return [path for path in paths if path not in _ALWAYS and path not in content.defaults]


_COUNT: Final = SQL(
    "SELECT count(*), ARRAY[{missing}]::bigint[] FROM profiles_person AS p {sample}"
    " WHERE p.merged_into_id IS NULL AND EXISTS (SELECT FROM profiles_identity AS i"
    " WHERE i.person_id = p.id AND i.kind = 'email')"
)


def _missing(paths: Sequence[Sequence[str]]) -> tuple[int, list[int], bool]:
    """How many can be reached, and how many of them have nothing at each path; of many people about."""
    share = min(1.0, ASKED / max(people_count().value, 1))
    is_exact = share == 1.0
    counts = [
        SQL("count(*) FILTER (WHERE coalesce(p.traits #>> {path}, '') = '')").format(path=Literal(list(path)))
        for path in paths
    ]
    sample = SQL("TABLESAMPLE SYSTEM ({per_cent})").format(per_cent=Literal(share * 100))
    with connection.cursor() as cursor:
        cursor.execute(_COUNT.format(missing=SQL(", ").join(counts), sample=SQL("") if is_exact else sample))
        reachable, missing = cursor.fetchone()
    if is_exact:
        return reachable, missing, True
    return round(reachable / share), [round(count / share) for count in missing], False


def templates_using(slug: str) -> list[Template]:
    """The templates that stand in a layout or include a block, in force or as drafts."""
    named = Q()
    for column in ("content", "draft"):
        named |= Q(**{f"{column}__layout": slug}) | Q(**{f"{column}__parts__contains": [slug]})
    return list(Template.objects.filter(named).order_by("name"))
