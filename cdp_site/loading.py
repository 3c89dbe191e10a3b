"""Bring sources, connections, templates, segments and journeys in from one JSON document.

The document is an object with any of these lists; each item has a `slug`, by which it is found again, so
that loading the same document twice changes nothing:

    {"language": 1,
     "sources":     [{"slug", "name", "kind"?, "trust"?, "secret"?, "is_historical"?}],
     "connections": [{"slug", "name", "kind", "settings"}],
     "templates":   [{"slug", "name", "subject", "body" or "body_file", "kind"?, "preheader"?, "sender"?,
                      "reply_to"?, "layout"?, "language"?, "translations"?, "defaults"?}],
     "segments":    [{"slug", "name", "condition", "publish"?}],
     "journeys":    [{"slug", "name", "document", "publish"?}]}

A text that is `${NAME}` and nothing else stands for a value given beside the document, which keeps
secrets and addresses out of it. Everything is brought in or, where anything is wrong, nothing.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Never

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from connectors import vault
from connectors.connection_settings import SettingsError
from connectors.domain.source_kinds import SourceKind
from connectors.domain.template import PLAIN, TEXTS, Content, TemplateKind, content_of
from connectors.models import Connection, Source, Template
from connectors.registry import CHANNELS
from connectors.rendering import RenderError
from connectors.services import (
    ConnectionDraft,
    TemplateDraft,
    checked,
    save_connection,
    save_template,
    secrets_of,
)
from connectors.source_services import SourceDraft, change_source, make_source
from journeys.domain.definition import JourneyError, parse_journey
from journeys.models import Journey
from journeys.services import create_journey, publish_journey, save_draft
from segments.domain.parse import ConditionError, parse_condition, to_json
from segments.models import Segment
from segments.network import NetworkRefused
from segments.services import publish_segment, save_segment

Json = Any

LANGUAGE: Final = 1
_PLACE: Final = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")
_SLUG: Final = re.compile(r"[-a-zA-Z0-9_]{1,80}")


class LoadError(Exception):
    """The document cannot be loaded; carries (path, message) of each fault found."""

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        super().__init__("\n".join(f"{path}: {message}" if path else message for path, message in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What became of one item."""

    kind: str  # the name of its list
    slug: str
    outcome: str  # made, changed, unchanged


def load_document(
    document: Json, *, folder: Path, values: Mapping[str, str], actor: str, now: datetime
) -> list[Loaded]:
    """Bring a document in.

    Args:
        folder: where the files lie that items name.
        values: what `${NAME}` stands for.

    Raises:
        LoadError: something in it is wrong; then nothing was changed.
    """
    loader = _Loader(folder=folder, values=values, actor=actor, now=now)
    with transaction.atomic():
        loaded = list(loader.load(document))
        if loader.faults:
            raise LoadError(loader.faults)
    return loaded


class _Unsound(Exception):
    """An item cannot be used; its faults are noted."""


@dataclass(slots=True, kw_only=True)
class _Loader:
    """One load on its way; gathers faults, so that all are told at once."""

    folder: Path
    values: Mapping[str, str]
    actor: str
    now: datetime
    faults: list[tuple[str, str]] = field(default_factory=list)

    def load(self, document: Json) -> Iterator[Loaded]:
        if not isinstance(document, Mapping):
            self.fault("", _("the document must be an object"))
            return
        for key in document:
            if key not in (*_SECTIONS, "language"):
                self.fault(str(key), _("is not a known key here"))
        if document.get("language", LANGUAGE) != LANGUAGE:
            self.fault("language", _("must be %(language)s") % {"language": LANGUAGE})
        for kind, load in _SECTIONS.items():
            yield from self._section(kind, document.get(kind, []), load)

    def _section(self, kind: str, items: Json, load: "_Load") -> Iterator[Loaded]:
        if not isinstance(items, list):
            self.fault(kind, _("must be a list"))
            return
        for number, document in enumerate(items):
            item = _Item(self, document=document, path=f"{kind}[{number}]")
            try:
                slug = item.slug()
                # A fault of the database undoes this item alone, so that the others are still looked at.
                with transaction.atomic():
                    outcome = load(self, item, slug)
            except _Unsound:
                continue
            yield Loaded(kind=kind, slug=slug, outcome=outcome)

    def fault(self, path: str, message: str) -> None:
        self.faults.append((path, message))

    def refuse(self, path: str, message: str) -> Never:
        self.fault(path, message)
        raise _Unsound


