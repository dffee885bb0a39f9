from django.apps import AppConfig


class WidgetConfig(AppConfig):
    name = "supportagent.widget"
    label = "widget"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from supportagent.widget import audit_actions, receivers  # noqa: F401
