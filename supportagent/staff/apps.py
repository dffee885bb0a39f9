from django.apps import AppConfig


class StaffConfig(AppConfig):
    name = "supportagent.staff"
    label = "staff"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from supportagent.console import presence as open_pages
        from supportagent.staff import audit_actions, presence  # noqa: F401

        open_pages.install(presence.heard_of)
