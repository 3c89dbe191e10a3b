"""Pages and public doors of this app; see cdp_site/urls.py for how they are mounted."""

from django.urls import path

from connectors import ingest

app_name = "connectors"

urlpatterns = [
    path("v1/<path:path>", ingest.ingest, name="ingest"),
    path("beacon/v1/<path:path>", ingest.ingest, name="ingest-beacon"),
]
