"""The list of computed traits with the segments and journeys that ask for them, and giving one up."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from cdp_site.web import Role, StaffRequest, page_or_part, staff_page
from journeys.live import versions_in_use
from segments.domain.computed import parse_computed
from segments.domain.describe import describe_computed
from segments.domain.parse import ConditionError
from segments.models import ComputedTrait, Segment
from segments.queries import segments_by_trait
from segments.services.computing import TraitInUse, delete_computed


@dataclass(frozen=True, slots=True, kw_only=True)
class TraitLine:
    """A computed trait as the list shows it."""

    trait: ComputedTrait
    sentence: str  # "" where it is of another release and cannot be read
    segments: Sequence[Segment]
    journeys: Sequence[tuple[str, str]]  # slug, name

    @property
    def is_used(self) -> bool:
        return bool(self.segments or self.journeys)

    @property
    def is_building(self) -> bool:
        return self.trait.state == ComputedTrait.State.LIVE and self.trait.built_at is None


def trait_lines(traits: Sequence[ComputedTrait]) -> list[TraitLine]:
    """Say what traits are and who asks for them."""
    segments, versions = segments_by_trait(), versions_in_use()
    return [
        TraitLine(
            trait=trait,
            sentence=_sentence(trait),
            segments=segments.get(trait.key, ()),
            journeys=sorted({(one.slug, one.name) for one in versions if trait.key in one.reads.trait_keys}),
        )
        for trait in traits
    ]


def _sentence(trait: ComputedTrait) -> str:
    try:
        return describe_computed(parse_computed(trait.definition), translator=translation)
    except ConditionError:
        return ""


@staff_page()
@require_safe
def trait_list(request: StaffRequest) -> HttpResponse:
    """List the computed traits."""
    lines = trait_lines(list(ComputedTrait.objects.order_by("name", "id")))
    context = {"lines": lines, "is_building": any(line.is_building for line in lines)}
    return page_or_part(
        request, page="segments/trait_list.html", part="segments/_traits.html", context=context
    )


@staff_page(Role.MARKETER)
@require_http_methods(["GET", "HEAD", "POST"])
def trait_delete(request: StaffRequest, key: str) -> HttpResponse:
    """Say who asks for a computed trait; a POST gives it up if nobody does."""
    trait = get_object_or_404(ComputedTrait, key=key)
    (line,) = trait_lines([trait])
    if request.method == "POST" and not line.is_used:
        try:
            delete_computed(key, actor=request.user.get_username())
        except TraitInUse:  # by what was published in this moment
            return HttpResponseRedirect(request.path)
        messages.success(request, _("The trait is given up; people keep the values they have."))
        return HttpResponseRedirect(reverse("trait-list"))
    return render(request, "segments/trait_delete.html", {"line": line})
