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

from cdp_site.pages import (
    api_docs,
    backtest_api,
    backtest_pages,
    connection_pages,
    feed_api,
    feed_pages,
    health,
    metrics,
    operations,
    overview,
    person,
    person_api,
    segment_parts,
    settings_api,
    settings_pages,
    template_parts,
    trait_pages,
    try_pages,
)
from cdp_site.web import public_page, staff_page

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("people/<uuid:uuid>/", person.person_page, name="person"),
    path("people/<uuid:uuid>/why/", person.person_why_choose, name="person-why-choose"),
    path("people/<uuid:uuid>/why/<slug:slug>/", person.person_why, name="person-why"),
    path("operations/", operations.operations, name="operations"),
    path("operations/dead-letters/", operations.dead_letters, name="dead-letters"),
    path("settings/", settings_pages.settings_page, name="settings"),
    path("settings/company/", settings_pages.company_save, name="company-save"),
    path("settings/team/", settings_pages.member_add, name="member-add"),
    path("settings/team/<int:pk>/", settings_pages.member_change, name="member-change"),
    path("settings/tokens/", settings_pages.token_make, name="token-make"),
    path("settings/tokens/<int:pk>/revoke/", settings_pages.token_revoke, name="token-revoke"),
    path("settings/audit/", settings_pages.audit_log, name="audit-log"),
    path("segments/+count/", segment_parts.rule_count, name="rule-count"),
    path("segments/+count/<slug:slug>/", segment_parts.starter_count, name="starter-count"),
    path("segments/+traits/", trait_pages.trait_list, name="trait-list"),
    path("segments/+traits/<slug:key>/delete/", trait_pages.trait_delete, name="trait-delete"),
    path("segments/<slug:slug>/uses/", segment_parts.segment_uses, name="segment-uses"),
    path("segments/<slug:slug>/moves/", segment_parts.segment_moves, name="segment-moves"),
    path("messages/<slug:slug>/uses/", template_parts.template_uses, name="template-uses"),
    path("journeys/<slug:slug>/try/", try_pages.journey_try, name="journey-try"),
    path("journeys/<slug:slug>/why/", try_pages.journey_why, name="journey-why"),
    path("journeys/<slug:slug>/backtest/", backtest_pages.backtest_list, name="backtest-list"),
    path("journeys/<slug:slug>/backtest/<int:pk>/", backtest_pages.backtest_page, name="backtest-page"),
    path(
        "journeys/<slug:slug>/backtest/<int:pk>/cancel/",
        backtest_pages.backtest_cancel,
        name="backtest-cancel",
    ),
    path("connections/+preview/<slug:kind>/", connection_pages.mapping_preview, name="connection-preview"),
    path("connections/<slug:slug>/feed/", feed_pages.connection_feed, name="connection-feed"),
    path("connections/<slug:slug>/feed/trial/", feed_pages.feed_trial, name="feed-trial"),
    path("", include("profiles.urls")),
    path("", include("segments.urls")),
    path("", include("journeys.urls")),
    path("", include("connectors.urls")),
    path("api/v1/people/", person_api.PersonList.as_view(), name="api-person-list"),
    path("api/v1/people/<uuid:uuid>/", person_api.PersonDetail.as_view(), name="api-person-detail"),
    path(
        "api/v1/people/<uuid:uuid>/timeline/", person_api.PersonTimeline.as_view(), name="api-person-timeline"
    ),
    path("api/v1/people/<uuid:uuid>/why/", person_api.PersonWhy.as_view(), name="api-person-why"),
    path("api/v1/connections/<slug:slug>/feed/", feed_api.ConnectionFeed.as_view(), name="api-feed"),
    path("api/v1/settings/", settings_api.CompanySettings.as_view(), name="api-settings"),
    path(
        "api/v1/journeys/<slug:slug>/backtest/",
        backtest_api.JourneyBackTests.as_view(),
        name="api-journey-backtests",
    ),
    path(
        "api/v1/journeys/<slug:slug>/backtest/<int:pk>/",
        backtest_api.JourneyBackTest.as_view(),
        name="api-journey-backtest",
    ),
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
    path("metrics", metrics.metrics, name="metrics"),
    path("api/schema/", api_docs.schema, name="schema"),
    path("api/docs/", api_docs.docs, name="api-docs"),
    path("favicon.ico", health.favicon, name="favicon"),
    path("admin/", admin.site.urls),
]

handler404 = "cdp_site.pages.errors.not_found"
handler500 = "cdp_site.pages.errors.broken"
