"""Management API of this app; see cdp_site/urls.py for how they are mounted."""

from django.urls import path

from connectors import connection_api, delivery_api, source_api, template_api

app_name = "connectors_api"

urlpatterns = [
    path("api/v1/templates/", template_api.TemplateList.as_view(), name="template-list"),
    path("api/v1/templates/<slug:slug>/", template_api.TemplateDetail.as_view(), name="template-detail"),
    path(
        "api/v1/templates/<slug:slug>/preview/",
        template_api.TemplatePreview.as_view(),
        name="template-preview",
    ),
    path("api/v1/connections/", connection_api.ConnectionList.as_view(), name="connection-list"),
    path(
        "api/v1/connections/<slug:slug>/",
        connection_api.ConnectionDetail.as_view(),
        name="connection-detail",
    ),
    path("api/v1/deliveries/", delivery_api.DeliveryList.as_view(), name="delivery-list"),
    path("api/v1/deliveries/replay/", delivery_api.DeliveryReplay.as_view(), name="delivery-replay"),
    path("api/v1/deliveries/<uuid:uuid>/", delivery_api.DeliveryDetail.as_view(), name="delivery-detail"),
    path(
        "api/v1/deliveries/<uuid:uuid>/replay/",
        delivery_api.OneDeliveryReplay.as_view(),
        name="delivery-replay-one",
    ),
    path("api/v1/sources/", source_api.SourceList.as_view(), name="source-list"),
    path("api/v1/sources/<slug:slug>/", source_api.SourceDetail.as_view(), name="source-detail"),
]
