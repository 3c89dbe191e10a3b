"""Pages and public doors of this app; see cdp_site/urls.py for how they are mounted."""

from django.urls import path

from segments import views

app_name = "segments"

urlpatterns = [
    path("segments/", views.segment_list, name="segment-list"),
    # A plus is in no slug: these are never a segment's own address.
    path("segments/+new/", views.segment_new, name="segment-new"),
    path("segments/<slug:slug>/", views.segment_detail, name="segment-detail"),
    path("segments/<slug:slug>/edit/", views.segment_edit, name="segment-edit"),
    path("segments/<slug:slug>/publish/", views.segment_publish, name="segment-publish"),
]
