"""How the management API of segments reads input and answers faults."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import translation
from django.utils.translation import gettext as _
from rest_framework import exceptions, serializers, status

from segments.domain.conditions import Condition
from segments.domain.parse import ConditionError, parse_condition
from segments.domain.phrases import Translator
from segments.fingerprints import DraftConflict
from segments.limits import limited
from segments.models import Segment
from segments.network import NetworkRefused
from segments.queries import PREVIEW_SECONDS, TooSlow
from segments.services import SegmentInUse, SlugTaken, WrongState
from segments.services.computing import TraitInUse


class SegmentConflict(exceptions.APIException):
    """The segment is not as the caller believes."""

    status_code = status.HTTP_409_CONFLICT


class TooSlowToCount(exceptions.APIException):
    """Counting would take longer than a request may."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE


class Faults:
    """Answers what services refuse: faults of fields, conflicts, and what takes too long."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ConditionError):
            raise faulty(error) from error
        if isinstance(error, SlugTaken):
            raise serializers.ValidationError({"slug": [_("Another segment has this slug.")]}) from error
        if isinstance(error, WrongState):
            words = _("The segment is “%(state)s”; that cannot be done now.") % {"state": error.state}
            raise SegmentConflict(words) from error
        if isinstance(error, SegmentInUse | TraitInUse):
            words = _("It is used in: %(segments)s.") % {"segments": ", ".join(error.by)}
            raise SegmentConflict(words) from error
        if isinstance(error, DraftConflict):
            raise SegmentConflict(_("Somebody saved another rule meanwhile.")) from error
        if isinstance(error, TooSlow):
            words = _(
                "Counting takes too long; save the segment, and its members are found in the background."
            )
            raise TooSlowToCount(words) from error
        if isinstance(error, NetworkRefused):
            words = _("The rules cannot be prepared: %(reason)s") % {"reason": str(error)}
            raise serializers.ValidationError({"condition": [words]}) from error


@contextmanager
def counted() -> Iterator[None]:
    """Give up counting members when it takes too long."""
    try:
        with limited(PREVIEW_SECONDS):
            yield
    except TooSlow as error:
        raise TooSlowToCount(_("Counting takes too long; try again later.")) from error


def condition_of(document: dict[str, Any]) -> Condition:
    try:
        return parse_condition(document)
    except ConditionError as error:
        raise faulty(error) from error


def faulty(error: ConditionError) -> serializers.ValidationError:
    message = error.phrase.said(translator_now())
    return serializers.ValidationError({"condition": {error.path: [message]} if error.path else [message]})


def translator_now() -> Translator:
    return translation


def valid(data: serializers.Serializer[Any]) -> dict[str, Any]:
    data.is_valid(raise_exception=True)
    values: dict[str, Any] = data.validated_data
    return values


def segment_or_404(slug: str) -> Segment:
    return get_object_or_404(Segment, slug=slug)
