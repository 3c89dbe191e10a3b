"""Pages and public doors of this app; see cdp_site/urls.py for how they are mounted."""

from django.urls import path

from connectors import ingest, snippet, source_views

app_name = "connectors"

urlpatterns = [
    path("v1/<path:path>", ingest.ingest, name="ingest"),
    path("beacon/v1/<path:path>", ingest.ingest, name="ingest-beacon"),
    path("wayfare.js", snippet.snippet, name="snippet"),
    path("sources/", source_views.source_list, name="source-list"),
    path("sources/new/", source_views.source_create, name="source-create"),
]
