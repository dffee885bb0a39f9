from django.apps import AppConfig


class MetricsConfig(AppConfig):
    name = "supportagent.metrics"
    label = "metrics"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from supportagent.metrics import navigation  # noqa: F401 - it registers on import
