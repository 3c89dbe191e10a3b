"""Computed traits: saving, pausing, going on, giving up."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef

from cdp_site import audit
from profiles.domain.naming import OWN_TRAITS
from profiles.models import Person, TraitChange
from segments.domain.computed import computed_json, parse_computed
from segments.models import ComputedTrait
from segments.queries import segments_by_trait
from segments.revision import change_rules
from segments.services.askers import asking_for
from segments.services.publishing import wake_builder


class Holder(StrEnum):
    """Whose a key is."""

    COMPUTED = "computed"  # another computed trait's
    PEOPLE = "people"  # of a trait that sources sent or journeys set
    WAYFARE = "wayfare"  # what people are named by, or written to at


class KeyTaken(Exception):
    """The trait of this key is written by something else."""

    def __init__(self, key: str, *, by: Holder = Holder.COMPUTED) -> None:
        super().__init__(key)
        self.key = key
        self.by = by


class TraitInUse(Exception):
    """Segments or journeys ask about the trait."""

    def __init__(self, *, key: str, by: list[str]) -> None:
        super().__init__(f"{key} is used in {', '.join(by)}")
        self.key = key
        self.by = by  # slugs


@transaction.atomic
def save_computed(
    key: str,
    *,
    name: str,
    definition: Mapping[str, Any],
    actor: str,
    now: datetime,
    must_be_new: bool = False,
) -> ComputedTrait:
    """Create a computed trait, or change the one of this key; everybody is asked in the background.

    Raises:
        ConditionError: the definition is none.
        KeyTaken: there is one of this key, and `must_be_new`; or a new one would overwrite what people have.
    """
    document = computed_json(parse_computed(dict(definition)))
    if not ComputedTrait.objects.filter(key=key).exists():
        _check_free(key)  # may read everybody, so it comes before drains are held off
    change_rules()
    trait, is_new = ComputedTrait.objects.select_for_update().get_or_create(
        key=key, defaults={"name": name, "definition": document}
    )
    if must_be_new and not is_new:
        raise KeyTaken(key)
    before = None if is_new else {"name": trait.name, "definition": trait.definition}
    if is_new or trait.definition != document:
        _have_built(trait)
    ComputedTrait.objects.filter(pk=trait.pk).update(name=name, definition=document, updated_at=now)
    after = {"name": name, "definition": document}
    _record(
        actor, "computed_trait.create" if is_new else "computed_trait.edit", key, before=before, after=after
    )
    trait.refresh_from_db()
    return trait


def _check_free(key: str) -> None:
    """Refuse a key under which people have something that was not computed. Raises KeyTaken."""
    if key in OWN_TRAITS:
        raise KeyTaken(key, by=Holder.WAYFARE)
    computed = TraitChange.objects.filter(person_id=OuterRef("pk"), key=key, origin="computed")
    if Person.objects.current().filter(~Exists(computed), traits__has_key=key).exists():
        raise KeyTaken(key, by=Holder.PEOPLE)


@transaction.atomic
def pause_computed(key: str, *, actor: str, now: datetime) -> ComputedTrait:
    """Leave the values as they are."""
    return _change_state(key, ComputedTrait.State.PAUSED, verb="computed_trait.pause", actor=actor, now=now)


@transaction.atomic
def resume_computed(key: str, *, actor: str, now: datetime) -> ComputedTrait:
    """Keep the values up to date again; everybody is asked anew."""
    trait = _change_state(key, ComputedTrait.State.LIVE, verb="computed_trait.resume", actor=actor, now=now)
    _have_built(trait)
    trait.refresh_from_db()
    return trait


@transaction.atomic
def delete_computed(key: str, *, actor: str) -> None:
    """Give a computed trait up. People keep the values they have.

    Raises:
        ComputedTrait.DoesNotExist: none has the key.
        TraitInUse: segments or journeys ask about it, and would go on with values that get old.
    """
    change_rules()
    trait = ComputedTrait.objects.select_for_update().get(key=key)
    if users := [*(segment.slug for segment in segments_by_trait().get(key, ())), *asking_for(key)]:
        raise TraitInUse(key=key, by=users)
    trait.dues.all().delete()
    _record(actor, "computed_trait.delete", key, before={"definition": trait.definition}, after=None)
    trait.delete()


def _change_state(key: str, state: str, *, verb: str, actor: str, now: datetime) -> ComputedTrait:
    change_rules()
    trait = ComputedTrait.objects.select_for_update().get(key=key)
    _record(actor, verb, key, before={"state": trait.state}, after={"state": state})
    ComputedTrait.objects.filter(pk=trait.pk).update(state=state, updated_at=now)
    trait.refresh_from_db()
    return trait


def _have_built(trait: ComputedTrait) -> None:
    ComputedTrait.objects.filter(pk=trait.pk).update(
        built_at=None, build_total=None, build_done=0, build_cursor=0
    )
    transaction.on_commit(wake_builder)


def _record(actor: str, verb: str, key: str, *, before: Any, after: Any) -> None:
    audit.record(actor, verb, object_kind="computed_trait", object_id=key, before=before, after=after)
