"""A journey as a whole: renamed, copied, and deleted as long as nobody can have entered it."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from cdp_site.models import BackTest
from journeys.domain.editing import copied_journey
from journeys.domain.outline import Document, steps_in
from journeys.models import Journey, JourneyVersion
from journeys.services.drafts import DraftConflict, create_named
from journeys.services.recording import record_change


class InUse(Exception):
    """The journey cannot be deleted."""

    def __init__(self, *, slug: str, state: str, named_by: Sequence[str]) -> None:
        super().__init__(f"{slug} is {state} and named by {', '.join(named_by) or 'nobody'}")
        self.slug = slug
        self.state = state
        self.named_by = tuple(named_by)  # names of journeys that send people into it


@transaction.atomic
def rename_journey(
    slug: str, *, name: str, actor: str, now: datetime, revision: int | None = None
) -> Journey:
    """Give a journey another name; its address and its draft stay.

    Args:
        revision: the draft's revision that was looked at; None for whatever it is.

    Raises:
        Journey.DoesNotExist: no journey has the slug.
        DraftConflict: the draft was saved since `revision`.
    """
    journey = Journey.objects.select_for_update().get(slug=slug)
    if revision not in (None, journey.draft_revision):
        raise DraftConflict(slug=slug, revision=journey.draft_revision)
    before = journey.name
    if name != before:
        journey.name, journey.updated_at = name, now
        journey.save(update_fields=["name", "updated_at"])
        record_change(actor, "journey.rename", journey, before={"name": before}, after={"name": name})
    return journey


def duplicate_journey(slug: str, *, name: str, actor: str, new_slug: str = "") -> Journey:
    """Make a new draft of a journey's draft.

    Args:
        new_slug: "" for one after the name.

    Raises:
        Journey.DoesNotExist: no journey has the slug.
        SlugTaken: another journey has `new_slug`.
    """
    document = copied_journey(Journey.objects.get(slug=slug).draft, salt=fresh_salt)
    return create_named(actor, name=name, document=document, slug=new_slug, source=slug)


def fresh_salt(step_id: str) -> str:
    """What a split draws by that no other journey has."""
    return f"{step_id}-{secrets.token_hex(3)}"


@transaction.atomic
def delete_journey(slug: str, *, actor: str) -> None:
    """Delete a draft that was never published, with its back-tests and what of it can be undone.

    Raises:
        Journey.DoesNotExist: no journey has the slug.
        InUse: it was published once, or another one sends people into it.
    """
    journey = Journey.objects.select_for_update().get(slug=slug)
    named_by = sorted(_naming(slug))
    if journey.state != Journey.State.DRAFT or named_by:
        raise InUse(slug=slug, state=journey.state, named_by=named_by)
    record_change(actor, "journey.delete", journey, before={"name": journey.name, "document": journey.draft})
    BackTest.objects.filter(journey_id=journey.pk).delete()
    journey.delete()


def _naming(slug: str) -> set[str]:
    """The names of other journeys that lead into this one, by their draft or a version people may be in."""
    others = Journey.objects.exclude(slug=slug)
    written = [*others.values_list("name", "draft")]
    written += JourneyVersion.objects.filter(journey__in=others).values_list("journey__name", "document")
    return {
        name for name, document in written if any(_leads_to(step.part, slug) for step in steps_in(document))
    }


def _leads_to(step: Document, slug: str) -> bool:
    return step.get("kind") == "go_to_journey" and step.get("journey") == slug
