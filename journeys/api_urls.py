"""Management API of this app; see cdp_site/urls.py for how they are mounted."""

from django.urls import path

from journeys import api
from journeys.api_results import JourneyResults

app_name = "journeys_api"

urlpatterns = [
    path("api/v1/journeys/", api.JourneyList.as_view(), name="journey-list"),
    path("api/v1/journeys/<slug:slug>/", api.JourneyDetail.as_view(), name="journey-detail"),
    path("api/v1/journeys/<slug:slug>/duplicate/", api.JourneyCopy.as_view(), name="journey-copy"),
    path("api/v1/journeys/<slug:slug>/publish/", api.JourneyPublish.as_view(), name="journey-publish"),
    path("api/v1/journeys/<slug:slug>/pause/", api.JourneyPause.as_view(), name="journey-pause"),
    path("api/v1/journeys/<slug:slug>/resume/", api.JourneyResume.as_view(), name="journey-resume"),
    path("api/v1/journeys/<slug:slug>/stop/", api.JourneyStop.as_view(), name="journey-stop"),
    path("api/v1/journeys/<slug:slug>/enter/", api.JourneyEnter.as_view(), name="journey-enter"),
    path("api/v1/journeys/<slug:slug>/report/", api.JourneyReport.as_view(), name="journey-report"),
    path("api/v1/journeys/<slug:slug>/results/", JourneyResults.as_view(), name="journey-results"),
]
