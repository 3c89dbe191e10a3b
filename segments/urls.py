"""Pages and public doors of this app; see cdp_site/urls.py for how they are mounted."""

from django.urls import path

from segments import views

app_name = "segments"

urlpatterns = [
    path("segments/", views.segment_list, name="segment-list"),
    path("segments/<slug:slug>/", views.segment_detail, name="segment-detail"),
]
