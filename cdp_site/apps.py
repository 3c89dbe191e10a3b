from django.apps import AppConfig
from django.core.checks import Tags, register
from django.db.backends.signals import connection_created

from cdp_site.checks import check_database
from cdp_site.instants import read_instants_fast


class SiteConfig(AppConfig):
    name = "cdp_site"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        register(check_database, Tags.database)
        from cdp_site.pipeline.feeds import feeds_asking_for
        from segments.services.askers import ask_too

        connection_created.connect(read_instants_fast)
        ask_too(feeds_asking_for)
