"""Management API of this app; see cdp_site/urls.py for how they are mounted."""

from django.urls import path

from profiles import api

app_name = "profiles_api"

urlpatterns = [
    path("api/v1/events/names/", api.EventNames.as_view(), name="event-names"),
    path("api/v1/events/properties/", api.EventProperties.as_view(), name="event-properties"),
    path("api/v1/events/values/", api.EventValues.as_view(), name="event-values"),
    path("api/v1/traits/names/", api.TraitNames.as_view(), name="trait-names"),
    path("api/v1/traits/values/", api.TraitValues.as_view(), name="trait-values"),
]
