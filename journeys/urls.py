"""Pages and public doors of this app; see cdp_site/urls.py for how they are mounted."""

from django.urls import path

from journeys import views

app_name = "journeys"

urlpatterns = [
    path("journeys/", views.journey_list, name="journey-list"),
    path("journeys/<slug:slug>/", views.journey_page, name="journey-page"),
    path("journeys/<slug:slug>/parts/<str:part>/", views.journey_edit, name="journey-edit"),
    path("journeys/<slug:slug>/publish/", views.journey_publish, name="journey-publish"),
    path("journeys/<slug:slug>/pause/", views.journey_pause, name="journey-pause"),
    path("journeys/<slug:slug>/resume/", views.journey_resume, name="journey-resume"),
    path("journeys/<slug:slug>/stop/", views.journey_stop, name="journey-stop"),
]
