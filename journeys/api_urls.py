"""Management API of this app; see cdp_site/urls.py for how they are mounted."""

from django.urls import URLPattern

app_name = "journeys_api"

urlpatterns: list[URLPattern] = []
