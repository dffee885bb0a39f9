from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "agents"
    label = "agents"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from agents import audit_actions, navigation, receivers, state_checks  # noqa: F401 - they register on import
        from agents.costs import telling  # noqa: F401 - it registers on import
