from django.apps import AppConfig


class ChangesConfig(AppConfig):
    name = "supportagent.changes"
    label = "changes"
    verbose_name = "Changes of the rules"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from supportagent.changes import audit_actions, loosening, navigation, state_checks  # noqa: F401 - register
        from supportagent.changes.gate import admit
        from supportagent.changes.watching import listen
        from supportagent.console import gate

        listen()
        gate.install(admit)
