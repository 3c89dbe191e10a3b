"""Naming a person in the API: by public id, or by an identity as in `user_id:42`."""

from uuid import UUID

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from profiles.models import Person
from profiles.queries import person_by_identity, person_of


def person_named(text: str, *, field: str) -> Person:
    """Find a person.

    Raises:
        ValidationError: nobody is named so.
    """
    kind, colon, value = text.partition(":")
    found = person_by_identity(kind, value) if colon else _by_public_id(text)
    if found is None:
        raise serializers.ValidationError({field: [_("Nobody is known by this.")]})
    return found


def _by_public_id(text: str) -> Person | None:
    try:
        return person_of(UUID(text))
    except ValueError:
        return None
