"""Pages and public doors of this app; see cdp_site/urls.py for how they are mounted."""

from django.urls import path

from journeys import views, views_builder, views_keeping, views_people, views_results, views_starting

app_name = "journeys"

urlpatterns = [
    path("journeys/", views_builder.journey_list, name="journey-list"),
    path("journeys/+new/", views_builder.journey_new, name="journey-new"),
    path("journeys/<slug:slug>/", views_builder.journey_page, name="journey-page"),
    path("journeys/<slug:slug>/parts/<str:part>/", views_builder.journey_edit, name="journey-edit"),
    path("journeys/<slug:slug>/do/<slug:verb>/", views_builder.journey_do, name="journey-do"),
    path("journeys/<slug:slug>/draft.json", views_keeping.journey_export, name="journey-export"),
    path("journeys/<slug:slug>/import/", views_keeping.journey_import, name="journey-import"),
    path("journeys/<slug:slug>/rename/", views_keeping.journey_rename, name="journey-rename"),
    path("journeys/<slug:slug>/duplicate/", views_keeping.journey_duplicate, name="journey-duplicate"),
    path("journeys/<slug:slug>/delete/", views_keeping.journey_delete, name="journey-delete"),
    path("journeys/<slug:slug>/people/", views_people.journey_people, name="journey-people"),
    path("journeys/+starters/", views_starting.journey_starters, name="journey-starters"),
    path("journeys/<slug:slug>/results/", views_results.journey_results, name="journey-results"),
    path("journeys/<slug:slug>/results.csv", views_results.journey_results_file, name="journey-results-file"),
    path("journeys/<slug:slug>/publish/", views.journey_publish, name="journey-publish"),
    path("journeys/<slug:slug>/crowd/", views.journey_crowd, name="journey-crowd"),
    path("journeys/<slug:slug>/pause/", views.journey_pause, name="journey-pause"),
    path("journeys/<slug:slug>/resume/", views.journey_resume, name="journey-resume"),
    path("journeys/<slug:slug>/stop/", views.journey_stop, name="journey-stop"),
]
