"""Management API of this app; see cdp_site/urls.py for how they are mounted."""

from django.urls import path

from segments import api

app_name = "segments_api"

urlpatterns = [
    path("api/v1/segments/", api.SegmentList.as_view(), name="segment-list"),
    path("api/v1/segments/preview/", api.SegmentPreview.as_view(), name="segment-preview"),
    path("api/v1/segments/<slug:slug>/", api.SegmentDetail.as_view(), name="segment-detail"),
    path("api/v1/segments/<slug:slug>/publish/", api.SegmentPublish.as_view(), name="segment-publish"),
    path("api/v1/segments/<slug:slug>/pause/", api.SegmentPause.as_view(), name="segment-pause"),
    path("api/v1/segments/<slug:slug>/members/", api.SegmentMembers.as_view(), name="segment-members"),
]
