from django.apps import AppConfig
from django.core.checks import Tags, register

from cdp_site.checks import check_database


class SiteConfig(AppConfig):
    name = "cdp_site"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        register(check_database, Tags.database)
