"""Drafts: made and replaced. A draft may be unsound; two editors do not overwrite each other."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from journeys.domain.definition import LANGUAGE
from journeys.domain.parse.storing import storable
from journeys.drafts import remember, swapped
from journeys.models import Journey
from journeys.services.recording import record_change
from profiles.domain.facts import Json

_MOST_TRIES: Final = 1_000


class SlugTaken(Exception):
    """Another journey has this slug."""

    def __init__(self, slug: str) -> None:
        super().__init__(slug)
        self.slug = slug


class DraftConflict(Exception):
    """The draft is not the one that was edited: somebody saved in between."""

    def __init__(self, *, slug: str, revision: int) -> None:
        super().__init__(f"{slug} is at revision {revision}")
        self.slug = slug
        self.revision = revision  # of the draft as it is now


def create_journey(
    actor: str, *, slug: str, name: str, document: Mapping[str, Json], source: str = ""
) -> Journey:
    """Create a journey that only has a draft.

    Args:
        source: slug of the journey it is a copy of.

    Raises:
        SlugTaken: another journey has the slug.
        JourneyError: the document cannot be stored.
    """
    storable(document)
    draft = {"language": LANGUAGE, **document}
    try:
        with transaction.atomic():
            journey = Journey.objects.create(slug=slug, name=name, draft=draft)
            after = {"name": name, "copy_of": source} if source else {"name": name}
            record_change(actor, "journey.create", journey, after=after)
    except IntegrityError as error:
        raise SlugTaken(slug) from error
    return journey


def create_named(
    actor: str, *, name: str, document: Mapping[str, Json], slug: str = "", source: str = ""
) -> Journey:
    """Create a journey under a slug after its name that no other has, or under the one that is given.

    Raises:
        SlugTaken: another journey has the given slug.
        JourneyError: the document cannot be stored.
    """
    if slug:
        return create_journey(actor, slug=slug, name=name, document=document, source=source)
    start = slugify(name)[:70].strip("-_") or "journey"
    for number in range(1, _MOST_TRIES):
        free = start if number == 1 else f"{start}-{number}"
        try:
            return create_journey(actor, slug=free, name=name, document=document, source=source)
        except SlugTaken:
            continue
    raise SlugTaken(start)


@transaction.atomic
def save_draft(
    slug: str,
    *,
    document: Mapping[str, Json],
    revision: int,
    actor: str,
    now: datetime,
    name: str | None = None,
    part: str = "",
) -> Journey:
    """Replace the draft that was read at `revision`; what it was can be brought back.

    Args:
        part: what was typed into; changes of one part by one person in one go are undone together.

    Raises:
        Journey.DoesNotExist: no journey has the slug.
        DraftConflict: the draft was saved since.
        JourneyError: the document cannot be stored.
    """
    storable(document)
    draft = {"language": LANGUAGE, **document}
    journey = Journey.objects.select_for_update().get(slug=slug)
    if journey.draft_revision != revision:
        raise DraftConflict(slug=slug, revision=journey.draft_revision)
    remember(journey, part=part, actor=actor, now=now)
    return _replace(journey, draft, actor=actor, now=now, name=name)


@transaction.atomic
def undo_draft(slug: str, *, revision: int, actor: str, now: datetime, is_redo: bool = False) -> Journey:
    """Take the last change of the draft back, or do it again; nothing happens where there is none.

    Raises:
        Journey.DoesNotExist: no journey has the slug.
        DraftConflict: the draft was saved since `revision`.
    """
    journey = Journey.objects.select_for_update().get(slug=slug)
    if journey.draft_revision != revision:
        raise DraftConflict(slug=slug, revision=journey.draft_revision)
    document = swapped(journey, is_undo=not is_redo)
    return journey if document is None else _replace(journey, document, actor=actor, now=now)


def _replace(
    journey: Journey, draft: Mapping[str, Json], *, actor: str, now: datetime, name: str | None = None
) -> Journey:
    revision = journey.draft_revision
    before = {"revision": revision, "name": journey.name}
    journey.draft, journey.draft_revision, journey.updated_at = dict(draft), revision + 1, now
    journey.name = journey.name if name is None else name
    journey.save(update_fields=["draft", "draft_revision", "updated_at", "name"])
    record_change(actor, "journey.edit", journey, before=before, after=_draft_as_audited(journey))
    return journey


def _draft_as_audited(journey: Journey) -> dict[str, Json]:
    return {"revision": journey.draft_revision, "name": journey.name}
