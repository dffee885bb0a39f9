from django.apps import AppConfig


class WorkspaceConfig(AppConfig):
    name = "supportagent.workspace"
    label = "workspace"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from supportagent.workspace import navigation, references  # noqa: F401 - they register on import
