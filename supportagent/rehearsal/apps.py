from django.apps import AppConfig


class RehearsalConfig(AppConfig):
    name = "supportagent.rehearsal"
    label = "rehearsal"

    def ready(self) -> None:
        from supportagent.rehearsal import audit_actions  # noqa: F401 - it registers on import
