from django.apps import AppConfig


class StaffConfig(AppConfig):
    name = "supportagent.staff"
    label = "staff"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from supportagent.staff import audit_actions  # noqa: F401
