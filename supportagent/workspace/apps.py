from django.apps import AppConfig


class WorkspaceConfig(AppConfig):
    name = "supportagent.workspace"
    label = "workspace"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from supportagent.workspace import navigation  # noqa: F401 - it registers on import
