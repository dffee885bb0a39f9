from django.apps import AppConfig


class ToolsConfig(AppConfig):
    name = "supportagent.tools"
    label = "tools"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from supportagent.tools import audit_actions, checks  # noqa: F401 - they register on import
