"""Pages and public doors of this app; see cdp_site/urls.py for how they are mounted."""

from django.urls import path

from connectors import (
    connection_views,
    delivery_views,
    hooks,
    ingest,
    public_views,
    snippet,
    source_views,
    template_views,
    template_writing,
    topic_views,
)

app_name = "connectors"

urlpatterns = [
    path("v1/<path:path>", ingest.ingest, name="ingest"),
    path("beacon/v1/<path:path>", ingest.ingest, name="ingest-beacon"),
    path("wayfare.js", snippet.snippet, name="snippet"),
    path("hooks/<slug:source>", hooks.hook, name="hook"),
    path("c/<str:token>", public_views.click, name="click"),
    path("o/<str:token>", public_views.pixel, name="pixel"),
    path("u/<str:token>", public_views.unsubscribe_page, name="unsubscribe"),
    path("u/<str:token>/topics", public_views.topics_page, name="topics"),
    path("deliveries/", delivery_views.delivery_list, name="delivery-list"),
    path("deliveries/replay/", delivery_views.delivery_replay_all, name="delivery-replay-all"),
    path("deliveries/<uuid:uuid>/", delivery_views.delivery_page, name="delivery-page"),
    path("deliveries/<uuid:uuid>/mail/", delivery_views.delivery_mail, name="delivery-mail"),
    path("deliveries/<uuid:uuid>/replay/", delivery_views.delivery_replay, name="delivery-replay"),
    path("messages/", template_views.template_list, name="template-list"),
    path("messages/+new/", template_writing.template_new, name="template-new"),
    path("messages/+people/", template_views.people_offered, name="template-people"),
    path("messages/+topics/", topic_views.topic_list, name="topic-list"),
    path("messages/+topics/<slug:slug>/", topic_views.topic_edit, name="topic-edit"),
    path("messages/+variables/", template_views.variables_offered, name="template-variables"),
    path("messages/<slug:slug>/", template_views.template_page, name="template-page"),
    path("messages/<slug:slug>/mail/", template_views.template_mail, name="template-mail"),
    path("messages/<slug:slug>/edit/", template_writing.template_edit, name="template-edit"),
    path("messages/<slug:slug>/check/", template_writing.template_check, name="template-check"),
    path("messages/<slug:slug>/test/", template_writing.template_test, name="template-test"),
    path("messages/<slug:slug>/publish/", template_writing.template_publish, name="template-publish"),
    path(
        "messages/<slug:slug>/versions/<int:number>/take/",
        template_writing.template_take,
        name="template-take",
    ),
    path("connections/", connection_views.connection_list, name="connection-list"),
    path("connections/+new/", connection_views.connection_new, name="connection-new"),
    path("connections/+new/<slug:kind>/", connection_views.connection_create, name="connection-create"),
    path("connections/<slug:slug>/", connection_views.connection_edit, name="connection-edit"),
    path("connections/<slug:slug>/check/", connection_views.connection_check, name="connection-check"),
    path("connections/<slug:slug>/pause/", connection_views.connection_pause, name="connection-pause"),
    path("sources/", source_views.source_list, name="source-list"),
    path("sources/new/", source_views.source_create, name="source-create"),
]
