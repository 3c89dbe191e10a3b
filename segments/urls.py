"""Pages and public doors of this app; see cdp_site/urls.py for how they are mounted."""

from django.urls import path

from segments import views

app_name = "segments"

urlpatterns = [
    path("segments/", views.segment_list, name="segment-list"),
    # A plus is in no slug: these are never a segment's own address.
    path("segments/+new/", views.segment_new, name="segment-new"),
    path("segments/+traits/+new/", views.trait_new, name="trait-new"),
    path("segments/+traits/+samples/", views.trait_samples, name="trait-samples"),
    path("segments/+traits/<slug:key>/", views.trait_edit, name="trait-edit"),
    path("segments/+traits/<slug:key>/state/", views.trait_state, name="trait-state"),
    path("segments/<slug:slug>/", views.segment_detail, name="segment-detail"),
    path("segments/<slug:slug>/edit/", views.segment_edit, name="segment-edit"),
    path("segments/<slug:slug>/publish/", views.segment_publish, name="segment-publish"),
    path("segments/<slug:slug>/growth/", views.segment_growth, name="segment-growth"),
    path("segments/<slug:slug>/history/", views.segment_history, name="segment-history"),
    path("segments/<slug:slug>/build/", views.segment_build, name="segment-build"),
    path("segments/<slug:slug>/members/", views.segment_members_change, name="segment-members-change"),
    path("segments/<slug:slug>/members.<slug:to>", views.segment_export, name="segment-export"),
    path("segments/<slug:slug>/state/", views.segment_state, name="segment-state"),
    path("segments/<slug:slug>/audit/", views.segment_audit, name="segment-audit"),
    path("segments/<slug:slug>/restore/<int:number>/", views.segment_restore, name="segment-restore"),
]
