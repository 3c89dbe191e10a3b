"""Management API of this app; see cdp_site/urls.py for how they are mounted."""

from django.urls import path

from connectors import source_api

app_name = "connectors_api"

urlpatterns = [
    path("api/v1/sources/", source_api.SourceList.as_view(), name="source-list"),
    path("api/v1/sources/<slug:slug>/", source_api.SourceDetail.as_view(), name="source-detail"),
]
