from django.apps import AppConfig


class ToolsConfig(AppConfig):
    name = "supportagent.tools"
    label = "tools"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from supportagent.console.health import DOCTOR
        from supportagent.tools import audit_actions, checks, health  # noqa: F401 - two register on import

        DOCTOR["imported servers"] = health.circuits
