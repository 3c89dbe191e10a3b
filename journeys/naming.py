"""What pages and API say alike of journeys that are copied or deleted."""

from typing import Final

from django.utils.translation import gettext as _

from journeys.models import Journey
from journeys.services import InUse

LONGEST_NAME: Final = 120


def copy_name(name: str) -> str:
    """The name of a copy nobody named."""
    return (_("Copy of %(name)s") % {"name": name})[:LONGEST_NAME]


def why_kept(error: InUse) -> str:
    """Why a journey cannot be deleted, in a sentence."""
    if error.state != Journey.State.DRAFT:
        return _("People may have entered this journey: it can be stopped, and what it did is kept.")
    names = ", ".join(error.named_by)
    return _("Other journeys send people into this one: %(names)s. Change them first.") % {"names": names}