@dataclass(frozen=True, slots=True)
class _Item:
    """One item of a list, read key by key."""

    loader: _Loader
    document: Json = field(kw_only=True)
    path: str = field(kw_only=True)

    def slug(self) -> str:
        if not isinstance(self.document, Mapping):
            self.loader.refuse(self.path, _("must be an object"))
        slug = self.text("slug")
        if not _SLUG.fullmatch(slug):
            self.loader.refuse(
                f"{self.path}.slug", _("must be 1 to 80 letters, digits, dashes or underscores")
            )
        return slug

    def only(self, *keys: str) -> None:
        """Refuse keys beside these."""
        for key in self.document:
            if key not in ("slug", "name", *keys):
                self.loader.refuse(f"{self.path}.{key}", _("is not a known key here"))

    def text(self, key: str, *, default: str | None = None) -> str:
        value = self._put_in(self.document.get(key, default), f"{self.path}.{key}")
        if not isinstance(value, str) or (default is None and not value.strip()):
            self.loader.refuse(f"{self.path}.{key}", _("must be a text"))
        return value

    def flag(self, key: str) -> bool:
        value = self.document.get(key, False)
        if not isinstance(value, bool):
            self.loader.refuse(f"{self.path}.{key}", _("must be true or false"))
        return value

    def object(self, key: str, *, default: dict[str, Json] | None = None) -> dict[str, Json]:
        value = self._put_in(self.document.get(key, default), f"{self.path}.{key}")
        if not isinstance(value, dict):
            self.loader.refuse(f"{self.path}.{key}", _("must be an object"))
        return value

    def body(self) -> str:
        """A text given here, or the content of a file beside the document."""
        if "body_file" not in self.document:
            return self.text("body")
        file = self.loader.folder / self.text("body_file")
        try:
            return file.read_text()
        except (OSError, UnicodeDecodeError) as error:
            self.loader.refuse(f"{self.path}.body_file", _("cannot be read: %(reason)s") % {"reason": error})

    def _put_in(self, value: Json, path: str) -> Json:
        """Put given values in place of `${NAME}`, at any depth."""
        if isinstance(value, Mapping):
            return {key: self._put_in(inner, f"{path}.{key}") for key, inner in value.items()}
        if isinstance(value, list):
            return [self._put_in(inner, f"{path}[{place}]") for place, inner in enumerate(value)]
        found = _PLACE.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            return value
        if found[1] not in self.loader.values:
            self.loader.refuse(path, _("no value is given for %(name)s") % {"name": found[1]})
        return self.loader.values[found[1]]


_Load = Callable[[_Loader, _Item, str], str]


def _load_source(loader: _Loader, item: _Item, slug: str) -> str:
    item.only("kind", "trust", "secret", "is_historical")
    kind, trust = item.text("kind", default="http"), item.text("trust", default=Source.Trust.PUBLIC.value)
    if kind not in set(SourceKind):
        loader.refuse(f"{item.path}.kind", _one_of(SourceKind))
    if trust not in Source.Trust.values:
        loader.refuse(f"{item.path}.trust", _one_of(Source.Trust.values))
    draft = SourceDraft(
        slug=slug,
        name=item.text("name"),
        kind=SourceKind(kind),
        trust=trust,
        secret=item.text("secret", default=""),
        is_historical=item.flag("is_historical"),
    )
    found = Source.objects.filter(slug=slug).first()
    if found is None:
        make_source(draft, actor=loader.actor)
        return MADE
    if found.kind != kind:
        loader.refuse(f"{item.path}.kind", _("a source never changes its kind"))
    changes: dict[str, Json] = {
        key: value
        for key, value in (
            ("name", draft.name),
            ("trust", draft.trust),
            ("is_historical", draft.is_historical),
        )
        if getattr(found, key) != value
    }
    if draft.secret and draft.secret != vault.unseal(found.secret):
        changes["secret"] = draft.secret
    if not changes:
        return UNCHANGED
    change_source(found, changes=changes, actor=loader.actor)
    return CHANGED


def _load_connection(loader: _Loader, item: _Item, slug: str) -> str:
    item.only("kind", "settings")
    draft = ConnectionDraft(
        name=item.text("name"), kind=item.text("kind"), settings=item.object("settings", default={})
    )
    found = Connection.objects.filter(slug=slug).first()
    try:
        if found and _is_same(found, draft):
            return UNCHANGED
        save_connection(slug, draft=draft, actor=loader.actor)
    except SettingsError as error:
        place = item.path if error.path in ("slug", "kind") else f"{item.path}.settings"
        loader.refuse(f"{place}.{error.path}", error.message)
    return CHANGED if found else MADE


def _is_same(found: Connection, draft: ConnectionDraft) -> bool:
    """Whether a connection is already as the draft says; a secret that is not given counts as the same."""
    kind = CHANNELS.get(draft.kind)
    if kind is None or (found.name, found.kind) != (draft.name, draft.kind):
        return False
    known = secrets_of(found, kind=kind)
    given = {**known, **{key: value for key, value in draft.settings.items() if value != ""}}
    return kind.read_settings(given) == {**found.settings, **known}


