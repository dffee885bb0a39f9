from django.apps import AppConfig


class EngineeringConfig(AppConfig):
    name = "supportagent.engineering"
    label = "engineering"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from supportagent.engineering import audit_actions, state_checks  # noqa: F401

        state_checks.register()
