"""Pages about people; see cdp_site/urls.py for how they are mounted."""

from django.urls import path

from profiles import views

app_name = "profiles"

urlpatterns = [
    path("people/", views.people_list, name="people-list"),
    path("people/search/", views.people_search, name="people-search"),
    path("people/suggest/<slug:name>/", views.people_suggest, name="people-suggest"),
]
