from django.apps import AppConfig


class TicketsConfig(AppConfig):
    name = "supportagent.tickets"
    label = "tickets"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from supportagent.tickets import audit_actions, state_checks  # noqa: F401

        state_checks.register()
