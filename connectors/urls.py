"""Pages and public doors of this app; see cdp_site/urls.py for how they are mounted."""

from django.urls import path

from connectors import hooks, ingest, public_views, snippet, source_views

app_name = "connectors"

urlpatterns = [
    path("v1/<path:path>", ingest.ingest, name="ingest"),
    path("beacon/v1/<path:path>", ingest.ingest, name="ingest-beacon"),
    path("wayfare.js", snippet.snippet, name="snippet"),
    path("hooks/<slug:source>", hooks.hook, name="hook"),
    path("c/<str:token>", public_views.click, name="click"),
    path("o/<str:token>", public_views.pixel, name="pixel"),
    path("u/<str:token>", public_views.unsubscribe_page, name="unsubscribe"),
    path("sources/", source_views.source_list, name="source-list"),
    path("sources/new/", source_views.source_create, name="source-create"),
]
