from django.apps import AppConfig


class StoreConfig(AppConfig):
    name = "supportagent.store"
    label = "store"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from supportagent.store import audit_actions, state_checks  # noqa: F401

        state_checks.register()
