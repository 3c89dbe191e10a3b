from django.apps import AppConfig


class JourneysConfig(AppConfig):
    name = "journeys"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from journeys.live import journeys_asking_for
        from segments.services.askers import ask_too

        ask_too(journeys_asking_for)
