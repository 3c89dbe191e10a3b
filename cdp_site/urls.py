"""The one table of addresses.

Every app has two lists, both written with full paths and mounted at the root:

    <app>/urls.py      pages and public doors   app_name = "<app>"       path("segments/<slug:slug>/", …)
    <app>/api_urls.py  the management API       app_name = "<app>_api"   path("api/v1/segments/", …)

Url names read `app:thing-verb` (`segments:segment-detail`, `segments_api:segment-list`). Every view
carries a mark of `cdp_site.web` or a permission of `cdp_site.api.role_required`; a test walks this table.
"""

from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path

from cdp_site.pages import health, overview, person
from cdp_site.web import public_page, staff_page

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("people/<uuid:uuid>/", person.person_page, name="person"),
    path("people/<uuid:uuid>/why/<slug:slug>/", person.person_why, name="person-why"),
    path("", include("profiles.urls")),
    path("", include("segments.urls")),
    path("", include("journeys.urls")),
    path("", include("connectors.urls")),
    path("", include("profiles.api_urls")),
    path("", include("segments.api_urls")),
    path("", include("journeys.api_urls")),
    path("", include("connectors.api_urls")),
    path("log-in/", public_page(auth.LoginView.as_view()), name="login"),
    path("log-out/", public_page(auth.LogoutView.as_view()), name="logout"),
    path(
        "password/",
        staff_page()(auth.PasswordChangeView.as_view(success_url="/")),
        name="password_change",
    ),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("favicon.ico", health.favicon, name="favicon"),
    path("admin/", admin.site.urls),
]
