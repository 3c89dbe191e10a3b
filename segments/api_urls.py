"""Management API of this app; see cdp_site/urls.py for how they are mounted."""

from django.urls import path

from segments import api

app_name = "segments_api"

_SEGMENT = "api/v1/segments/<slug:slug>/"
_COMPUTED = "api/v1/computed-traits/<slug:key>/"
_LIST = "api/v1/lists/<slug:slug>/"

urlpatterns = [
    path("api/v1/segments/", api.SegmentList.as_view(), name="segment-list"),
    path("api/v1/segments/preview/", api.SegmentPreview.as_view(), name="segment-preview"),
    path(_SEGMENT, api.SegmentDetail.as_view(), name="segment-detail"),
    path(f"{_SEGMENT}publish/", api.SegmentPublish.as_view(), name="segment-publish"),
    path(f"{_SEGMENT}pause/", api.SegmentPause.as_view(), name="segment-pause"),
    path(f"{_SEGMENT}resume/", api.SegmentResume.as_view(), name="segment-resume"),
    path(f"{_SEGMENT}archive/", api.SegmentArchive.as_view(), name="segment-archive"),
    path(f"{_SEGMENT}duplicate/", api.SegmentCopy.as_view(), name="segment-copy"),
    path(f"{_SEGMENT}versions/", api.SegmentVersions.as_view(), name="segment-versions"),
    path(
        f"{_SEGMENT}versions/<int:number>/restore/",
        api.SegmentRestore.as_view(),
        name="segment-version-restore",
    ),
    path(f"{_SEGMENT}audits/", api.SegmentAudits.as_view(), name="segment-audits"),
    path(f"{_SEGMENT}effects/", api.SegmentEffects.as_view(), name="segment-effects"),
    path(f"{_SEGMENT}overlap/", api.SegmentOverlap.as_view(), name="segment-overlap"),
    path(f"{_SEGMENT}growth/", api.SegmentGrowth.as_view(), name="segment-growth"),
    path(f"{_SEGMENT}members/", api.SegmentMembers.as_view(), name="segment-members"),
    path(f"{_SEGMENT}members/file/", api.SegmentMembersFile.as_view(), name="segment-members-file"),
    path(f"{_SEGMENT}members/export/", api.SegmentMembersExport.as_view(), name="segment-members-export"),
    # A list is a segment without a rule; these are the same members under the other name.
    path("api/v1/lists/", api.ListList.as_view(), name="list-list"),
    path(f"{_LIST}members/", api.SegmentMembers.as_view(), name="list-members"),
    path(f"{_LIST}members/file/", api.SegmentMembersFile.as_view(), name="list-members-file"),
    path("api/v1/computed-traits/", api.ComputedTraitList.as_view(), name="computed-list"),
    path(f"{_COMPUTED}", api.ComputedTraitDetail.as_view(), name="computed-detail"),
    path(f"{_COMPUTED}pause/", api.ComputedTraitPause.as_view(), name="computed-pause"),
    path(f"{_COMPUTED}resume/", api.ComputedTraitResume.as_view(), name="computed-resume"),
]
