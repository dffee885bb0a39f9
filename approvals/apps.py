from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    name = "approvals"
    label = "approvals"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from approvals import audit_actions, navigation, receivers, state_checks  # noqa: F401 - they register on import
        from approvals.notifications import requests  # noqa: F401 - it registers on import
        from approvals.notifications.health import notifications
        from supportagent.console.health import DOCTOR

        DOCTOR["notifications"] = notifications