def _load_template(loader: _Loader, item: _Item, slug: str) -> str:
    item.only("kind", "body_file", *TEXTS, *PLAIN, "translations", "defaults")
    kind = item.text("kind", default=TemplateKind.MAIL.value)
    if kind not in set(TemplateKind):
        loader.refuse(f"{item.path}.kind", _one_of(TemplateKind))
    draft = TemplateDraft(name=item.text("name"), content=_content(item), kind=TemplateKind(kind))
    found = Template.objects.filter(slug=slug).first()
    try:
        content = checked(draft.content, kind=draft.kind)
        is_same = found and (found.name, found.kind) == (draft.name, draft.kind)
        if found and is_same and content_of(found.content) == content:
            return UNCHANGED
        save_template(slug, draft=draft, actor=loader.actor, now=loader.now)
    except RenderError as error:
        loader.refuse(f"{item.path}.{error.name}", str(error))
    return CHANGED if found else MADE


def _content(item: _Item) -> Content:
    raw = {name: item.text(name, default="") for name in PLAIN if name in item.document}
    translations, defaults = item.object("translations", default={}), item.object("defaults", default={})
    for language, texts in translations.items():
        if not isinstance(texts, Mapping) or set(texts) - set(TEXTS) or not _are_texts(texts):
            item.loader.refuse(f"{item.path}.translations.{language}", _one_of(TEXTS))
    if not _are_texts(defaults):
        item.loader.refuse(f"{item.path}.defaults", _("must be a text"))
    is_mail = item.document.get("kind", TemplateKind.MAIL) == TemplateKind.MAIL
    return content_of(
        {
            **raw,
            "subject": item.text("subject", default=None if is_mail else ""),
            "preheader": item.text("preheader", default=""),
            "body": item.body(),
            "translations": translations,
            "defaults": defaults,
        }
    )


def _are_texts(found: Mapping[str, Json]) -> bool:
    return all(isinstance(value, str) for value in found.values())


def _load_segment(loader: _Loader, item: _Item, slug: str) -> str:
    item.only("condition", "publish")
    name, condition, is_published = item.text("name"), item.object("condition"), item.flag("publish")
    found = Segment.objects.filter(slug=slug).first()
    try:
        document = {"language": LANGUAGE, "if": to_json(parse_condition(condition))}
        outcome = MADE if found is None else UNCHANGED
        if found is None or (found.name, found.condition) != (name, document):
            save_segment(slug, name=name, condition=condition, actor=loader.actor, now=loader.now)
            outcome = CHANGED if found else MADE
        if is_published and not _is_in_force(slug):
            publish_segment(slug, actor=loader.actor, now=loader.now)
            outcome = CHANGED if found else MADE
    except ConditionError as error:
        place = f"{item.path}.condition"
        loader.refuse(f"{place}.{error.path}" if error.path else place, error.phrase.said(translation))
    except NetworkRefused as error:
        loader.refuse(f"{item.path}.condition", str(error))
    return outcome


def _is_in_force(slug: str) -> bool:
    """Whether the draft is what members are kept by already."""
    segment = Segment.objects.get(slug=slug)
    version = segment.versions.filter(number=segment.version, condition=segment.condition)
    return segment.state == Segment.State.LIVE and version.exists()


def _load_journey(loader: _Loader, item: _Item, slug: str) -> str:
    item.only("document", "publish")
    name, document, is_published = item.text("name"), item.object("document"), item.flag("publish")
    try:
        parse_journey(document)
        outcome = _draft(loader, slug, name=name, document=document)
        if is_published:
            before = Journey.objects.get(slug=slug).live_version_id
            version = publish_journey(slug, actor=loader.actor, now=loader.now)
            outcome = CHANGED if outcome == UNCHANGED and version.pk != before else outcome
    except JourneyError as error:
        place = f"{item.path}.document"
        for fault in error.faults:
            loader.fault(f"{place}.{fault.path}" if fault.path else place, fault.message.said(translation))
        raise _Unsound from error
    return outcome


def _draft(loader: _Loader, slug: str, *, name: str, document: Mapping[str, Json]) -> str:
    found = Journey.objects.filter(slug=slug).first()
    if found is None:
        create_journey(loader.actor, slug=slug, name=name, document=document)
        return MADE
    if (found.name, found.draft) == (name, {"language": LANGUAGE, **document}):
        return UNCHANGED
    save_draft(
        slug,
        document=document,
        revision=found.draft_revision,
        actor=loader.actor,
        now=loader.now,
        name=name,
    )
    return CHANGED


def _one_of(words: Iterable[str]) -> str:
    return _("must be one of %(choices)s") % {"choices": ", ".join(map(str, words))}


MADE, CHANGED, UNCHANGED = "made", "changed", "unchanged"
# In this order: journeys name templates, connections and segments; mails name layouts.
_SECTIONS: Final[Mapping[str, _Load]] = {
    "sources": _load_source,
    "connections": _load_connection,
    "templates": _load_template,
    "segments": _load_segment,
    "journeys": _load_journey,
}
